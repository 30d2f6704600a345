//! What COMMAND wrote, as `guard` tells it.

use crate::base::names::TableName;
use crate::base::text::counted;

/// A target, by its rows in the backup and its rows now.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub table: TableName,
    pub then: u64,
    /// Whether there is a table of that name.
    pub there: bool,
    /// Since the mark, and so by COMMAND: at most.
    pub written: u64,
    /// Of the backup's: at most.
    pub changed_or_gone: u64,
    /// Rows that others wrote before the mark or since, and that count as changed.
    pub unsure: u64,
}

impl Written {
    /// It is not as it was.
    pub(crate) fn differs(&self) -> bool {
        !self.there || self.written > 0 || self.changed_or_gone > 0
    }
}

/// A line a table that is not as it was. `open`: transactions, when the backup began.
pub(crate) fn written(tables: &[Written], open: usize) -> Vec<String> {
    let others: Vec<&Written> = tables.iter().filter(|table| table.differs()).collect();
    let same = tables.len() - others.len();
    let others = others.into_iter();
    let mut lines: Vec<String> = others.map(line).collect();
    match (lines.len(), same) {
        (_, 0) => {}
        (0, _) => lines.push(format!(
            "COMMAND wrote no row in {}, and none of the backup's is changed or gone",
            counted(same, "table")
        )),
        (_, _) => lines.push(format!("as it was: {}", counted(same, "other table"))),
    }
    let unsure = tables.iter().map(|table| table.unsure);
    let unsure = unsure.fold(0, u64::saturating_add);
    if unsure > 0 {
        let open = match open {
            0 => "transactions were".into(),
            1 => "1 transaction was".to_string(),
            _ => format!("{open} transactions were"),
        };
        lines.push(format!(
            "{open} open when the backup began: {} may be of before it, or another's",
            counted(unsure, "row")
        ));
    }
    lines
}

fn line(table: &Written) -> String {
    let Written {
        table: name,
        then,
        there,
        written,
        changed_or_gone,
        unsure,
    } = table;
    if !there {
        let then = counted(*then, "row");
        return format!("{name} is not there any more, nor the backup's {then} of it");
    }
    let gone = match (changed_or_gone, changed_or_gone.saturating_sub(*unsure)) {
        (0, _) => "none of the backup's is changed or gone".to_string(),
        (1, 1) => "1 of the backup's is changed or gone".into(),
        (most, least) if *most == least => format!("{most} of the backup's are changed or gone"),
        (most, least) => format!("{least} to {most} of the backup's are changed or gone"),
    };
    match written {
        0 => format!("COMMAND wrote no row in {name}; {gone}"),
        n => format!(
            "COMMAND wrote at most {} in {name}; {gone}",
            counted(*n, "row")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_a_line_and_what_is_not_known_at_the_end() {
        let table =
            |name: &str, there, [then, written, changed_or_gone, unsure]: [u64; 4]| Written {
                table: TableName {
                    schema: "public".into(),
                    name: name.into(),
                },
                then,
                there,
                written,
                changed_or_gone,
                unsure,
            };
        let tables = [
            table("a", true, [50, 9, 12, 0]),
            table("b", true, [1, 0, 1, 0]),
            table("c", true, [5, 1, 0, 0]),
            table("d", false, [7, 0, 7, 0]),
            table("e", true, [100, 9, 100, 88]),
            table("f", true, [10, 0, 10, 10]),
            table("g", true, [0; 4]),
        ];
        let told = [
            "COMMAND wrote at most 9 rows in public.a; 12 of the backup's are changed or gone",
            "COMMAND wrote no row in public.b; 1 of the backup's is changed or gone",
            "COMMAND wrote at most 1 row in public.c; none of the backup's is changed or gone",
            "public.d is not there any more, nor the backup's 7 rows of it",
            "COMMAND wrote at most 9 rows in public.e; 12 to 100 of the backup's are changed or gone",
            "COMMAND wrote no row in public.f; 0 to 10 of the backup's are changed or gone",
            "as it was: 1 other table",
            "1 transaction was open when the backup began: 98 rows may be of before it, or another's",
        ];
        assert_eq!(written(&tables, 1), told);
        let told = "COMMAND wrote no row in 1 table, and none of the backup's is changed or gone";
        assert_eq!(written(&tables[6..], 2), [told]);
    }
}
