//! `pgseal prove-backup`: a live backup between two looks at the tables.

use crate::backup::manifest::Began;
use crate::backup::run::{new_run_id, prepare};
use crate::base::error::{Code, Error, Result};
use crate::commands::artifact::verify_sealed;
use crate::config::cli;
use crate::config::settings::Config;
use crate::pg;
use crate::pg::row_digest::DigestKey;
use crate::pg::table_digest::{self, NamedDigest};
use crate::process::ask;
use crate::process::cancel::Cancel;
use crate::process::find::{self, Tool};
use crate::process::run::Input;
use crate::report::findings::Findings;
use crate::report::print::{self, Answer};
use crate::report::prove_backup::{Observed, ProveBackupReport, SessionFacts};

pub(crate) fn run(
    args: &cli::ProveBackup,
    config: &Config,
    cancel: &Cancel,
    json: bool,
) -> Result<Answer> {
    let run_id = args.run_id.clone().map_or_else(new_run_id, Ok)?;
    let mut prepared = prepare(run_id.clone(), config, cancel)?;
    let (dump, stored) = (
        prepared.gathered.plan.dump.clone(),
        prepared.gathered.stored(),
    );
    let place = prepared.gathered.catalog.place();
    let digest_key = DigestKey::random()?;
    let look = |when: &str| {
        let taken = table_digest::take(&dump, stored.clone(), digest_key, cancel);
        taken.map_err(|error| {
            error.while_doing(&format!(
                "cannot read the tables {when} the backup ({place})"
            ))
        })
    };
    let before = look("before")?;
    // The look is no part of the backup's time.
    prepared.began = Began::now();
    let finished = prepared.run(config, cancel, &mut |_, _| {})?;
    let finish = || -> Result<(Findings, Vec<NamedDigest>, SessionFacts)> {
        let after = look("after")?;
        let session = session(config, cancel)?;
        let verification = verify_sealed(&run_id, &finished, config, cancel)?;
        Ok((verification.findings.clone(), after, session))
    };
    let (mut checks, after, session) = finish().map_err(|error| error.on_disk(finished.kept()))?;

    let quiet = session.default_transaction_read_only == "on"
        && session.transaction_read_only == "on"
        && session.transaction_id.is_none();
    checks.record("our writes", evidence(&session, quiet));
    let tables: Vec<Observed> = before.iter().map(|one| looked(one, &after)).collect();
    checks.record("rows unchanged", unchanged(&tables));
    let report = ProveBackupReport {
        schema: "pgseal/prove-backup/1",
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
        ..Answer::of(&report, json)?
    })
}

fn evidence(session: &SessionFacts, quiet: bool) -> std::result::Result<String, String> {
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

fn looked(before: &NamedDigest, after: &[NamedDigest]) -> Observed {
    let found = after.iter().find(|after| after.table == before.table);
    Observed {
        table: before.table.to_string(),
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
            "0 rows changed in {n} tables, by number and content"
        )),
        _ => Err(format!(
            "another session wrote to {} between the two looks: repeat it when nobody writes",
            changed.join(", ")
        )),
    }
}

/// A transaction of a session that is started as the dump's is: same tool options, same server.
fn session(config: &Config, cancel: &Cancel) -> Result<SessionFacts> {
    const QUERY: &str = "SELECT pg_catalog.json_build_object(\
        'default_transaction_read_only', pg_catalog.current_setting('default_transaction_read_only'), \
        'transaction_read_only', pg_catalog.current_setting('transaction_read_only'), \
        'transaction_id', pg_catalog.txid_current_if_assigned()::text);\n";
    let psql = find::find(Tool::Psql, &config.env)?;
    let spec = pg::command::psql(&psql, &config.connection);
    let what = "cannot ask what our sessions may do";
    let ran = ask::ask(
        &spec,
        Input::Bytes(pg::session::question(QUERY).into()),
        cancel,
        Code::Database,
        what,
    )?;
    serde_json::from_str(ran.text().trim())
        .map_err(|err| Error::new(Code::Database, format!("{what}: {err}")))
}
