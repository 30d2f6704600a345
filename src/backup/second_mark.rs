//! The second mark: what `guard`'s COMMAND wrote, and where it ended.

use crate::backup::finished::FinishedBackup;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::names::RunId;
use crate::config::settings::Config;
use crate::pg::mark::Mark;
use crate::pg::written_since::{self, Ended, TableCounts};
use crate::process::cancel::Cancel;
use crate::process::child::TICK;
use crate::report::print;
use crate::report::written::{Written, written};
use crate::store::after::After;
use crate::store::folder::Store;
use crate::store::run_files::RunFile;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// How long another run in the same store is waited for, COMMAND's own perhaps.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// What is to be told of it. What fails is a warning: COMMAND ran, and has its status.
/// `origin`: the option that proves the backup to `undo`.
pub(crate) fn take(
    finished: &FinishedBackup,
    origin: &str,
    config: &Config,
    cancel: &Cancel,
) -> Vec<String> {
    let asked = finished.since().and_then(|since| {
        written_since::ask(
            &finished.connection,
            since,
            &finished.targets,
            Ended::Noted,
            cancel,
        )
    });
    let (mut lines, mut warnings) = (Vec::new(), Vec::new());
    match asked {
        Ok(since) => {
            match &since.tables {
                Ok(tables) => {
                    let told = tables.iter().map(|table| told(finished, table));
                    let told: Vec<Written> = told.collect();
                    lines = written(&told, since.open);
                    lines.extend(since.prepared_note());
                    if told.iter().any(Written::differs) {
                        lines.extend(next_steps(finished, origin, config));
                    }
                }
                Err(error) => warnings.push(unknown("what COMMAND wrote", error)),
            }
            if let Err(error) = keep(finished, since.now, since.ended, config, cancel) {
                warnings.push(unknown("where COMMAND ended", &error));
            }
        }
        Err(error) => warnings.push(unknown("what COMMAND wrote, and where it ended", &error)),
    }
    lines.extend(print::warnings(&warnings));
    lines
}

/// What shows more, and what takes it back: of all tables of the backup.
fn next_steps(finished: &FinishedBackup, origin: &str, config: &Config) -> Vec<String> {
    let run_id = finished.manifest.run_id.as_str();
    let steps = Hints::from(Hint::pgseal(&["diff", run_id]).note("what it changed, row by row"))
        .then(Hint::pgseal(&["undo", run_id, origin]).note("a plan to take it back"));
    let given = config.given.without("--table");
    let lines = steps.completed(&given).lines().into_iter();
    lines.map(|line| format!("  {line}")).collect()
}

fn told(finished: &FinishedBackup, counts: &TableCounts) -> Written {
    let then = finished.rows(&counts.table);
    Written {
        table: counts.table.clone(),
        then,
        there: counts.there,
        // What COMMAND began, began behind the mark.
        written: counts.written.saturating_sub(counts.unsure),
        changed_or_gone: counts.changed_or_gone(then),
        unsure: counts.unsure,
    }
}

fn unknown(what: &str, error: &Error) -> String {
    // Behind it psql says where in the statement.
    let server = |line: &&String| line.contains("ERROR:") || line.contains("FATAL:");
    let said = error.said().find(server).or(error.said().last());
    let said = said.map_or(String::new(), |said| format!(": {}", said.trim()));
    format!("{what} is not known: {}{said}", error.message)
}

/// Beside the manifest, signed as it is.
fn keep(
    finished: &FinishedBackup,
    now: Mark,
    ended: Option<Vec<u32>>,
    config: &Config,
    cancel: &Cancel,
) -> Result<()> {
    let manifest = &finished.manifest;
    let run_id = RunId::parse(&manifest.run_id).map_err(|why| Error::new(Code::Store, why))?;
    let made = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut after = After::new(run_id.as_str(), &manifest.envelope.sha256, made, now);
    after.ended = ended;
    let bytes = print::json_pretty(&after)?.into_bytes();
    let signer = finished.signer.as_ref();
    let signature = signer
        .map(|signer| signer.sign(&bytes, cancel))
        .transpose()?;
    let store = Store::open(&config.store)?;
    lock(&store, cancel)?;
    let there = store.names()?;
    if !there.contains(&RunFile::Manifest.of(&run_id)) {
        let what = format!("run `{run_id}` is no longer in the store");
        return Err(Error::new(Code::NotFound, what));
    }
    let write = |file: RunFile, bytes: &[u8]| {
        let mut file = store.partial(&file.of(&run_id))?;
        file.write(bytes)?;
        file.sync()?.publish()
    };
    // The signature first, as with the manifest: a mark that is to have one is never without it.
    let signature = signature.map(|bytes| write(RunFile::AfterSignature, &bytes));
    let signature = signature.transpose()?;
    let after = write(RunFile::After, &bytes)?;
    after.keep();
    if let Some(signature) = signature {
        signature.keep();
    }
    store.sync()
}

fn lock(store: &Store, cancel: &Cancel) -> Result<()> {
    let since = Instant::now();
    loop {
        match store.lock() {
            Err(error) if error.code == Code::LockHeld && since.elapsed() < LOCK_WAIT => {
                cancel.check()?;
                std::thread::sleep(TICK);
            }
            locked => return locked,
        }
    }
}
