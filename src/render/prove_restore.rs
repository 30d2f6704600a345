//! The proof that an artifact comes back.

use super::restore::listed;
use super::term::{plain, thousands};
use super::verify::findings;
use crate::commands::prove_restore::Report;

pub(crate) fn text(report: &Report) -> String {
    let proof = &report.proof;
    let mut out = format!("{}\n", plain(&report.artifact));
    if let Some(server) = &proof.server {
        out += &format!("into a throw-away PostgreSQL {}\n\n", plain(server));
    }
    for table in &proof.tables {
        let equal = if table.content_equal {
            "equal"
        } else {
            "DIFFERS"
        };
        let rows = thousands(table.sealed_rows);
        out += &format!("  {:<48} {rows:>16} rows  {equal}\n", plain(&table.table));
    }
    out += &listed("left out", &proof.skipped);
    out += &listed("never in the backup", &proof.not_restored);
    for note in &proof.notes {
        out += &format!("note: {}\n", plain(note));
    }
    out += "\n";
    out += &findings(&proof.checks);
    out + &format!("\nPROVE_RESTORE: {}\n", report.result.as_str())
}
