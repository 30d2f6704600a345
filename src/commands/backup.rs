//! `pgseal backup`: dump, encrypt, hash, publish, and say so in one line; or fail closed.

use crate::backup::gather::gather;
use crate::backup::run::{FinishedBackup, new_run_id, prepare};
use crate::base::error::Result;
use crate::base::exit::Exit;
use crate::base::names::RunId;
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::report::print::{self, Answer};
use crate::report::progress::Progress;
use crate::store::folder::Store;

pub(crate) fn run(
    args: &cli::Backup,
    config: &Config,
    cancel: &Cancel,
    show: &mut dyn FnMut(&Progress, u64),
) -> Result<Answer> {
    let run_id = match &args.run_id {
        Some(run_id) => run_id.clone(),
        None => new_run_id()?,
    };
    if args.dry_run {
        return dry_run(run_id, config, cancel);
    }
    let prepared = prepare(run_id, config, cancel)?;
    let FinishedBackup { manifest, warnings } = prepared.run(config, cancel, show)?;
    let mut notes = print::warnings(&warnings);
    notes.extend(crate::report::backup::summary(&manifest));
    let kept = format!("the backup is kept: `{}`", manifest.envelope.artifact_ref);
    Ok(Answer {
        out: print::json_line(&manifest.envelope)?,
        notes,
        exit: Exit::Yes,
        undelivered: Some(kept),
    })
}

fn dry_run(run_id: RunId, config: &Config, cancel: &Cancel) -> Result<Answer> {
    let store = Store::open(&config.store)?;
    store.check_free(&run_id)?;
    let gathered = gather(config, run_id, cancel)?;
    let artifact = store.path(&gathered.plan.artifact_name());
    let plan = gathered.plan.dry_run(artifact.display().to_string());
    Ok(Answer {
        out: print::json_line(&plan)?,
        notes: print::warnings(&gathered.warnings),
        exit: Exit::Yes,
        undelivered: Some("nothing was written to the store".into()),
    })
}
