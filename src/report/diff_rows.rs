//! The rows of a diff below their table, for people.

use crate::base::text::{padded, plain, shortened, thousands};
use crate::report::diff::{Action, DiffTable, DiffedRow, Field};
use unicode_width::UnicodeWidthStr;

/// A line a changed row, and one for all that are gone or were added, by their keys; one a row where
/// values are told.
pub(crate) fn rows(table: &DiffTable) -> String {
    let mut out = String::new();
    for (action, all) in [
        (Action::Changed, table.changed),
        (Action::Gone, table.gone),
        (Action::Added, table.added),
    ] {
        let rows = table.rows.iter().filter(|row| row.action == action);
        let rows: Vec<&DiffedRow> = rows.collect();
        let Some(first) = rows.first() else {
            continue;
        };
        let more = all.saturating_sub(rows.len() as u64);
        let sign = action.sign();
        if action != Action::Changed && first.then.is_none() && first.now.is_none() {
            let keys = rows
                .iter()
                .enumerate()
                .map(|(at, row)| key(&row.key, at == 0));
            let keys = keys.collect::<Vec<_>>().join(", ");
            let more = if more > 0 { ", …" } else { "" };
            out += &format!("  {sign} {keys}{more}\n");
            continue;
        }
        let keys: Vec<String> = rows.iter().map(|row| key(&row.key, true)).collect();
        let width = keys.iter().map(|key| key.width()).max().unwrap_or_default();
        for (row, key) in rows.iter().zip(&keys) {
            let gap = if width == 0 { "" } else { "   " };
            let key = padded(key, width);
            let text = format!("  {sign} {key}{gap}{}", told(row));
            out += text.trim_end();
            out.push('\n');
        }
        if more > 0 {
            out += &format!("  {sign} … and {} more\n", thousands(more));
        }
    }
    out
}

/// `id=7`, `7`, `(a, b)=(1, x)`
fn key(fields: &[Field], named: bool) -> String {
    let values: Vec<String> = fields
        .iter()
        .map(|field| shown(field.value.as_ref()))
        .collect();
    let names: Vec<String> = fields.iter().map(|field| plain(&field.column)).collect();
    match (&names[..], named) {
        ([], _) => String::new(),
        ([name], true) => format!("{name}={}", values.concat()),
        (_, true) => format!("({})=({})", names.join(", "), values.join(", ")),
        ([_], false) => values.concat(),
        (_, false) => format!("({})", values.join(", ")),
    }
}

/// The columns that differ, or with values what stood and stands in them.
fn told(row: &DiffedRow) -> String {
    match (&row.then, &row.now) {
        (Some(then), Some(now)) => {
            let pairs = then.iter().zip(now);
            let pairs = pairs.map(|(then, now)| {
                format!(
                    "{}: {} → {}",
                    plain(&then.column),
                    quoted(then),
                    quoted(now)
                )
            });
            pairs.collect::<Vec<_>>().join(", ")
        }
        (Some(fields), None) | (None, Some(fields)) => {
            let one = |field: &Field| format!("{}={}", plain(&field.column), quoted(field));
            fields.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        (None, None) => {
            let columns = row.columns.iter().flatten().map(|column| plain(column));
            columns.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The most of a value that stands in a line.
const SHOWN: usize = 60;

fn shown(value: Option<&String>) -> String {
    value.map_or("NULL".into(), |value| plain(&shortened(value, SHOWN)))
}

fn quoted(field: &Field) -> String {
    match &field.value {
        None => "NULL".into(),
        value => format!("'{}'", shown(value.as_ref()).replace('\'', "''")),
    }
}
