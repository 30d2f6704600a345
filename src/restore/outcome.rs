//! How a restore ended: the cause of a failure, what became of the transaction, what was left out.

use crate::base::error::{Code, Error, StageReport};
use crate::base::few::joined;
use crate::base::text::plain;
use crate::pg::connection::Connection;
use crate::pg::engine_trouble::killed_hint;
use crate::pg::server_error::{OURS, TEXT};
use crate::process::cancel::stopped;
use crate::process::child::ExitKind;
use crate::process::pipe::Piped;
use crate::process::root_cause::{Blame, blame};
use crate::restore::answers::AnswerReader;
use crate::restore::editor::DumpEditor;
use crate::restore::stream::{Commit, RestoreTap};
use crate::store::manifest::Manifest;
use crate::verify::dump_source::Opened;

type RestorePipe = Piped<RestoreTap, AnswerReader>;

/// What became of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TransactionEnd {
    Committed,
    RolledBack,
    Unknown,
}

pub(crate) const COMMITTED: &str = "the transaction was committed: the tables are restored";

impl TransactionEnd {
    fn told(self) -> &'static str {
        match self {
            TransactionEnd::Committed => COMMITTED,
            TransactionEnd::RolledBack => {
                "nothing was changed in the target: the transaction was rolled back"
            }
            TransactionEnd::Unknown => {
                "whether the transaction was committed is not known: look for the tables"
            }
        }
    }

    /// By `pg_xact_status`. A transaction that goes on when psql has ended is rolled back.
    fn parse(status: &str) -> TransactionEnd {
        match status {
            "committed" => TransactionEnd::Committed,
            "aborted" | "in progress" => TransactionEnd::RolledBack,
            _ => TransactionEnd::Unknown,
        }
    }
}

/// What psql is given before the dump.
const BEFORE: &[&str] = &[
    "the beginning of the transaction",
    "the guard of the transaction",
    "the prelude",
    "the settings of the session",
];

/// How the label of an entry begins that holds rows.
const ROWS: &str = "TABLE DATA ";

/// The server's word behind COMMIT; where it is missing, the server is asked once more.
fn transaction(piped: &RestorePipe, commit: &Commit, connection: &Connection) -> TransactionEnd {
    let Some(sent) = commit.close() else {
        return TransactionEnd::RolledBack;
    };
    let status = piped
        .sink
        .as_ref()
        .and_then(|(sink, _)| sink.status.clone());
    match status.or_else(|| sent.sent.status(connection)) {
        Some(status) => TransactionEnd::parse(&status),
        None => TransactionEnd::Unknown,
    }
}

/// The error that names the cause, and tells what became of the transaction. None where the
/// server said that it was committed, and both programs ended well.
pub(crate) fn failure(
    piped: &RestorePipe,
    commit: &Commit,
    connection: &Connection,
    opened: Opened,
) -> Option<Error> {
    let [gpg, psql] = [&piped.producer, &piped.consumer];
    let transaction = transaction(piped, commit, connection);
    if transaction == TransactionEnd::Committed && gpg.end.ok() && psql.end.ok() {
        return None;
    }
    let report = psql_report(piped);
    let blame = blame(piped);
    // First what failed: gpg's words on an artifact that it opened would stand above it.
    let mut stages = vec![gpg.report(), report.clone()];
    if blame == Blame::Consumer {
        stages.reverse();
    }
    let error = match blame {
        Blame::Nobody => Error::new(Code::StageFailed, "psql did not commit the transaction"),
        Blame::Stopped(stop) => stopped(stop),
        Blame::NotStarted(error)
        | Blame::Source(error)
        | Blame::Sink(error)
        | Blame::Tap(error) => error,
        Blame::Producer | Blame::Both => opened.failed(gpg),
        Blame::Consumer => {
            let at =
                entry(piped).map_or(String::new(), |entry| format!(" while it restored {entry}"));
            Error::new(
                Code::StageFailed,
                format!("psql ended with {}{at}", psql.end),
            )
            .hint(killed_hint(psql).unwrap_or_else(|| consumer_hint(piped, &report.said).into()))
        }
    };
    Some(error.stages(stages).on_disk(transaction.told()))
}

fn consumer_hint(piped: &RestorePipe, said: &[String]) -> String {
    // No character of that encoding, or none that the target's encoding has.
    let encoding = ["ERROR 22021 ", "ERROR 22P05 "];
    let is_encoding = |line: &String| encoding.iter().any(|state| line.contains(state));
    if let Some((tap, _)) = &piped.tap
        && said.iter().any(is_encoding)
    {
        let (dump, source) = (
            tap.manifest.plaintext.encoding,
            &tap.manifest.server.encoding,
        );
        return format!(
            "A text of the dump, which is in {dump}, has no form in the target's encoding. Restore into a \
             database of the source's: createdb --template=template0 --locale=C --encoding={source} NAME"
        );
    }
    if let Some(columns) = objects_named_by_rows(piped, said) {
        return format!(
            "The rows of a table name objects that the target lacks. Create them first; what rows name stands in {columns}."
        );
    }
    // In German too.
    let says = |words: &str| {
        said.iter()
            .any(|line| line.to_lowercase().contains(&words.to_lowercase()))
    };
    // psql's status where its connection broke.
    let hint = if piped.consumer.end == ExitKind::Code(2) {
        "The connection was lost: see the server's log, then restore again."
    } else if says("ERROR 53200 ") && says("shared memory") {
        "The target's lock table is full: raise max_locks_per_transaction in its postgresql.conf, and restart it."
    } else if says("ERROR 53") {
        "The target's server is out of room, memory or connections: see its log."
    } else {
        "What the server said is above, without values; the target lacks what it names, or forbids it."
    };
    hint.into()
}

/// The columns whose values name objects, where an object was missing as rows came.
fn objects_named_by_rows(piped: &RestorePipe, said: &[String]) -> Option<String> {
    let missing = |line: &String| line.contains("ERROR 42") || line.contains("ERROR 3F");
    let (tap, _) = piped.tap.as_ref()?;
    if !entry(piped)?.starts_with(ROWS) || !said.iter().any(missing) {
        return None;
    }
    let references = tap.manifest.external_references.iter();
    let columns = references.filter(|reference| reference.kind == "object_names");
    let columns: Vec<String> = columns.map(|reference| plain(&reference.name)).collect();
    (!columns.is_empty()).then(|| joined(&columns, ", "))
}

/// What psql said, without warnings that are no error, and without a text where a value of a row
/// could stand in it.
fn psql_report(piped: &RestorePipe) -> StageReport {
    let mut report = piped.consumer.report();
    let with_rows = entry(piped).is_none_or(|entry| !is_without_rows(&entry));
    report.said.retain(|line| {
        let warning = at_line(line).is_some_and(|(_, text)| text.starts_with(OURS));
        !(warning || with_rows && line.starts_with(TEXT))
    });
    report
}

/// Entries whose statements the server runs without a look at a row. An index, a constraint or a
/// partition that is attached is made of rows, and a function that reads them may name one in an
/// error of any class.
fn is_without_rows(entry: &str) -> bool {
    const KINDS: &[&str] = &[
        "ACL ",
        "COMMENT ",
        "DEFAULT ",
        "POLICY ",
        "ROW SECURITY ",
        "RULE ",
        "SEQUENCE ",
        "TABLE ",
        "TRIGGER ",
    ];
    const ROWS_TOO: &[&str] = &[ROWS, "TABLE ATTACH "];
    let begins = |kinds: &[&str]| kinds.iter().any(|kind| entry.starts_with(kind));
    BEFORE.contains(&entry) || begins(KINDS) && !begins(ROWS_TOO)
}

/// `line 7: …`
fn at_line(line: &str) -> Option<(u64, &str)> {
    let (at, text) = line.strip_prefix("line ")?.split_once(": ")?;
    Some((at.parse().ok()?, text))
}

/// The entry of the dump that psql's error names by its line.
fn entry(piped: &RestorePipe) -> Option<String> {
    let (tap, _) = piped.tap.as_ref()?;
    let mut errors = piped.consumer.stderr.lines().filter_map(at_line);
    let (line, _) = errors.rfind(|(_, text)| !text.starts_with(OURS))?;
    let entry = tap.editor.entry_at(line)?;
    Some(entry.to_string())
}

/// What the prelude's blocks left out for want of a role; nobody else's warning counts.
pub(crate) fn prelude_omissions(stderr: &str, editor: &DumpEditor) -> Vec<String> {
    let told = stderr.lines().filter_map(|line| {
        let (at, text) = at_line(line)?;
        let what = text.strip_prefix(OURS)?.strip_prefix("left out: ")?;
        let of_prelude = editor.entry_at(at)?.ends_with("the prelude");
        of_prelude.then(|| format!("prelude: {what}"))
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
