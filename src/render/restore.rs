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
    out += &skipped(&report.skipped);
    out += "\n";
    out += &findings(&report.checks);
    out + &format!("\nRESTORE: {}\n", report.result.as_str())
}

pub(super) fn skipped(statements: &[String]) -> String {
    if statements.is_empty() {
        return String::new();
    }
    let mut out = "\nleft out:\n".to_string();
    for statement in statements {
        out += &format!("  {}\n", plain(statement));
    }
    out
}
