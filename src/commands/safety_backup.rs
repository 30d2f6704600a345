//! The backup that `pgseal undo --apply` takes before it writes.

use crate::backup::gather::gather;
use crate::backup::run::{new_run_id, prepare};
use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::base::names::{RunId, TableName};
use crate::commands::artifact::require_verified;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::store::folder::Store;
use crate::store::manifest::Manifest;
use crate::undo::apply::SafetyBackup;
use crate::undo::commit::{End, Safety};
use crate::undo::compared_table::ComparedTable;

/// A backup of the same tables, to undo the undo. Whatever would keep it from being taken is found
/// now, before anything is decrypted.
pub(crate) fn safety_backup(
    manifest: &Manifest,
    tables: &[ComparedTable],
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<SafetyBackup> {
    let mut targets: Vec<TableName> = Vec::new();
    for table in tables {
        let target = TableName::parse(&table.target)
            .map_err(|why| Error::new(Code::NotVerified, format!("the manifest: {why}")))?;
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    let config = Config {
        tables: Ok(targets),
        ..config.clone()
    };
    let run_id = new_run_id()?;
    let before = "cannot take the backup that comes first";
    let first = |error: Error| error.while_doing(before).on_disk(End::Untouched.told());
    let store = Store::open(&config.store).map_err(first)?;
    store.check_free(&run_id).map_err(first)?;
    gather(&config, run_id.clone(), cancel).map_err(first)?;
    let (of, cancel, meter) = (manifest.run_id.clone(), cancel.clone(), meter.clone());
    Ok(Box::new(move || {
        take(run_id, of, &config, &cancel, &meter).map_err(|error| error.while_doing(before))
    }))
}

fn take(
    run_id: RunId,
    of: String,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Safety> {
    let mut prepared = prepare(run_id.clone(), config, cancel)?;
    prepared.undo_of = Some(of);
    let finished = prepared.run(config, cancel, meter)?;
    require_verified("it", &run_id, &finished, config, cancel)?;
    Ok(Safety {
        run_id: run_id.to_string(),
        sha256: finished.manifest.envelope.sha256.clone(),
    })
}
