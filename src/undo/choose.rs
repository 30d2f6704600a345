//! Which differences are undone: `pgseal_diff_n.kept` says why one is left as it is.

use crate::base::error::{Code, Error};
use crate::base::names::{literal, quoted};
use crate::config::undo::{Action, Later, UndoOptions};
use crate::process::flow::{Passed, StreamError};
use crate::report::undo::Transaction;
use crate::undo::loaded_table::LoadedTable;
use crate::undo::moment::Moment;
use crate::undo::plan::Request;
use crate::undo::session::{NO_PATH, Session, Step};
use serde::Deserialize;

/// A table's rows that are to be undone, and those that are left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Chosen {
    pub changed: u64,
    pub gone: u64,
    pub added: u64,
    /// Left as they are, by --only, --where or --later.
    pub kept: u64,
    /// Of these, left by --later and not surely written later.
    pub kept_unsure: u64,
    /// Of the rows to be undone, at most so many were written later.
    pub later: u64,
    /// Of these, surely written later.
    pub surely_later: u64,
    /// Of the added rows, written before the backup.
    pub older: u64,
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

/// Marks what is kept, and counts.
pub(crate) fn choose(
    session: &mut Session,
    table: &LoadedTable,
    request: &Request,
) -> Result<Chosen, StreamError> {
    let (options, later) = (&request.options, request.later.as_ref());
    let diff = table.diff();
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
        if table.table.is_named(&condition.table) {
            keep_where(session, table, &condition.sql)?;
        }
    }
    if let (Later::Keep, Some(later)) = (options.later, later) {
        let sql = format!(
            "UPDATE {diff} SET kept = 'later' WHERE kept IS NULL AND {};\n",
            later.may_precede("xmin_live")
        );
        session.run(step(table), &sql)?;
    }
    count(session, table, request)
}

fn step(table: &LoadedTable) -> Step {
    Step::Rows(format!("it chose rows of {}", table.table.name))
}

/// The condition sees the row's columns and nothing else, under their bare names and the table's. What
/// it calls may not write: a subtransaction that is read-only stays so until it ends.
fn keep_where(session: &mut Session, table: &LoadedTable, condition: &str) -> Passed {
    let (diff, row) = (table.diff(), quoted(&table.table.name.name));
    let (place, left) = (table.free("pgseal_place"), table.free("pgseal_left"));
    let given = || Step::Given(format!("the condition --where of {}", table.table.name));
    let asked = || {
        Step::Rows(format!(
            "it asked the condition --where of {}",
            table.table.name
        ))
    };
    let step = || step(table);
    let read_only = "SAVEPOINT pgseal_where;\nSET TRANSACTION READ ONLY;\n";
    session.run(step(), NO_PATH)?;
    session.run(step(), read_only)?;
    let sides = [
        ("sealed", "action <> 'added'"),
        ("live", "action = 'added'"),
    ];
    for (side, which) in sides {
        let columns = table.columns.iter().map(|column| {
            let value = column.of_loaded(&format!("(d.{side})"));
            format!(", {value} AS {}", column.live.quoted())
        });
        let columns: String = columns.collect();
        let rows = |which: &str| {
            format!(
                "WITH {row} AS (SELECT d.ctid AS {place}{columns} FROM {diff} AS d WHERE {which}),\n\
                 {left} AS (SELECT {place} FROM {row} WHERE (\n{condition}\n) IS NOT TRUE)\n"
            )
        };
        // Without a plan, which would compute what is constant: whether it is a condition at all.
        let parsed = format!(
            "PREPARE pgseal_where AS {}SELECT FROM {left};\nDEALLOCATE pgseal_where;\n",
            rows("true")
        );
        session.run(given(), &parsed)?;
        session.settle(given())?;
        let which = format!("kept IS NULL AND {which}");
        let sql = format!(
            "{}UPDATE {diff} AS d SET kept = 'where' FROM {left} AS l WHERE d.ctid = l.{place};\n",
            rows(&which)
        );
        session.run(asked(), &sql)?;
    }
    session.run(step(), "RELEASE SAVEPOINT pgseal_where;\n")?;
    session.pin()
}

pub(crate) fn count(
    session: &mut Session,
    table: &LoadedTable,
    request: &Request,
) -> Result<Chosen, StreamError> {
    let later = request.later.as_ref();
    let written = |moment: Option<&Moment>, how: fn(&Moment, &str) -> String| {
        moment.map_or("false".to_string(), |moment| how(moment, "xmin_live"))
    };
    let number =
        |what: &str, which: &str| format!("'{what}', pg_catalog.count(*) FILTER (WHERE {which})");
    let chosen = |what: &str, which: &str| number(what, &format!("kept IS NULL AND {which}"));
    let numbers = [
        chosen("changed", "action = 'changed'"),
        chosen("gone", "action = 'gone'"),
        chosen("added", "action = 'added'"),
        number("kept", "kept IS NOT NULL"),
        number(
            "kept_unsure",
            &format!(
                "kept = 'later' AND NOT {}",
                written(later, Moment::precedes)
            ),
        ),
        chosen("later", &written(later, Moment::may_precede)),
        chosen("surely_later", &written(later, Moment::precedes)),
        chosen(
            "older",
            &match &request.backup {
                // Rows of another relation may well be older: there, doubt counts.
                Some(backup) if table.has_new_relations() => {
                    format!("action = 'added' AND NOT {}", backup.precedes("xmin_live"))
                }
                Some(backup) => format!(
                    "action = 'added' AND NOT {}",
                    backup.may_precede("xmin_live")
                ),
                None => "false".into(),
            },
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

/// Transactions that are told of a table.
const TOLD: usize = 10;

/// Those that wrote most.
pub(crate) fn written_by(
    session: &mut Session,
    table: &LoadedTable,
) -> Result<Vec<Transaction>, StreamError> {
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
        !tables.any(|table| table.table.is_named(&condition.table))
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
