//! Rows that were written since a mark: counted on the server by their transaction ids, without any
//! key and without the artifact.
//!
//! A row has the id of the transaction that wrote it. One below the mark's `xmin` was there before;
//! from `xmax` on, or among those that were open, it was written since. What is between and not open
//! has either ended before the mark or is a subtransaction of an open one: it counts as written, so
//! that the count is "at most", and `unsure` says how many these are. A row that was frozen over 2^32
//! ids ago may have such an id by chance.

use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::base::text::counted;
use crate::pg::connection::Connection;
use crate::pg::mark::Mark;
use crate::pg::{catalog, server, session};
use crate::process::cancel::Cancel;
use serde::Deserialize;
use std::collections::BTreeSet;

/// One question, behind that of mark.sql.
const QUERY: &str = concat!(include_str!("mark.sql"), include_str!("written_since.sql"));

/// Ids are told apart up to 2^31; the rest is for what begins while we ask.
const MOST_TRANSACTIONS: u64 = 2_000_000_000;

/// What a server says of rows and a mark.
#[derive(Debug, Clone)]
pub(crate) struct WrittenSince {
    /// Of the moment of the counts.
    pub now: Mark,
    /// How many transactions were open at the earlier mark.
    pub open: usize,
    /// Transactions of this database, not older than that, that are prepared and not committed.
    pub prepared: u64,
    /// Of each target, in their order; an error where the mark says nothing of this server's rows, or
    /// where they could not be counted.
    pub tables: Result<Vec<TableCounts>>,
    /// Ids below the next one, and not below that of an open transaction, whose rows are seen now: they
    /// had ended. None where nobody wanted them, or they are too many.
    pub ended: Option<Vec<u32>>,
}

/// Whether transactions that have ended are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Noted,
    Passed,
}

impl Ended {
    fn most(self) -> usize {
        match self {
            // A mark is a small file.
            Ended::Noted => 2000,
            Ended::Passed => 0,
        }
    }
}

/// A target with its partitions and children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableCounts {
    pub table: TableName,
    /// Not dropped, and no view or the like.
    pub there: bool,
    /// It has now.
    pub rows: u64,
    /// Of these, written since the mark: at most.
    pub written: u64,
    /// Of these, that may have been written before it.
    pub unsure: u64,
}

impl TableCounts {
    /// Of so many rows that it had at the mark, those that are not there as they were: at most.
    pub(crate) fn changed_or_gone(&self, then: u64) -> u64 {
        then.saturating_sub(self.rows.saturating_sub(self.written))
    }
}

#[derive(Deserialize)]
struct Head {
    default_transaction_read_only: String,
    mark: Mark,
    prepared: u64,
}

#[derive(Deserialize)]
struct Part {
    target: usize,
    there: bool,
    rows: u64,
    written: u64,
    surely: u64,
    ended: Vec<u32>,
}

impl WrittenSince {
    /// What no count holds: nobody sees rows of a transaction that is prepared.
    pub(crate) fn prepared_note(&self) -> Option<String> {
        let (are, they) = match self.prepared {
            0 => return None,
            1 => ("is", "it"),
            _ => ("are", "they"),
        };
        Some(format!(
            "{} {are} prepared and not committed (pg_prepared_xacts): what {they} wrote is not counted",
            counted(self.prepared, "transaction")
        ))
    }
}

/// Asks in one session. An error where there is no answer at all.
pub(crate) fn ask(
    connection: &Connection,
    since: &Mark,
    targets: &[TableName],
    note: Ended,
    cancel: &Cancel,
) -> Result<WrittenSince> {
    let snapshot = since.snapshot()?;
    let variables = [
        ("targets", serde_json::json!(targets).to_string()),
        ("lock_timeout", connection.lock_wait.as_millis().to_string()),
        ("since", since.snapshot.clone()),
        ("note", note.most().to_string()),
    ];
    let answer = server::query(connection, &variables, &[QUERY], cancel)?;
    let mut documents = serde_json::Deserializer::from_str(&answer.text);
    let head = match (Head::deserialize(&mut documents), &answer.ended) {
        (Ok(head), _) => head,
        (Err(_), Err(error)) => return Err(error.clone()),
        (Err(err), Ok(())) => return Err(catalog::unreadable(&err)),
    };
    session::check_read_only(&head.default_transaction_read_only)?;
    let parts = comparable(since, &head.mark)
        .and(answer.ended)
        .and_then(|()| {
            let parts = documents.into_iter::<Part>();
            let parts: serde_json::Result<Vec<Part>> = parts.collect();
            parts.map_err(|err| catalog::unreadable(&err))
        });
    Ok(WrittenSince {
        now: head.mark,
        open: snapshot.open.len(),
        prepared: head.prepared,
        ended: parts.as_ref().ok().and_then(|parts| ended(parts, note)),
        tables: parts.map(|parts| summed(targets, &parts)),
    })
}

fn ended(parts: &[Part], note: Ended) -> Option<Vec<u32>> {
    let ids = parts.iter().flat_map(|part| &part.ended).copied();
    let ids: BTreeSet<u32> = ids.collect();
    (note == Ended::Noted && ids.len() <= note.most()).then(|| ids.into_iter().collect())
}

fn summed(targets: &[TableName], parts: &[Part]) -> Vec<TableCounts> {
    let none = |table: &TableName| TableCounts {
        table: table.clone(),
        there: false,
        rows: 0,
        written: 0,
        unsure: 0,
    };
    let mut tables: Vec<TableCounts> = targets.iter().map(none).collect();
    for part in parts {
        if let Some(table) = tables.get_mut(part.target) {
            table.there = part.there;
            table.rows += part.rows;
            table.written += part.written;
            table.unsure += part.written.saturating_sub(part.surely);
        }
    }
    tables
}

/// Refuses a server whose rows the earlier mark says nothing of: another one, one that went back in
/// time, or one that has come too far. A clone that goes on under the same timeline cannot be told.
pub(crate) fn comparable(since: &Mark, now: &Mark) -> Result<()> {
    let (then, present) = (since.snapshot()?, now.snapshot()?);
    let cluster = |mark: &Mark| Some((mark.system_identifier.clone()?, mark.timeline?));
    let went = present.xmax.saturating_sub(then.xmin);
    let why = match (cluster(since), cluster(now)) {
        (None, _) | (_, None) => {
            "this role may not ask which cluster it is, pg_control_system()".into()
        }
        (Some((one, _)), Some((other, _))) if one != other => {
            format!("another cluster answers: its system identifier is {other}, not {one}")
        }
        _ if since.database_oid != now.database_oid => format!(
            "another database answers: its oid is {}, not {}",
            now.database_oid, since.database_oid
        ),
        _ if now.in_recovery => "a standby answers".into(),
        (Some((_, one)), Some((_, other))) if one != other => {
            format!("the server is on timeline {other}, and was on {one}")
        }
        _ if now.position() < since.position() || present.xmax < then.xmax => {
            "the server is behind where it was: it was restored from an earlier state".into()
        }
        _ if went > MOST_TRANSACTIONS => {
            format!("too long ago: {} since", counted(went, "transaction"))
        }
        _ => return Ok(()),
    };
    let what = format!("rows written since the backup cannot be told from others: {why}");
    Err(Error::new(Code::Database, what).hint(
        "Connect to the primary of the cluster that was backed up, and to the same database.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    fn mark() -> Mark {
        Mark {
            snapshot: "700:720:705,711".into(),
            database_oid: 5,
            system_identifier: Some("1".into()),
            timeline: Some(2),
            lsn: Some("1/10".into()),
            in_recovery: false,
        }
    }

    type Change = fn(&mut Mark);

    #[test]
    fn a_mark_of_another_server_or_time_says_nothing() {
        let refused = |words: &str, then: Change, now: Change| {
            let (mut since, mut present) = (mark(), mark());
            then(&mut since);
            now(&mut present);
            let told = comparable(&since, &present).unwrap_err().message;
            assert!(told.contains(words), "{words}: {told}");
        };
        let same: Change = |_| {};
        let cases: [(&str, Change, Change); 11] = [
            ("may not ask", |m| m.timeline = None, same),
            ("may not ask", same, |m| m.system_identifier = None),
            ("another cluster", same, |m| {
                m.system_identifier = Some("2".into());
            }),
            ("another database", same, |m| m.database_oid = 6),
            ("a standby", same, |m| m.in_recovery = true),
            ("timeline 3", same, |m| m.timeline = Some(3)),
            ("behind", same, |m| m.lsn = Some("0/FFFFFFFF".into())),
            ("behind", same, |m| m.snapshot = "700:719:".into()),
            ("too long ago", same, |m| {
                m.snapshot = "2000000701:2000000701:".into();
            }),
            ("cannot be read", |m| m.snapshot = "9:8:".into(), same),
            ("cannot be read", same, |m| m.snapshot = "7:8:x".into()),
        ];
        each(cases, |(words, then, now)| refused(words, then, now));
        let mut later = mark();
        later.snapshot = "2000000700:2000000700:".into();
        later.lsn = Some("2/0".into());
        assert_eq!(comparable(&mark(), &later), Ok(()));
        let mut standby = mark();
        standby.in_recovery = true;
        assert_eq!(comparable(&standby, &mark()), Ok(()));
        assert_eq!(mark().snapshot().unwrap().open, [705, 711]);
    }

    #[test]
    fn parts_are_summed_by_their_target() {
        let table = |name: &str| TableName {
            schema: "public".into(),
            name: name.into(),
        };
        let part = |target, there, [rows, written, surely]: [u64; 3]| Part {
            target,
            there,
            rows,
            written,
            surely,
            ended: Vec::new(),
        };
        let parts = [
            part(0, true, [1000, 10, 4]),
            part(0, true, [7, 7, 7]),
            part(1, false, [0; 3]),
        ];
        let tables = summed(&[table("a"), table("b")], &parts);
        let told = |t: &TableCounts| (t.there, t.rows, t.written, t.unsure);
        assert_eq!(told(&tables[0]), (true, 1007, 17, 6));
        assert_eq!(told(&tables[1]), (false, 0, 0, 0));
        assert_eq!(tables[0].changed_or_gone(1000), 10);
        assert_eq!(tables[0].changed_or_gone(10), 0);
        assert_eq!(tables[1].changed_or_gone(12), 12);
    }
}
