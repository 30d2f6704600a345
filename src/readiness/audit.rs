//! The ten checks of `readiness` and `preflight`, side by side. A check that cannot be made is a
//! finding, never an abort.

use crate::backup::gather::HostAnswers;
use crate::backup::run::new_run_id;
use crate::base::env::hostname;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::place;
use crate::base::text::shell_word;
use crate::base::threads::{self, Task, joined};
use crate::base::version;
use crate::config::settings::{Broken, Config, refused};
use crate::process::cancel::Cancel;
use crate::readiness::mechanism::canary::Canary;
use crate::readiness::{closure, database, gpg, key, runner, seam, store};
use crate::report::judgement::Judgement;
use crate::report::matrix::{Finding, Matrix};
use crate::report::proof::{Exposed, Readiness};
use jiff::Timestamp;
use std::path::Path;
use std::thread;

/// What was found, and the canary of its proof, for whoever makes more text of it.
pub(crate) struct Audit {
    pub readiness: Readiness,
    pub canary: Option<Canary>,
}

pub(crate) fn audit(
    schema: &'static str,
    config: &Config,
    broken: &[Broken],
    cancel: &Cancel,
) -> Result<Audit> {
    let host = &Host {
        config,
        broken,
        cancel,
    };
    let run_id = &new_run_id();
    let (matrix, mechanism, estimates) = thread::scope(|scope| {
        // The longest first.
        let mechanism = threads::spawn(scope, || gpg::mechanism(host));
        // Asked all over again, so that two plans are two.
        let again = threads::spawn(scope, || runner::plan(host, run_id, None));
        let seam = threads::spawn(scope, || seam::check(host));
        let folder = threads::spawn(scope, || store::look(host));
        let answers = HostAnswers::ask(config, broken, cancel);
        let catalog = &answers.catalog;

        let mut matrix = Matrix {
            gpg_binary: gpg::binary(&answers),
            backup_key: key::check(host, &answers),
            pg_dump: database::pg_dump(host, &answers),
            database: database::server(host, catalog),
            target_tables: database::tables(host, catalog),
            restore_closure: closure::closure(host, &answers),
            store: store::judge(host, joined(folder), catalog),
            pre_write_backup_seam: finding(seam),
            backup_runner: Finding::unknown("not looked at"),
            gpg_mechanism: Finding::unknown("not looked at"),
        };
        let estimates = database::estimates(host, catalog);
        let plan = runner::plan(host, run_id, Some(answers));
        matrix.backup_runner = runner::judge(plan, joined(again), &matrix);
        let mechanism = joined(mechanism);
        matrix.gpg_mechanism = gpg::judge(&mechanism);
        (matrix, mechanism, estimates)
    });
    // A report that was cut short is none.
    cancel.check()?;
    let (proof, canary) = mechanism.ok().unzip();
    let made = proof.as_ref();
    let exposed = made.map_or(Exposed::Unknown, |proof| proof.secrets_exposed);
    let tables = config.tables.as_deref().unwrap_or_default();
    let readiness = Readiness {
        schema,
        created_at: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        host: hostname(),
        pgseal_version: version::PGSEAL,
        tables: tables.iter().map(ToString::to_string).collect(),
        estimates,
        verdict: Judgement::of(&matrix, exposed),
        rows: matrix.given(&config.given),
        searched: made.map_or(Vec::new(), |proof| proof.searched.clone()),
        gpg_mechanism_proof: proof,
    };
    Ok(Audit { readiness, canary })
}

/// What every check is given.
pub(crate) struct Host<'a> {
    pub(crate) config: &'a Config,
    pub(crate) broken: &'a [Broken],
    pub(crate) cancel: &'a Cancel,
}

impl Host<'_> {
    /// The setting of this name was refused: what rests on it was not asked.
    pub(crate) fn refused(&self, key: &str) -> Result<()> {
        refused(self.broken, key)
    }

    /// The config file that was read, or the one that would be.
    pub(crate) fn config_file(&self) -> &Path {
        let file = self.config.file.as_deref();
        file.unwrap_or(Path::new(place::CONFIG))
    }

    /// How a line gets into a section of it. A section that is there is changed by hand: a second one
    /// would make the file unreadable.
    pub(crate) fn set(&self, section: &str, what: &str, line: &str) -> Hints {
        let file = self.config_file();
        if self.config.sections.iter().any(|known| known == section) {
            let shown = file.display();
            return format!("{what}, in the [{section}] section of {shown}:\n{line}").into();
        }
        let (make, word) = place::config_file(file);
        let line = shell_word(line);
        let append = format!("printf '%s\\n' '[{section}]' {line} >> {word}");
        let make: Vec<Hint> = make.into_iter().collect();
        Hints::from(format!("{what}, as [{section}] in the config file:"))
            .then(make)
            .then(Hint::run(append))
    }
}

/// For a row that waits for another.
pub(crate) fn first_above() -> Hints {
    Hints::from("First what stands above it, then again:").then(Hint::pgseal(&["preflight"]))
}

fn finding(check: Result<Task<'_, Finding>>) -> Finding {
    let found = check.and_then(Task::join);
    found.unwrap_or_else(|error| unasked(&error))
}

/// A refusal as a finding: absent is MISSING; what we stopped, or what a limit of the host or a
/// signal kept from answering, is UNKNOWN; the rest is FAILED.
pub(crate) fn refusal(error: &Error) -> Finding {
    let why = told(error);
    let finding = match error.code {
        _ if error.absent => Finding::missing(why),
        _ if is_unanswered(error) => Finding::unknown(why),
        _ => Finding::failed(why),
    };
    finding.hint(error.hints.clone())
}

/// Nobody said no.
pub(crate) fn is_unanswered(error: &Error) -> bool {
    matches!(
        error.code,
        Code::Timeout | Code::Interrupted(_) | Code::StageFailed
    )
}

/// Could not be checked, for this reason.
pub(crate) fn unasked(error: &Error) -> Finding {
    Finding::unknown(told(error)).hint(error.hints.clone())
}

/// The message, and what the program said.
pub(crate) fn told(error: &Error) -> String {
    error.said().fold(error.message.clone(), |all, line| {
        format!("{all}: {}", line.trim())
    })
}
