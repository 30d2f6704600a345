//! The proof that a backup changes nothing.

use super::term::{plain, thousands};
use super::verify::findings;
use crate::commands::prove_backup::Report;

pub(crate) fn text(report: &Report) -> String {
    let mut out = format!(
        "run {}: {}\n\n",
        plain(&report.run_id),
        plain(&report.envelope.artifact_ref)
    );
    for table in &report.tables {
        let changed = match table.rows_changed {
            Some(n) => format!("{n} rows changed"),
            None => "CHANGED by another session".into(),
        };
        let rows = thousands(table.rows_before);
        out += &format!("  {:<48} {rows:>16} rows  {changed}\n", plain(&table.table));
    }
    out += "\n";
    out += &findings(&report.checks);
    out + &format!(
        "\nour_writes: {}\nPROVE_BACKUP: {}\n",
        report.our_writes,
        report.result.as_str()
    )
}
