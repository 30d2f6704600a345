//! `pgseal readiness` and `pgseal preflight`: one audit, told in two ways.

use crate::base::error::{Code, Error, Result};
use crate::base::exit::Exit;
use crate::base::hint::{Hint, Hints};
use crate::commands::operator_package;
use crate::config::cli::{self, Format, Gate};
use crate::config::flags::Settings;
use crate::config::settings::{Broken, Config};
use crate::process::cancel::Cancel;
use crate::readiness::audit::{Audit, audit};
use crate::report::judgement::F4;
use crate::report::markdown::{self, Head};
use crate::report::preflight::checklist;
use crate::report::print::{self, Answer};
use crate::report::proof::{Exposed, Readiness, Verdict};
use crate::report::readiness::{Detail, table};
use crate::report::style::TerminalStyle;

pub(crate) fn run(
    args: &cli::Readiness,
    settings: &Settings,
    config: &Config,
    broken: &[Broken],
    cancel: &Cancel,
) -> Result<Answer> {
    // clap sees no conflict where one of the two stands before the verb.
    if settings.json && args.format.is_some() {
        return Err(Error::new(
            Code::Usage,
            "--json and --format are two forms of one report",
        )
        .hint("Give one of them."));
    }
    let audit = audit("pgseal/readiness/1", config, broken, cancel)?;
    let config_file = config.file.as_ref();
    let head = Head {
        uid: rustix::process::geteuid().as_raw(),
        command: line(&["readiness", "--format=markdown"], config),
        config: config_file
            .map(|file| format!("{}, SHA-256 {}", file.display(), config.file_sha256)),
        package: operator_package::parts(config),
    };
    let style = TerminalStyle::of_stdout(&config.env);
    let detail = if settings.verbose {
        Detail::AllEvidence
    } else {
        Detail::Reason
    };
    told(audit, args.gate, |found| match args.format {
        None | Some(Format::Table) => table(found, detail, &more(found, detail, config), &style),
        Some(Format::Markdown) => markdown::report(found, &head),
    })
}

pub(crate) fn preflight(config: &Config, broken: &[Broken], cancel: &Cancel) -> Result<Answer> {
    let audit = audit("pgseal/preflight/1", config, broken, cancel)?;
    let style = TerminalStyle::of_stdout(&config.env);
    told(audit, Gate::F4, |found| checklist(found, &style))
}

/// A command line of ours, with the settings that were given.
fn line(words: &[&str], config: &Config) -> String {
    let hints = Hints::from(Hint::pgseal(words)).completed(&config.given);
    hints.lines().join(" ")
}

/// Where the rest is told.
fn more(found: &Readiness, detail: Detail, config: &Config) -> Vec<String> {
    let mut more = Vec::new();
    if detail == Detail::Reason {
        let all = line(&["readiness", "--verbose"], config);
        more.push(format!("all evidence: {all}"));
        if !found.rows.findings().iter().all(|row| row.is_ready()) {
            let mends = line(&["preflight"], config);
            more.push(format!("what mends it: {mends}"));
        }
    }
    more
}

/// What is about to be printed is searched for the canary as well.
fn told(audit: Audit, gate: Gate, text: impl Fn(&Readiness) -> String) -> Result<Answer> {
    let mut found = audit.readiness;
    let (mut out, mut json) = (text(&found), print::json_pretty(&found)?);
    if let Some(canary) = audit.canary
        && (canary.is_in(&out) || canary.is_in(&json))
    {
        found.verdict.secrets_exposed = Exposed::Found;
        (out, json) = (text(&found), print::json_pretty(&found)?);
    }
    let yes = match gate {
        Gate::F4 => found.verdict.f4_status == F4::Ready,
        Gate::G3 => found.verdict.g3 == Verdict::Pass,
    };
    Ok(Answer {
        json: Some(json),
        exit: if yes && found.verdict.secrets_exposed != Exposed::Found {
            Exit::Yes
        } else {
            Exit::No
        },
        ..Answer::yes(out)
    })
}
