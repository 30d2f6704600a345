//! What was restored.

use super::term::{plain, thousands};
use super::verify::findings;
use crate::commands::restore::Report;

pub(crate) fn text(report: &Report) -> String {
    let place = &report.target;
    let mut out = format!(
        "{}\ninto database {} as {}, PostgreSQL {}\n\n",
        plain(&report.artifact),
        plain(&place.database),
        plain(&place.user),
        plain(&place.version)
    );
    for table in &report.tables {
        out += &format!(
            "  {:<48} {:>16} rows\n",
            plain(&table.table),
            thousands(table.rows)
        );
    }
    out += &listed("left out", &report.skipped);
    out += &listed("never in the backup", &report.not_restored);
    for note in &report.notes {
        out += &format!("note: {}\n", plain(note));
    }
    out += "\n";
    out += &findings(&report.checks);
    out + &format!("\nRESTORE: {}\n", report.result.as_str())
}

pub(super) fn listed(what: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{what}:\n");
    for line in lines {
        out += &format!("  {}\n", plain(line));
    }
    out
}
