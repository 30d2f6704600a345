//! How many rows were written since a backup, by its mark alone: no artifact is read.
//!
//! A row knows the transaction that wrote it, by 32 of its number's 64 bits. Its age, in transactions,
//! is compared with the mark's: a row that was frozen longer ago than 2^31 transactions has a negative
//! one, and one from over 2^32 ago can look young. So the counts are told as "at most".

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::text::{counted, thousands};
use crate::pg;
use crate::pg::connection::Connection;
use crate::pg::mark::{self, Mark, Snapshot};
use crate::pg::server_hint::connection_hint;
use crate::process::ask::ask;
use crate::process::cancel::Cancel;
use crate::process::find::{self, Tool};
use crate::process::run::Input;
use crate::store::manifest::Manifest;
use crate::undo::live_tables::{LiveTable, LiveTables};
use serde::Deserialize;

/// So many transactions may have begun since the mark: half of those that 32 bits can tell, less some
/// that begin while we count.
const MOST: i64 = (1 << 31) - (1 << 24);

/// Of a live table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct RowsSince {
    pub now: u64,
    /// Certainly since the mark, but for what was frozen long ago.
    pub since: u64,
    /// Since then, or while transactions were open that had begun before.
    pub unsure: u64,
}

impl RowsSince {
    pub(crate) fn written(self) -> u64 {
        self.since + self.unsure
    }

    /// That were there when the mark was taken.
    pub(crate) fn untouched(self) -> u64 {
        self.now.saturating_sub(self.written())
    }
}

/// The snapshot to count from. Refuses a mark that does not precede where the server stands now.
pub(crate) fn snapshot(manifest: &Manifest, live: &LiveTables, run_id: &str) -> Result<Snapshot> {
    let whole = || {
        Hints::from("Compare row by row, with the secret key:")
            .then(Hint::pgseal(&["diff", run_id]))
    };
    let refused = |what: String| Error::new(Code::Database, what).hint(whole());
    let Some(mark) = &manifest.mark else {
        let what = "the backup has no mark: it was taken before pgseal kept one, and nothing tells \
                    which rows were written since";
        return Err(refused(what.into()));
    };
    let now = &live.session.mark;
    let snapshots = (
        Snapshot::parse(&mark.snapshot),
        Snapshot::parse(&now.snapshot),
    );
    let (Some(snapshot), Some(present)) = snapshots else {
        return Err(refused(format!(
            "the backup's mark cannot be read: {:?}",
            mark.snapshot
        )));
    };
    if let Some(why) = not_followed(mark, now) {
        let place = live.session.place();
        return Err(refused(format!(
            "the backup's mark does not fit this server ({place}): {why}"
        )));
    }
    if present.xmax < snapshot.xmax {
        let what = format!(
            "the server has given out fewer transactions ({}) than when the backup was taken ({}): it \
             was set back, or is another one",
            present.xmax, snapshot.xmax
        );
        return Err(refused(what));
    }
    Ok(snapshot)
}

/// Why the server cannot be the one of the mark, at a later moment.
fn not_followed(mark: &Mark, now: &Mark) -> Option<String> {
    let Some((was, is)) = mark
        .system_identifier
        .as_ref()
        .zip(now.system_identifier.as_ref())
    else {
        return Some("nobody could tell its cluster (pg_control_system() may not be run)".into());
    };
    if was != is {
        return Some("it is of another cluster".into());
    }
    let Some((was, is)) = mark.timeline.zip(now.timeline) else {
        return Some("its timeline is not known".into());
    };
    if was != is {
        return Some(format!("it is of timeline {was}, the server is on {is}"));
    }
    let (was, is) = (mark.lsn.as_deref(), now.lsn.as_deref());
    let known = was.and_then(mark::lsn).zip(is.and_then(mark::lsn));
    match known {
        Some((was, is)) if was <= is => None,
        _ => Some("the server's position in its log is behind the mark's".into()),
    }
}

#[derive(Deserialize)]
struct Next {
    /// The number of the next transaction, with all of its bits.
    next: i64,
}

/// One look at all tables, in one moment.
pub(crate) fn count(
    tables: &[&LiveTable],
    snapshot: &Snapshot,
    live: &LiveTables,
    connection: &Connection,
    cancel: &Cancel,
) -> Result<Vec<RowsSince>> {
    let connection = connection.pinned(&live.session.place());
    let psql = find::find(Tool::Psql, &connection.env)?;
    let queries = tables.iter().map(|table| query(table, snapshot));
    let sql = format!(
        "SET LOCAL lock_timeout = {};\nSELECT json_build_object('next', id) FROM {NEXT};\n{}",
        connection.lock_wait.as_millis(),
        queries.collect::<String>()
    );
    let script = pg::session::question(&sql);
    let spec = pg::command::psql(&psql, &connection);
    let what = "cannot count the rows";
    let ran = ask(
        &spec,
        Input::Bytes(script.into()),
        cancel,
        Code::Database,
        what,
    );
    let ran = ran.map_err(|error| {
        let said = error
            .said()
            .fold(String::new(), |all, line| all + line + "\n");
        if error.hints.is_empty() {
            error.hint(connection_hint(&said))
        } else {
            error
        }
    })?;
    let unreadable = |why: &str| {
        let what = format!("the database's answer cannot be read: {why}");
        Error::new(Code::Database, what)
    };
    let text = ran.text();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let next: Next = serde_json::from_str(first).map_err(|err| unreadable(&err.to_string()))?;
    check_distance(next.next, snapshot)?;
    let counts =
        lines.map(|line| serde_json::from_str(line).map_err(|err| unreadable(&err.to_string())));
    let counts: Vec<RowsSince> = counts.collect::<Result<_>>()?;
    if counts.len() == tables.len() {
        Ok(counts)
    } else {
        Err(unreadable("it is not one line a table"))
    }
}

fn check_distance(next: i64, snapshot: &Snapshot) -> Result<()> {
    let since = next.saturating_sub(i64::try_from(snapshot.xmin).unwrap_or(i64::MAX));
    if (0..MOST).contains(&since) {
        return Ok(());
    }
    let what = format!(
        "{} transactions have begun since the backup: so far back the rows cannot be told apart",
        thousands(u64::try_from(since).unwrap_or_default())
    );
    Err(Error::new(Code::Database, what)
        .hint("Compare row by row, with the secret key: without --counts."))
}

/// The next transaction's number: a snapshot's end need not be the last that was given out, and what
/// `age` counts from is.
const NEXT: &str = "(SELECT pg_snapshot_xmax(s)::text::bigint + age(pg_snapshot_xmax(s)::xid) AS id \
     FROM pg_current_snapshot() AS s) AS next";

fn query(table: &LiveTable, snapshot: &Snapshot) -> String {
    let Snapshot { xmin, xmax, open } = snapshot;
    // As a row has it.
    let open: Vec<String> = open
        .iter()
        .map(|id| (id & 0xffff_ffff).to_string())
        .collect();
    let open = format!("l.xmin = ANY ('{{{}}}'::xid[])", open.join(","));
    let after = format!("age(l.xmin) BETWEEN 1 AND next.id - {xmax}");
    let between = format!("age(l.xmin) BETWEEN next.id - {xmax} + 1 AND next.id - {xmin}");
    format!(
        "SELECT json_build_object('now', count(*), 'since', count(*) FILTER (WHERE {after} OR {between} AND {open}), \
         'unsure', count(*) FILTER (WHERE {between} AND NOT {open})) FROM {} AS l CROSS JOIN {NEXT};\n",
        table.from()
    )
}

/// Says why rows are counted as written that may have been there before.
pub(crate) fn notes(snapshot: &Snapshot, unsure: u64) -> Vec<String> {
    if unsure == 0 {
        return Vec::new();
    }
    let open = match snapshot.open.len() {
        // A standby does not tell which.
        0 => "transactions were".into(),
        1 => "1 transaction was".into(),
        n => format!("{} were", counted(n, "transaction")),
    };
    vec![format!(
        "{open} open when the backup began: {} counted as written may have been there before",
        counted(unsure, "row")
    )]
}
