//! `pgseal readiness` and `pgseal preflight`: one audit, told in two ways.

use crate::base::error::{Code, Error, Result};
use crate::base::exit::Exit;
use crate::commands::operator_package;
use crate::config::cli::{self, Format, Gate};
use crate::config::settings::{Broken, Config};
use crate::process::cancel::Cancel;
use crate::readiness::audit::{Audit, audit};
use crate::report::judgement::F4;
use crate::report::operator_package::KeyAlgorithm;
use crate::report::print::{self, Answer};
use crate::report::proof::{Exposed, Readiness, Verdict};

pub(crate) fn run(
    args: &cli::Readiness,
    config: &Config,
    broken: &[Broken],
    cancel: &Cancel,
    json: bool,
) -> Result<Answer> {
    // clap sees no conflict where one of the two stands before the verb.
    if json && args.format.is_some() {
        return Err(Error::new(
            Code::Usage,
            "--json and --format are two forms of one report",
        )
        .hint("Give one of them."));
    }
    let audit = audit("pgseal/readiness/1", config, broken, cancel)?;
    let package = operator_package::text(config, KeyAlgorithm::Ecc);
    let format = args.format.unwrap_or(Format::Table);
    told(audit, args.gate, |found| match (json, format) {
        (true, _) => print::json_pretty(found),
        (false, Format::Table) => {
            let look = crate::report::style::TerminalStyle::of_stdout(&config.env);
            Ok(crate::report::readiness::table(found, &look))
        }
        (false, Format::Markdown) => Ok(crate::report::markdown::report(found, &package)),
    })
}

pub(crate) fn preflight(
    config: &Config,
    broken: &[Broken],
    cancel: &Cancel,
    json: bool,
) -> Result<Answer> {
    let audit = audit("pgseal/preflight/1", config, broken, cancel)?;
    told(audit, Gate::F4, |found| {
        if json {
            print::json_pretty(found)
        } else {
            let look = crate::report::style::TerminalStyle::of_stdout(&config.env);
            Ok(crate::report::preflight::checklist(found, &look))
        }
    })
}

/// What is about to be printed is searched for the canary as well.
fn told(audit: Audit, gate: Gate, render: impl Fn(&Readiness) -> Result<String>) -> Result<Answer> {
    let mut found = audit.readiness;
    let mut out = render(&found)?;
    if audit.canary.is_some_and(|canary| canary.is_in(&out)) {
        found.verdict.secrets_exposed = Exposed::Found;
        out = render(&found)?;
    }
    let yes = match gate {
        Gate::F4 => found.verdict.f4_status == F4::Ready,
        Gate::G3 => found.verdict.g3 == Verdict::Pass,
    };
    Ok(Answer {
        out,
        notes: Vec::new(),
        exit: if yes && found.verdict.secrets_exposed != Exposed::Found {
            Exit::Yes
        } else {
            Exit::No
        },
        undelivered: None,
    })
}
