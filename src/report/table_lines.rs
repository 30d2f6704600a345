//! A line a table, and the first few of many partitions.

use crate::base::few::{Shown, few};
use crate::base::text::{TABLE, padded, plural, thousands};

pub(crate) struct TableLine<'a> {
    pub table: &'a str,
    /// The configured table that it is, or is a part of.
    pub target: &'a str,
    pub rows: u64,
    /// Of tables that follow each other those with another one are not counted together.
    pub note: String,
}

pub(crate) fn table_lines<'a>(tables: impl Iterator<Item = TableLine<'a>>) -> String {
    let tables: Vec<TableLine<'_>> = tables.collect();
    let mut out = String::new();
    for shown in few(&tables, |a, b| a.target == b.target && a.note == b.note) {
        let line = match shown {
            Shown::One(one) => line(one.table, one.rows, &one.note),
            Shown::Rest(rest) => {
                let (target, note) = rest
                    .first()
                    .map_or(("", ""), |first| (first.target, &first.note));
                let more = format!("… and {} more of {target}", thousands(rest.len() as u64));
                let rows = rest.iter().map(|one| one.rows);
                line(&more, rows.fold(0, u64::saturating_add), note)
            }
        };
        out += line.trim_end();
        out.push('\n');
    }
    out
}

fn line(name: &str, rows: u64, note: &str) -> String {
    let (name, word) = (padded(name, TABLE), plural(&rows, "row"));
    format!("  {name} {:>16} {word:<4}  {note}", thousands(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_differs_is_named_among_many() {
        let names: Vec<String> = (0..40).map(|n| format!("s.p_{n}")).collect();
        let tables = names.iter().enumerate().map(|(n, table)| TableLine {
            table,
            target: "s.p",
            rows: 1,
            note: if n == 20 { "DIFFERS" } else { "equal" }.into(),
        });
        let told = table_lines(tables);
        let lines: Vec<String> = told
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[4], "… and 16 more of s.p 16 rows equal");
        assert_eq!(lines[5], "s.p_20 1 row DIFFERS");
        assert_eq!(lines[10], "… and 15 more of s.p 15 rows equal");
    }
}
