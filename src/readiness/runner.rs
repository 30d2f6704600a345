//! The runner: the very preparation that `backup` makes, twice, without a dump.

use crate::backup::gather::{HostAnswers, gather};
use crate::base::error::{Code, Result};
use crate::base::hint::Hint;
use crate::base::names::RunId;
use crate::readiness::audit::{Host, first_above, is_unanswered, refusal, told};
use crate::report::matrix::{Evidence, Finding, Matrix};
use crate::report::row_state::RowState;

/// What one dry run would print.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    backup_sha: String,
    pg_dump: Vec<String>,
    gpg: Vec<String>,
}

/// The plan that `backup` would make, by all answers that were had already, or by its own.
pub(crate) fn plan(
    host: &Host,
    run_id: &Result<RunId>,
    answers: Option<HostAnswers>,
) -> Result<Planned> {
    for key in [
        "dbname",
        "compress",
        "encoding",
        "lock_wait",
        "timeout",
        "gnupg_home",
        "signing",
        "known_external",
    ] {
        host.refused(key)?;
    }
    let run_id = run_id.clone()?;
    let gathered = match answers {
        Some(answers) => answers.plan(run_id, host.config)?,
        None => gather(host.config, run_id, host.cancel)?,
    };
    let name = host.config.store.join(gathered.plan.artifact_name());
    let dry_run = gathered.plan.dry_run(name.display().to_string());
    Ok(Planned {
        backup_sha: dry_run.backup_sha,
        pg_dump: dry_run.plan.pg_dump,
        gpg: dry_run.plan.gpg,
    })
}

/// A plan that cannot be made for lack of something has that for its reason: the other rows say
/// how it is.
pub(crate) fn judge(plan: Result<Planned>, again: Result<Planned>, matrix: &Matrix) -> Finding {
    match plan.and_then(|plan| Ok((plan, again?))) {
        Ok((first, second)) if first == second => {
            let sha = first.backup_sha;
            Finding::ready(Evidence::argv(
                first.pg_dump,
                format!("would dump; backup_sha {sha}, twice the same"),
            ))
            .with(Evidence::argv(first.gpg, "would encrypt"))
        }
        Ok((first, second)) => Finding::failed(format!(
            "two plans of the same run differ: {} and {}",
            first.backup_sha, second.backup_sha
        ))
        .hint(Hint::pgseal(&["preflight"])),
        Err(error) if error.code == Code::Setting && !of_key(matrix) && !of_tables(matrix) => {
            refusal(&error)
        }
        Err(error) if error.code == Code::NotRestorable => Finding::failed(told(&error))
            .hint("# As for restore_closure: require_restorable is set."),
        Err(error) => {
            let why = format!("no plan can be made: {}", told(&error));
            let others = [
                &matrix.gpg_binary,
                &matrix.pg_dump,
                &matrix.database,
                &matrix.target_tables,
            ];
            let others_ready = others.iter().all(|row| row.is_ready());
            match matrix.backup_key.state() {
                RowState::Missing if others_ready => {
                    Finding::missing(why).awaiting_key().hint(first_above())
                }
                RowState::Failed | RowState::Unknown if others_ready => {
                    Finding::unknown(why).awaiting_key().hint(first_above())
                }
                RowState::Ready if others_ready && is_unanswered(&error) => {
                    Finding::unknown(why).hint(error.hints)
                }
                RowState::Ready if others_ready => {
                    Finding::failed(why).hint(Hint::pgseal(&["backup", "--dry-run"]))
                }
                _ => Finding::unknown(why).hint(first_above()),
            }
        }
    }
}

fn of_key(matrix: &Matrix) -> bool {
    !matrix.backup_key.is_ready()
}

fn of_tables(matrix: &Matrix) -> bool {
    !matrix.target_tables.is_ready() || !matrix.database.is_ready()
}
