//! `pgseal prove-backup`: a live backup between two looks at the tables.

use crate::backup::manifest::Began;
use crate::backup::run::{new_run_id, prepare};
use crate::base::error::{Error, Result};
use crate::base::meter::{End, Meter};
use crate::base::names::TableName;
use crate::base::text::counted;
use crate::base::version::PGSEAL;
use crate::commands::artifact::verify_sealed;
use crate::config::cli;
use crate::config::settings::Config;
use crate::pg::catalog::Session;
use crate::pg::row_digest::DigestKey;
use crate::pg::table_digest::{self, NamedDigest};
use crate::process::cancel::Cancel;
use crate::report::print::{self, Answer};
use crate::report::prove_backup::{Observed, ProveBackupReport, SessionFacts};
use std::collections::BTreeMap;

pub(crate) fn run(
    args: &cli::ProveBackup,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Answer> {
    let run_id = args.run_id.clone().map_or_else(new_run_id, Ok)?;
    let mut prepared = prepare(run_id.clone(), config, cancel)?;
    let gathered = &prepared.gathered;
    let (dump, scan) = (gathered.plan.dump.clone(), gathered.scan());
    let (targets, locks) = (gathered.targets(), gathered.locks());
    let lock_table = gathered.catalog.server.lock_table.clone();
    // Of a session that is started as the dump's is: same tool options, same server.
    let session = SessionFacts::of(&gathered.catalog.session);
    let place = gathered.catalog.place();
    let digest_key = DigestKey::random()?;
    let estimate = End::About(gathered.catalog.bytes_estimate());
    let look = |when: &str, before: &[NamedDigest]| {
        meter.begin(Some("reading the tables"), estimate);
        let taken = table_digest::take(&dump, scan.clone(), digest_key, before, meter, cancel);
        taken.map_err(|error| {
            lock_table.explained(locks, error).while_doing(&format!(
                "cannot read the tables {when} the backup ({place})"
            ))
        })
    };
    let before = look("before", &[])?;
    // The look is no part of the backup's time.
    prepared.began = Began::now();
    let finished = prepared.run(config, cancel, meter)?;
    let kept = |error: Error| error.on_disk(finished.kept());
    let after = look("after", &before).map_err(kept)?;
    let verification = verify_sealed(&run_id, &finished, config, cancel).map_err(kept)?;
    let mut checks = verification.findings;

    let quiet = checks.record("our writes", our_writes(&session));
    let tables: Vec<Observed> = before
        .iter()
        .map(|one| looked(one, &after, &targets))
        .collect();
    checks.record("rows unchanged", unchanged(&tables));
    let report = ProveBackupReport {
        schema: "pgseal/prove-backup/1",
        pgseal_version: PGSEAL,
        result: checks.verdict(),
        run_id: run_id.to_string(),
        envelope: finished.manifest.envelope.clone(),
        our_writes: u64::from(!quiet),
        session,
        tables,
        checks,
    };
    Ok(Answer {
        notes: print::warnings(&finished.warnings),
        undelivered: Some(finished.kept()),
        ..Answer::of(&report)?
    })
}

impl SessionFacts {
    fn of(session: &Session) -> SessionFacts {
        SessionFacts {
            default_transaction_read_only: session.default_transaction_read_only.clone(),
            transaction_read_only: session.transaction_read_only.clone(),
            transaction_id: session.transaction_id.clone(),
        }
    }
}

fn our_writes(session: &SessionFacts) -> std::result::Result<String, String> {
    let quiet = session.default_transaction_read_only == "on"
        && session.transaction_read_only == "on"
        && session.transaction_id.is_none();
    let said = format!(
        "the server says default_transaction_read_only={}, transaction_read_only={}, transaction id {}",
        session.default_transaction_read_only,
        session.transaction_read_only,
        session.transaction_id.as_deref().unwrap_or("none assigned"),
    );
    if quiet {
        Ok(format!("none: {said}"))
    } else {
        Err(said)
    }
}

fn looked(
    before: &NamedDigest,
    after: &[NamedDigest],
    targets: &BTreeMap<TableName, TableName>,
) -> Observed {
    let found = after.iter().find(|after| after.table == before.table);
    Observed {
        table: before.table.to_string(),
        target: targets
            .get(&before.table)
            .map_or_else(String::new, TableName::to_string),
        rows_before: before.digest.rows,
        rows_after: found.map(|after| after.digest.rows),
        rows_changed: (found == Some(before)).then_some(0),
    }
}

fn unchanged(tables: &[Observed]) -> std::result::Result<String, String> {
    let changed = tables.iter().filter(|table| table.rows_changed != Some(0));
    let changed: Vec<&str> = changed.map(|table| table.table.as_str()).collect();
    match (tables.len(), &changed[..]) {
        (0, _) => Err("no table holds rows".into()),
        (n, []) => Ok(format!(
            "0 rows changed in {}, by number and content",
            counted(n, "table")
        )),
        _ => Err(format!(
            "another session wrote to {} between the two looks: repeat it when nobody writes",
            changed.join(", ")
        )),
    }
}
