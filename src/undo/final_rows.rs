//! The rows that a table will have when an undo is done, as a query: constraints are asked of these,
//! before the server would.

use crate::base::names::quoted;
use crate::undo::loaded_table::LoadedTable;

/// The condition for rows of `pgseal_diff_n`, named `d`, that are to be undone.
pub(crate) const CHOSEN: &str = "d.kept IS NULL";

/// The columns of `restored` that say where the row's difference lies, and what became of the row.
/// `LoadedTable::free` makes names of these that the table does not have.
pub(crate) const PLACE: &str = "pgseal_place";
pub(crate) const ACTION: &str = "pgseal_action";

/// The live row `l` is that of the difference `d`.
pub(crate) fn meets(table: &LoadedTable) -> String {
    meets_by(table, |name| format!("l.{name}"))
}

/// The same for a live row whose key columns have other names.
pub(crate) fn meets_by(table: &LoadedTable, live: impl Fn(&str) -> String) -> String {
    let columns = table.key_columns();
    let equal = columns.map(|column| column.is_of(&live(&quoted(column.name())), "(d.live)"));
    equal.collect::<Vec<_>>().join(" AND ")
}

/// Whole rows that come back, with PLACE and ACTION. A column that the backup did not have is the live
/// row's, or NULL; a generated one is computed.
pub(crate) fn restored(table: &LoadedTable, which: &str) -> String {
    let shared = table.columns.iter().map(|column| {
        let value = column.of_loaded("(d.sealed)");
        format!(", {value} AS {}", column.live.quoted())
    });
    let new = table.new_columns().map(|column| {
        let name = column.quoted();
        format!(", l.{name} AS {name}")
    });
    let values: String = shared.chain(new).collect();
    let live = match table.new_columns().next() {
        None => String::new(),
        Some(_) => format!(" LEFT JOIN {} AS l ON {}", table.live.from(), meets(table)),
    };
    let rows = format!(
        "SELECT d.ctid AS {}, d.action AS {}{values} FROM {} AS d{live} \
         WHERE {CHOSEN} AND d.action OPERATOR(pg_catalog.<>) 'added' AND {which}",
        table.free(PLACE),
        table.free(ACTION),
        table.diff()
    );
    let generated = table.live.columns.iter().filter_map(|column| {
        let expression = column.generation.as_deref()?;
        Some(format!(", ({expression}) AS {}", column.quoted()))
    });
    let generated: String = generated.collect();
    if generated.is_empty() {
        return rows;
    }
    format!("SELECT *{generated} FROM ({rows}) AS r")
}

/// Some columns of all rows that the table will have: where it has no key, the live rows, since it is
/// not undone.
pub(crate) fn all(table: &LoadedTable, columns: &[String]) -> String {
    let names = |alias: &str| {
        let names = columns
            .iter()
            .map(|name| format!("{alias}.{}", quoted(name)));
        names.collect::<Vec<_>>().join(", ")
    };
    if table.keys.is_empty() {
        return format!("SELECT {} FROM {} AS l", names("l"), table.live.from());
    }
    format!(
        "SELECT {} FROM {} AS l WHERE NOT EXISTS (SELECT FROM {} AS d \
         WHERE {CHOSEN} AND d.action <> 'gone' AND {})\nUNION ALL\nSELECT {} FROM ({}) AS r",
        names("l"),
        table.live.from(),
        table.diff(),
        meets(table),
        names("r"),
        restored(table, "true")
    )
}
