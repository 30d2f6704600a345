//! A diff as SQL, for a person to read: what would bring the rows back, one statement a row.

use crate::base::names::{TableName, literal, quoted};
use crate::base::text::{plain, thousands};
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
                table.name.pattern(),
                names.join(", "),
                values.join(", ")
            )
        }
    }
}

fn pattern(name: &TableName, only: bool) -> String {
    if only {
        format!("ONLY {}", name.pattern())
    } else {
        name.pattern()
    }
}

fn cut(row: &DiffedRow) -> bool {
    let fields = row.key.iter().chain(row.then.iter().flatten());
    fields.clone().any(|field| field.cut)
}

fn value(field: &Field) -> String {
    field.value.as_deref().map_or("NULL".into(), literal)
}
