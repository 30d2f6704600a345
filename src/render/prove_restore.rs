//! The proof that an artifact comes back.

use super::restore::skipped;
use super::term::{plain, thousands};
use super::verify::findings;
use crate::commands::prove_restore::Report;

pub(crate) fn text(report: &Report) -> String {
    let mut out = format!(
        "{}\ninto a throw-away PostgreSQL {}\n\n",
        plain(&report.artifact),
        plain(&report.server)
    );
    for table in &report.tables {
        let equal = if table.content_equal {
            "equal"
        } else {
            "DIFFERS"
        };
        let rows = thousands(table.sealed_rows);
        out += &format!("  {:<48} {rows:>16} rows  {equal}\n", plain(&table.table));
    }
    out += &skipped(&report.skipped);
    for note in &report.notes {
        out += &format!("note: {}\n", plain(note));
    }
    out += "\n";
    out += &findings(&report.checks);
    out + &format!("\nPROVE_RESTORE: {}\n", report.result.as_str())
}
