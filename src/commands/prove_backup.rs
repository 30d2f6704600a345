//! `pgseal prove-backup`: a live backup between two looks at the tables.

use super::Answer;
use super::artifact::trusted_keys;
use super::backup::{backup, new_run_id};
use crate::cli;
use crate::config::Config;
use crate::envelope::Envelope;
use crate::error::{Code, Error, Result};
use crate::exit::Exit;
use crate::inspect;
use crate::pg;
use crate::pipeline::Input;
use crate::prepare::prepare;
use crate::render;
use crate::report::Verdict;
use crate::restore::digest::DigestKey;
use crate::restore::fingerprint::{self, Fingerprint};
use crate::tools::{self, Tool};
use crate::verify::{self, Findings, Origin, Subject};
use crate::watch::Watch;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub schema: &'static str,
    pub result: Verdict,
    pub run_id: String,
    pub envelope: Envelope,
    /// What our sessions wrote, by what the server says of them.
    pub our_writes: u64,
    pub session: Session,
    pub tables: Vec<Looked>,
    pub checks: Findings,
}

/// What the server says of a session that is started as the backup's are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub default_transaction_read_only: String,
    pub transaction_read_only: String,
    /// Assigned by the first write; null where there was none.
    pub transaction_id: Option<String>,
}

/// One table, before and after.
#[derive(Debug, Serialize)]
pub(crate) struct Looked {
    pub table: String,
    pub rows_before: u64,
    pub rows_after: Option<u64>,
    /// 0 where every row is as it was; null where some are not, for a sum of hashes does not tell
    /// how many.
    pub rows_changed: Option<u64>,
}

pub(crate) fn run(
    args: &cli::ProveBackup,
    config: &Config,
    watch: &Watch,
    json: bool,
) -> Result<Answer> {
    let run_id = match &args.run_id {
        Some(run_id) => run_id.clone(),
        None => new_run_id()?,
    };
    let prepared = prepare(config, run_id.clone(), watch)?;
    let dump = &prepared.plan.dump;
    let digest_key = DigestKey::random()?;
    let look = |when: &str| {
        let taken = fingerprint::take(dump, prepared.stored(), digest_key, watch);
        taken.map_err(|error| {
            error.while_doing(&format!("cannot read the tables {when} the backup"))
        })
    };
    let before = look("before")?;
    let (manifest, warnings) = backup(run_id.clone(), config, watch, &mut |_, _| {})?;
    let kept = format!("the backup is kept: `{}`", manifest.envelope.artifact_ref);
    let finish = || -> Result<(Findings, Vec<Fingerprint>, Session)> {
        let after = look("after")?;
        let session = session(config, watch)?;
        let subject = Subject {
            run_id: Some(run_id.clone()),
            artifact: PathBuf::from(&manifest.envelope.artifact_ref),
        };
        let origin = Origin {
            envelope: Some(Ok(manifest.envelope.clone())),
            trusted: trusted_keys(config),
            ..Origin::default()
        };
        let examined = verify::outside(subject, &origin, watch)?;
        Ok((examined.findings().clone(), after, session))
    };
    let (mut checks, after, session) = finish().map_err(|error| error.disk(kept.clone()))?;

    let quiet = session.default_transaction_read_only == "on"
        && session.transaction_read_only == "on"
        && session.transaction_id.is_none();
    checks.judge("our writes", evidence(&session, quiet));
    let tables: Vec<Looked> = before.iter().map(|one| looked(one, &after)).collect();
    checks.judge("rows unchanged", unchanged(&tables));
    let report = Report {
        schema: "pgseal/prove-backup/1",
        result: checks.verdict(),
        run_id: run_id.to_string(),
        envelope: manifest.envelope,
        our_writes: u64::from(!quiet),
        session,
        tables,
        checks,
    };
    Ok(Answer {
        out: match json {
            true => render::json_pretty(&report)?,
            false => render::prove_backup::text(&report),
        },
        notes: render::warnings(&warnings),
        exit: match report.result {
            Verdict::Pass => Exit::Yes,
            Verdict::Fail => Exit::No,
        },
        undelivered: Some(kept),
    })
}

fn evidence(session: &Session, quiet: bool) -> std::result::Result<String, String> {
    let said = format!(
        "the server says default_transaction_read_only={}, transaction_read_only={}, transaction id {}",
        session.default_transaction_read_only,
        session.transaction_read_only,
        session.transaction_id.as_deref().unwrap_or("none assigned"),
    );
    match quiet {
        true => Ok(format!("none: {said}")),
        false => Err(said),
    }
}

fn looked(before: &Fingerprint, after: &[Fingerprint]) -> Looked {
    let found = after.iter().find(|after| after.table == before.table);
    Looked {
        table: before.table.to_string(),
        rows_before: before.digest.rows,
        rows_after: found.map(|after| after.digest.rows),
        rows_changed: (found == Some(before)).then_some(0),
    }
}

fn unchanged(tables: &[Looked]) -> std::result::Result<String, String> {
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
fn session(config: &Config, watch: &Watch) -> Result<Session> {
    const QUERY: &str = "SELECT pg_catalog.json_build_object(\
        'default_transaction_read_only', pg_catalog.current_setting('default_transaction_read_only'), \
        'transaction_read_only', pg_catalog.current_setting('transaction_read_only'), \
        'transaction_id', pg_catalog.txid_current_if_assigned()::text);\n";
    let psql = tools::find(Tool::Psql, &config.env)?;
    let spec = pg::psql(&psql, config);
    let what = "cannot ask what our sessions may do";
    let ran = inspect::ask(
        &spec,
        Input::Bytes(pg::session::question(QUERY).into()),
        watch,
        Code::Database,
        what,
    )?;
    serde_json::from_str(ran.text().trim())
        .map_err(|err| Error::new(Code::Database, format!("{what}: {err}")))
}
