//! A diff as SQL, for a person to read: what would bring the rows back, one statement a row.

use crate::base::names::{self, TableName};
use crate::base::text::{is_hostile, plain, thousands};
use crate::report::diff::{Action, DiffReport, DiffTable, DiffedRow, Field};

const HEAD: &str = "\
-- What would bring the rows back, for reading. `pgseal undo` does it in one statement, so that foreign
-- keys are looked at when all is done, and with everything else that has to be right.
";

pub(crate) fn sql(report: &DiffReport) -> String {
    let mut out = HEAD.to_string();
    for line in &report.structure {
        out += &format!(
            "-- schema  {}: {}\n",
            plain(&line.object),
            plain(&line.what)
        );
    }
    for note in &report.notes {
        out += &format!("-- note: {}\n", plain(note));
    }
    // In the order in which undo's statement does it.
    for (action, all) in [
        (
            Action::Added,
            (|table| table.added) as fn(&DiffTable) -> u64,
        ),
        (Action::Changed, |table| table.changed),
        (Action::Gone, |table| table.gone),
    ] {
        for table in report.tables.iter().filter(|table| all(table) > 0) {
            out += &statements(table, action, all(table));
        }
    }
    out
}

fn statements(table: &DiffTable, action: Action, all: u64) -> String {
    let shown = plain(&table.table);
    let mut out = format!("\n-- {shown}: {} {}\n", thousands(all), action.as_str());
    if table.key.is_none() {
        return out + "-- no statement: it has no key, or is gone itself\n";
    }
    let rows = table.rows.iter().filter(|row| row.action == action);
    let mut told = 0;
    for row in rows {
        told += 1;
        let statement = statement(table, row);
        // A value that was cut off, or one with lines, must not run or end the comment.
        if cut(row) {
            let lines = statement.lines().map(|line| format!("-- {line}\n"));
            out += "-- a value is cut off here:\n";
            out.extend(lines);
        } else {
            out += &(statement + "\n");
        }
    }
    if all > told {
        out += &format!("-- … and {} more, see --rows\n", thousands(all - told));
    }
    out
}

fn statement(table: &DiffTable, row: &DiffedRow) -> String {
    let name = pattern(&table.name, table.only);
    let by_key = row
        .key
        .iter()
        .map(|field| format!("{} = {}", quoted(&field.column), value(field)));
    let by_key = by_key.collect::<Vec<_>>().join(" AND ");
    let then = row.then.as_deref().unwrap_or_default();
    match row.action {
        Action::Added => format!("DELETE FROM {name} WHERE {by_key};"),
        Action::Changed => {
            let set = then
                .iter()
                .map(|field| format!("{} = {}", quoted(&field.column), value(field)));
            let set = set.collect::<Vec<_>>().join(", ");
            format!("UPDATE {name} SET {set} WHERE {by_key};")
        }
        Action::Gone => {
            let names: Vec<String> = then.iter().map(|field| quoted(&field.column)).collect();
            let values: Vec<String> = then.iter().map(value).collect();
            let overriding = if table.identity {
                " OVERRIDING SYSTEM VALUE"
            } else {
                ""
            };
            format!(
                "INSERT INTO {} ({}){overriding} VALUES ({});",
                whole(&table.name),
                names.join(", "),
                values.join(", ")
            )
        }
    }
}

fn pattern(name: &TableName, only: bool) -> String {
    let name = whole(name);
    if only { format!("ONLY {name}") } else { name }
}

fn whole(name: &TableName) -> String {
    format!("{}.{}", quoted(&name.schema), quoted(&name.name))
}

fn cut(row: &DiffedRow) -> bool {
    let fields = row.key.iter().chain(row.then.iter().flatten());
    fields.clone().any(|field| field.cut)
}

fn value(field: &Field) -> String {
    field.value.as_deref().map_or("NULL".into(), literal)
}

/// As SQL quotes it, and so that nothing of it moves a terminal's cursor or ends a line: `E'\\x1b'`.
fn literal(text: &str) -> String {
    if !text.contains(is_hostile) {
        return names::literal(text);
    }
    let escaped = text.chars().map(|c| match c {
        '\n' => "\\n".into(),
        '\t' => "\\t".into(),
        '\\' => "\\\\".into(),
        '\'' => "''".into(),
        // Another one takes a server whose encoding has it.
        c if c.is_ascii_control() => format!("\\x{:02x}", u32::from(c)),
        c if is_hostile(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("E'{}'", escaped.collect::<String>())
}

/// The same of a name.
fn quoted(name: &str) -> String {
    if !name.contains(is_hostile) {
        return names::quoted(name);
    }
    let escaped = name.chars().map(|c| match c {
        '\\' => "\\\\".into(),
        '"' => "\"\"".into(),
        c if is_hostile(c) => format!("\\{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("U&\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor() {
        for (text, sql) in [
            ("it's \\", "'it''s \\'"),
            ("a\x1b[2J'\\", "E'a\\x1b[2J''\\\\'"),
            ("a\n\tb\r", "E'a\\n\\tb\\x0d'"),
            ("\u{9b}\u{202e}", "E'\\u009b\\u202e'"),
        ] {
            assert_eq!(literal(text), sql);
        }
        assert_eq!(quoted("a\"\\"), "\"a\"\"\\\"");
        assert_eq!(quoted("a\x1b\"\\"), "U&\"a\\001b\"\"\\\\\"");
    }
}
