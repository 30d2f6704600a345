//! How a restore ended: the cause of a failure, what became of the transaction, what was left out.

use crate::base::error::{Code, Error, Result, StageReport};
use crate::pg;
use crate::pg::connection::Connection;
use crate::pg::server_error::OURS;
use crate::process::cancel::{Cancel, stopped};
use crate::process::find::{self, Tool};
use crate::process::pipe::Piped;
use crate::process::root_cause::{Blame, blame};
use crate::process::run::{Input, run};
use crate::restore::answers::AnswerReader;
use crate::restore::stream::RestoreTap;
use crate::store::manifest::Manifest;
use crate::verify::decrypt::{Opening, opens};
use std::time::Duration;

type RestorePipe = Piped<RestoreTap, AnswerReader>;

/// What became of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    Committed,
    RolledBack,
    Unknown,
}

impl Transaction {
    fn told(self) -> &'static str {
        match self {
            Transaction::Committed => "the transaction was committed: the tables are restored",
            Transaction::RolledBack => {
                "nothing was changed in the target: the transaction was rolled back"
            }
            Transaction::Unknown => {
                "whether the transaction was committed is not known: look for the tables"
            }
        }
    }

    /// By `pg_xact_status`. A transaction that goes on when psql has ended is rolled back.
    fn parse(status: &str) -> Transaction {
        match status {
            "committed" => Transaction::Committed,
            "aborted" | "in progress" => Transaction::RolledBack,
            _ => Transaction::Unknown,
        }
    }
}

/// How long the question after a lost answer may take.
const ASKED_AGAIN: Duration = Duration::from_secs(10);

/// The server's word behind COMMIT; where it is missing, the server is asked once more.
fn transaction(piped: &RestorePipe, connection: &Connection) -> Transaction {
    let Some((tap, _)) = &piped.tap else {
        return Transaction::Unknown;
    };
    let Some(id) = &tap.commit_sent else {
        return Transaction::RolledBack;
    };
    let status = piped
        .sink
        .as_ref()
        .and_then(|(sink, _)| sink.status.clone());
    match status.or_else(|| ask(id, connection)) {
        Some(status) => Transaction::parse(&status),
        None => Transaction::Unknown,
    }
}

fn ask(id: &str, connection: &Connection) -> Option<String> {
    let psql = find::find(Tool::Psql, &connection.env).ok()?;
    let question = format!("SELECT pg_catalog.pg_xact_status('{id}');\n");
    let cancel = Cancel::none().with_limit(Some(ASKED_AGAIN));
    let spec = pg::command::psql(&psql, connection);
    let since = std::time::Instant::now();
    // The backend of a psql that went away may still be at work.
    loop {
        let ran = run(&spec, Input::Bytes(question.clone().into()), &cancel);
        let status = ran.ok().then(|| ran.text().trim().to_string())?;
        if status != "in progress" || since.elapsed() > ASKED_AGAIN {
            return Some(status).filter(|status| status != "in progress");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The error that names the cause, and tells what became of the transaction. None where the
/// server said that it was committed, and both programs ended well.
pub(crate) fn failure(piped: &RestorePipe, connection: &Connection) -> Result<Option<Error>> {
    let [gpg, psql] = [&piped.producer, &piped.consumer];
    let transaction = transaction(piped, connection);
    if transaction == Transaction::Committed && gpg.end.ok() && psql.end.ok() {
        return Ok(None);
    }
    let sealed = |why: String| Error::new(Code::NotVerified, why);
    let report = psql_report(piped);
    let error = match blame(piped) {
        Blame::Nobody => Error::new(Code::StageFailed, "psql did not commit the transaction"),
        Blame::Stopped(stop) => stopped(stop),
        Blame::NotStarted(at, why) => {
            let program = [gpg, psql][at].spec.program();
            let what = format!("`{program}` could not be started: {why}");
            Error::new(Code::ToolUnfit, what).hint("Reinstall it, or take it out of PATH.")
        }
        Blame::Source(error) | Blame::Sink(error) | Blame::Tap(error) => error,
        Blame::Producer | Blame::Both => match opens(gpg)? {
            Opening::Refused(why) => sealed(format!("the artifact cannot be decrypted: {why}")),
            Opening::Opened => sealed("gpg and psql failed".into()),
        },
        Blame::Consumer => {
            let at =
                entry(piped).map_or(String::new(), |entry| format!(" while it restored {entry}"));
            Error::new(
                Code::StageFailed,
                format!("psql ended with {}{at}", psql.end),
            )
            .hint("What the server said is above, without values; the target lacks what it names, or forbids it.")
        }
    };
    Ok(Some(
        error
            .stages(vec![gpg.report(), report])
            .on_disk(transaction.told()),
    ))
}

fn psql_report(piped: &RestorePipe) -> StageReport {
    let mut report = piped.consumer.report();
    report.said.retain(|line| !line.starts_with(OURS));
    report
}

/// The entry of the dump that psql's last error names by its line.
fn entry(piped: &RestorePipe) -> Option<String> {
    let (tap, _) = piped.tap.as_ref()?;
    let lines = piped.consumer.stderr.lines().rev();
    let mut errors = lines.filter_map(|line| line.strip_prefix("line ")?.split_once(": "));
    let (line, _) = errors.next()?;
    let entry = tap.editor.entry_at(line.parse().ok()?)?;
    Some(entry.to_string())
}

/// What the prelude's blocks left out for want of a role.
pub(crate) fn prelude_omissions(stderr: &str) -> Vec<String> {
    let told = stderr.lines().filter_map(|line| {
        let what = line.strip_prefix(OURS)?.strip_prefix("left out: ")?;
        Some(format!("prelude: {what}"))
    });
    told.collect()
}

/// What pg_dump writes for no table, though it belongs to one.
pub(crate) fn not_in_the_backup(manifest: &Manifest) -> Vec<String> {
    let references = manifest.external_references.iter();
    let told = references.filter_map(|reference| {
        let (name, by) = (&reference.name, &reference.needed_by);
        match reference.kind.as_str() {
            "statistics" => Some(format!("extended statistics {name} of {by}")),
            "large_object" => Some(format!("large objects that {name} may name")),
            _ => None,
        }
    });
    told.collect()
}
