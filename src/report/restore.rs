//! What was restored.

use crate::base::text::plain;
use crate::report::findings::Findings;
use crate::report::print::Report;
use crate::report::proof::Verdict;
use crate::report::table_lines::{TableLine, table_lines};
use crate::report::verify::{HEAD, ending};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct RestoreReport {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    pub result: Verdict,
    pub run_id: Option<String>,
    pub artifact: String,
    pub target: Place,
    pub prelude: bool,
    pub tables: Vec<Rows>,
    /// Statements that were left out: by --skip-external, or as grants of others.
    pub skipped: Vec<String>,
    /// What belongs to the tables and was never in the backup.
    pub not_restored: Vec<String>,
    pub notes: Vec<String>,
    pub checks: Findings,
}

#[derive(Debug, Serialize)]
pub(crate) struct Place {
    pub database: String,
    pub user: String,
    pub version: String,
}

/// One table as it was read in the target before the transaction ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rows {
    pub table: String,
    #[serde(skip)]
    pub target: String,
    pub rows: u64,
}

impl Report for RestoreReport {
    fn text(&self) -> String {
        let place = &self.target;
        let mut out = format!(
            "{HEAD}{}\ninto database {} as {}, PostgreSQL {}\n\n",
            plain(&self.artifact),
            plain(&place.database),
            plain(&place.user),
            plain(&place.version)
        );
        out += &table_lines(self.tables.iter().map(|table| TableLine {
            table: &table.table,
            target: &table.target,
            rows: table.rows,
            note: String::new(),
        }));
        out += &not_restored(&self.skipped, &self.not_restored, &self.notes);
        out + &ending(&self.checks, "RESTORE", self.result)
    }
}

/// What is not in the target, and why.
pub(crate) fn not_restored(skipped: &[String], never: &[String], notes: &[String]) -> String {
    let mut out = listed("left out", skipped) + &listed("never in the backup", never);
    for note in notes {
        out += &format!("note: {}\n", plain(note));
    }
    out
}

fn listed(what: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{what}:\n");
    for line in lines {
        out += &format!("  {}\n", plain(line));
    }
    out
}
