//! The conversation of `pgseal diff`: every table compared in one moment, and a few rows of each.

use crate::base::names::{literal, quoted};
use crate::process::flow::{Passed, StreamError};
use crate::report::diff::{Action, DiffedRow, Field};
use crate::undo::compare::{Compared, compare};
use crate::undo::converse::Conversation;
use crate::undo::loaded_table::{Key, KeyColumn, LoadedTable};
use crate::undo::session::{Mode, Session, Step};
use serde::{Deserialize, Deserializer};

/// The longest value that is shown whole, in characters.
const SHOWN: usize = 4096;

/// Whether values of rows are shown, beside their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    Shown,
    Hidden,
}

/// The conversation, and then its outcome.
pub(crate) struct Diff {
    /// The most rows that are shown of each table and action.
    pub rows: u32,
    pub values: Values,
    pub tables: Vec<TableDiff>,
}

/// A table that was compared.
pub(crate) struct TableDiff {
    pub table: LoadedTable,
    pub compared: Compared,
    pub rows: Vec<DiffedRow>,
}

impl<'de> Deserialize<'de> for Field {
    /// As `values` asks for it. The `…` is not the server's, whose encoding may lack it.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Field, D::Error> {
        let (column, value, longer) = <(String, Option<String>, Option<bool>)>::deserialize(from)?;
        let cut = longer == Some(true);
        let value = value.map(|value| value + if cut { "…" } else { "" });
        Ok(Field { column, value, cut })
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
    ) -> Result<Vec<DiffedRow>, StreamError> {
        let counts = compared.counts;
        let mut rows = Vec::new();
        // Without a key and without values there is nothing to tell a row by.
        if self.rows == 0 || compared.key.is_none() && self.values == Values::Hidden {
            return Ok(rows);
        }
        let actions = [
            (Action::Changed, counts.changed),
            (Action::Gone, counts.gone),
            (Action::Added, counts.added),
        ];
        for (action, _) in actions.into_iter().filter(|(_, count)| *count > 0) {
            let step = Step::Rows(format!("it read rows of {}", table.table.name));
            rows.extend(session.all(step, &self.query(table, compared.key.as_ref(), action))?);
        }
        Ok(rows)
    }

    fn query(&self, table: &LoadedTable, key: Option<&Key>, action: Action) -> String {
        // The row whose key is shown.
        let side = match action {
            Action::Added => "live",
            Action::Changed | Action::Gone => "sealed",
        };
        let key = key.into_iter().flat_map(|key| &key.columns);
        let key: Vec<&str> = key.map(KeyColumn::name).collect();
        let order = key.iter().map(|name| value(side, name));
        let order: Vec<String> = order.collect();
        let order = match &order[..] {
            [] => String::new(),
            order => format!(" ORDER BY {}", order.join(", ")),
        };
        let names = table.columns.iter().map(|column| &*column.live.name);
        let names: Vec<&str> = names.collect();
        let shown = |side: &str, wanted: bool| match self.values {
            Values::Shown if wanted => values(&names, side, action == Action::Changed),
            _ => "NULL".into(),
        };
        let (then, now) = (
            shown("sealed", action != Action::Added),
            shown("live", action != Action::Gone),
        );
        format!(
            "SELECT pg_catalog.json_build_object('action', d.action, 'columns', d.columns, 'key', {}, \
             'then', {then}, 'now', {now}) FROM {} AS d WHERE d.action = '{}'{order} LIMIT {}",
            values(&key, side, false),
            table.diff(),
            action.as_str(),
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
