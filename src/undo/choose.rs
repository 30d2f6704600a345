//! Which differences are undone: `pgseal_diff_n.kept` says why one is left as it is.

use crate::base::error::{Code, Error};
use crate::base::names::{literal, quoted};
use crate::config::undo::{Action, Later, UndoOptions};
use crate::process::flow::{Passed, StreamError};
use crate::undo::loaded_table::LoadedTable;
use crate::undo::session::{Session, Step};
use serde::Deserialize;

/// A table's rows that are to be undone, and those that are left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Chosen {
    pub changed: u64,
    pub gone: u64,
    pub added: u64,
    /// By --only, --where or --later.
    pub kept: u64,
    /// Of these by --later, not surely written later.
    pub kept_unsure: u64,
    /// Of those to be undone, written later: at most.
    pub later: u64,
    /// Of these, surely.
    pub surely_later: u64,
    /// Of the changed rows, deleted and inserted again.
    pub swapped: u64,
}

impl Chosen {
    pub(crate) fn rows(&self) -> u64 {
        self.changed + self.gone + self.added
    }

    /// Rows to be deleted, those that come back among them.
    pub(crate) fn deletes(&self) -> u64 {
        self.added + self.swapped
    }

    pub(crate) fn updates(&self) -> u64 {
        self.changed - self.swapped
    }

    pub(crate) fn inserts(&self) -> u64 {
        self.gone + self.swapped
    }
}

/// Where the server stood when COMMAND of guard had ended, as SQL over a transaction id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaterThan {
    /// `pg_snapshot`, as text.
    pub snapshot: String,
}

impl LaterThan {
    /// Rows of an id that was open or not given out yet; what is between and had not been told may be a
    /// subtransaction's, and counts.
    fn may_be(&self, xmin: &str) -> String {
        format!(
            "pg_catalog.age({xmin}) BETWEEN 0 AND {}",
            self.age_of("xmin")
        )
    }

    fn is(&self, xmin: &str) -> String {
        let snapshot = literal(&self.snapshot);
        format!(
            "(pg_catalog.age({xmin}) BETWEEN 0 AND {} OR {xmin}::pg_catalog.text IN (\
             SELECT open::pg_catalog.xid::pg_catalog.text FROM \
             pg_catalog.pg_snapshot_xip({snapshot}::pg_catalog.pg_snapshot) AS open))",
            self.age_of("xmax")
        )
    }

    fn age_of(&self, end: &str) -> String {
        let snapshot = literal(&self.snapshot);
        format!(
            "pg_catalog.age(pg_catalog.pg_snapshot_{end}({snapshot}::pg_catalog.pg_snapshot)::pg_catalog.xid)"
        )
    }
}

/// Marks what is kept, and counts.
pub(crate) fn choose(
    session: &mut Session,
    table: &LoadedTable,
    options: &UndoOptions,
    later: Option<&LaterThan>,
) -> Result<Chosen, StreamError> {
    let diff = table.diff();
    let name = &table.table.name;
    let all = Action::ALL.iter();
    let left: Vec<String> = all
        .filter(|action| !options.only.is_empty() && !options.only.contains(action))
        .map(|action| literal(action.as_str()))
        .collect();
    if !left.is_empty() {
        let sql = format!(
            "UPDATE {diff} SET kept = 'only' WHERE action IN ({});\n",
            left.join(", ")
        );
        session.run(step(table), &sql)?;
    }
    for condition in &options.conditions {
        if condition.table == *name || condition.table.to_string() == table.table.target {
            keep_where(session, table, &condition.sql)?;
        }
    }
    if let (Later::Keep, Some(later)) = (options.later, later) {
        let sql = format!(
            "UPDATE {diff} SET kept = 'later' WHERE kept IS NULL AND {};\n",
            later.may_be("xmin_live")
        );
        session.run(step(table), &sql)?;
    }
    count(session, table, later)
}

fn step(table: &LoadedTable) -> Step {
    Step::Rows(format!("it chose rows of {}", table.table.name))
}

/// The condition sees the row's columns and nothing else, under their bare names and the table's.
fn keep_where(session: &mut Session, table: &LoadedTable, condition: &str) -> Passed {
    let (diff, row) = (table.diff(), quoted(&table.table.name.name));
    let name = &table.table.name;
    let sides = [
        ("sealed", "action <> 'added'"),
        ("live", "action = 'added'"),
    ];
    for (side, which) in sides {
        let sql = format!(
            "WITH {row} AS (SELECT d.ctid AS pgseal_place, (d.{side}).* FROM {diff} AS d \
             WHERE kept IS NULL AND {which}),\n\
             pgseal_left AS (SELECT pgseal_place FROM {row} WHERE (\n{condition}\n) IS NOT TRUE)\n\
             UPDATE {diff} AS d SET kept = 'where' FROM pgseal_left AS l WHERE d.ctid = l.pgseal_place;\n"
        );
        session.run(
            Step::Given(format!("the condition --where of {name}")),
            &sql,
        )?;
    }
    session.settle(step(table))
}

pub(crate) fn count(
    session: &mut Session,
    table: &LoadedTable,
    later: Option<&LaterThan>,
) -> Result<Chosen, StreamError> {
    let number =
        |what: &str, which: &str| format!("'{what}', pg_catalog.count(*) FILTER (WHERE {which})");
    let chosen = |what: &str, which: &str| number(what, &format!("kept IS NULL AND {which}"));
    let never = || "false".to_string();
    let numbers = [
        chosen("changed", "action = 'changed'"),
        chosen("gone", "action = 'gone'"),
        chosen("added", "action = 'added'"),
        number("kept", "kept IS NOT NULL"),
        number(
            "kept_unsure",
            &later.map_or_else(never, |later| {
                format!("kept = 'later' AND NOT {}", later.is("xmin_live"))
            }),
        ),
        chosen(
            "later",
            &later.map_or_else(never, |later| later.may_be("xmin_live")),
        ),
        chosen(
            "surely_later",
            &later.map_or_else(never, |later| later.is("xmin_live")),
        ),
        chosen("swapped", "swapped"),
    ];
    let query = format!(
        "SELECT pg_catalog.json_build_object({}) FROM {}",
        numbers.join(", "),
        table.diff()
    );
    session.one(step(table), &query)
}

/// Rows to be undone that one transaction wrote.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
pub(crate) struct WrittenBy {
    pub transaction: String,
    pub rows: u64,
}

/// Transactions that are told of a table.
const TOLD: usize = 10;

/// Those that wrote most.
pub(crate) fn written_by(
    session: &mut Session,
    table: &LoadedTable,
) -> Result<Vec<WrittenBy>, StreamError> {
    let query = format!(
        "SELECT pg_catalog.json_build_object('transaction', xmin_live::pg_catalog.text, 'rows', rows) FROM \
         (SELECT xmin_live, pg_catalog.count(*) AS rows FROM {} WHERE kept IS NULL AND xmin_live IS NOT NULL \
         GROUP BY xmin_live ORDER BY 2 DESC, pg_catalog.age(xmin_live) LIMIT {TOLD}) AS t",
        table.diff()
    );
    session.all(step(table), &query)
}

/// A condition for a table that the backup does not hold.
pub(crate) fn check_tables(options: &UndoOptions, tables: &[LoadedTable]) -> Result<(), Error> {
    let unknown = options.conditions.iter().find(|condition| {
        let mut tables = tables.iter();
        !tables.any(|table| {
            table.table.name == condition.table || table.table.target == condition.table.to_string()
        })
    });
    match unknown {
        None => Ok(()),
        Some(condition) => Err(Error::new(
            Code::Usage,
            format!(
                "--where names `{}`, which is not to be undone",
                condition.table
            ),
        )
        .hint("Name one of the backup's tables; with --table, one of those.")),
    }
}
