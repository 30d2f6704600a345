//! What `pgseal diff` asks: every table compared in one moment, and a few rows of each.

use crate::base::names::{literal, quoted};
use crate::process::flow::{Passed, StreamError};
use crate::undo::compare::{Compared, compare};
use crate::undo::converse::Conversation;
use crate::undo::loaded_table::{Key, LoadedTable};
use crate::undo::session::{Mode, Session, Step};
use serde::{Deserialize, Deserializer};

/// The longest value that is shown whole, in characters.
const SHOWN: usize = 4096;

/// Whether values of rows are told, beside their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    Told,
    Kept,
}

/// The conversation, and then its outcome.
pub(crate) struct Diff {
    /// Rows told of each table and action.
    pub rows: u32,
    pub values: Values,
    pub tables: Vec<TableDiff>,
}

/// A table that was compared.
#[derive(Debug, Clone)]
pub(crate) struct TableDiff {
    pub table: LoadedTable,
    pub compared: Compared,
    pub rows: Vec<DiffRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DiffRow {
    pub action: String,
    /// Names and values in the key's order, as text.
    pub key: Vec<Value>,
    /// Of a changed row.
    pub columns: Option<Vec<String>>,
    /// As it was sealed: of a changed row, the columns that differ.
    pub then: Option<Vec<Value>>,
    /// As it is live, likewise.
    pub now: Option<Vec<Value>>,
}

/// A column's name, and its value in PostgreSQL's text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub column: String,
    /// One that is longer than what is shown ends in `…`.
    pub value: Option<String>,
    pub cut: bool,
}

impl<'de> Deserialize<'de> for Value {
    /// Not by the server, whose encoding may lack the `…`.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
        let (column, value, longer) = <(String, Option<String>, Option<bool>)>::deserialize(from)?;
        let cut = longer == Some(true);
        let value = value.map(|value| value + if cut { "…" } else { "" });
        Ok(Value { column, value, cut })
    }
}

impl Conversation for Diff {
    fn talk(&mut self, session: &mut Session, tables: &[LoadedTable]) -> Passed {
        session.begin(Mode::ReadOneMoment)?;
        for table in tables {
            let compared = compare(session, table)?;
            let rows = self.rows(session, table, &compared)?;
            self.tables.push(TableDiff {
                table: table.clone(),
                compared,
                rows,
            });
        }
        Ok(())
    }
}

impl Diff {
    pub(crate) fn new(rows: u32, values: Values) -> Diff {
        Diff {
            rows,
            values,
            tables: Vec::new(),
        }
    }

    fn rows(
        &self,
        session: &mut Session,
        table: &LoadedTable,
        compared: &Compared,
    ) -> Result<Vec<DiffRow>, StreamError> {
        let counts = compared.counts;
        let mut rows = Vec::new();
        // Without a key and without values there is nothing to tell a row by.
        if self.rows == 0 || compared.key.is_none() && self.values == Values::Kept {
            return Ok(rows);
        }
        let actions = [
            ("changed", counts.changed),
            ("gone", counts.gone),
            ("added", counts.added),
        ];
        for (action, _) in actions.iter().filter(|(_, count)| *count > 0) {
            let step = Step::Rows(format!("it read rows of {}", table.table.name));
            rows.extend(session.all(step, &self.query(table, compared.key.as_ref(), action))?);
        }
        Ok(rows)
    }

    fn query(&self, table: &LoadedTable, key: Option<&Key>, action: &str) -> String {
        // What the row is known by.
        let side = if action == "added" { "live" } else { "sealed" };
        let key = key.into_iter().flat_map(|key| &key.columns);
        let key: Vec<&str> = key.map(|column| &*column.name).collect();
        let order = key.iter().map(|name| value(side, name));
        let order: Vec<String> = order.collect();
        let order = match &order[..] {
            [] => String::new(),
            order => format!(" ORDER BY {}", order.join(", ")),
        };
        let names: Vec<&str> = table
            .columns
            .iter()
            .map(|column| &*column.live.name)
            .collect();
        let told = |side: &str, wanted: bool| match self.values {
            Values::Told if wanted => values(&names, side, action == "changed"),
            _ => "NULL".into(),
        };
        let (then, now) = (
            told("sealed", action != "added"),
            told("live", action != "gone"),
        );
        format!(
            "SELECT pg_catalog.json_build_object('action', d.action, 'columns', d.columns, 'key', {}, \
             'then', {then}, 'now', {now}) FROM {} AS d WHERE d.action = '{action}'{order} LIMIT {}",
            values(&key, side, false),
            table.diff(),
            self.rows
        )
    }
}

fn value(side: &str, name: &str) -> String {
    format!("(d.{side}).{}", quoted(name))
}

/// Names and values as JSON; `differing`: of those alone that the row's `columns` name.
fn values(names: &[&str], side: &str, differing: bool) -> String {
    if names.is_empty() {
        return "'[]'::pg_catalog.json".into();
    }
    let all = names.iter().enumerate().map(|(at, name)| {
        let (name, value) = (literal(name), value(side, name));
        format!("({at}, {name}::pg_catalog.text, {value}::pg_catalog.text)")
    });
    let all: Vec<String> = all.collect();
    let filter = if differing {
        " WHERE v.name = ANY (d.columns)"
    } else {
        ""
    };
    format!(
        "(SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(v.name, \
         pg_catalog.left(v.value, {SHOWN}), pg_catalog.length(v.value) > {SHOWN}) ORDER BY v.at), '[]') \
         FROM (VALUES {}) AS v(at, name, value){filter})",
        all.join(", ")
    )
}
