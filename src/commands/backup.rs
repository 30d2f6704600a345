//! `pgseal backup`: dump, encrypt, hash, publish, and say so in one line; or fail closed.

use crate::backup::gather::gather;
use crate::backup::restorability::WHOLE;
use crate::backup::run::{new_run_id, prepare};
use crate::base::error::Result;
use crate::base::meter::Meter;
use crate::base::names::{RunId, TableName};
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::report::backup::Planned;
use crate::report::print::{self, Answer};
use crate::store::folder::Store;

pub(crate) fn run(
    args: &cli::Backup,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Answer> {
    let run_id = args.run_id.clone().map_or_else(new_run_id, Ok)?;
    if args.dry_run {
        return dry_run(run_id, config, cancel);
    }
    let finished = prepare(run_id, config, cancel)?.run(config, cancel, meter)?;
    Ok(Answer {
        notes: finished.notes(),
        undelivered: Some(finished.kept()),
        ..Answer::yes(print::json_line(&finished.manifest.envelope)?)
    })
}

fn dry_run(run_id: RunId, config: &Config, cancel: &Cancel) -> Result<Answer> {
    let store = Store::open(&config.store)?;
    store.check_free(&run_id)?;
    store.check_modes()?;
    let gathered = gather(config, run_id, cancel)?;
    let artifact = store.path(&gathered.plan.artifact_name());
    let plan = gathered.plan.dry_run(artifact.display().to_string());
    let mut warnings = gathered.warnings.clone();
    warnings.extend(store.exposed());
    let mut notes = print::warnings(&warnings);
    let text = |names: &[TableName]| names.iter().map(ToString::to_string).collect();
    let planned = Planned {
        run_id: &plan.run_id,
        place: gathered.catalog.place().to_string(),
        tables: text(&gathered.plan.tables),
        relations: gathered.plan.relations.len(),
        recipients: (gathered.plan.recipients.iter().map(ToString::to_string)).collect(),
        artifact: &plan.artifact_ref,
        dump: gathered.plan.dump.to_string(),
        encrypt: gathered.plan.encrypt.to_string(),
        sign: gathered
            .signer
            .as_ref()
            .map(|signer| signer.spec.to_string()),
    };
    notes.extend(planned.lines());
    notes.extend(gathered.restorability.notes(WHOLE));
    Ok(Answer {
        notes,
        undelivered: Some("nothing was written to the store".into()),
        ..Answer::yes(print::json_line(&plan)?)
    })
}
