//! The proof that an artifact comes back.

use crate::base::exit::Exit;
use crate::base::text::{plain, thousands};
use crate::report::findings::Findings;
use crate::report::print::Report;
use crate::report::proof::Verdict;
use crate::report::restore::listed;
use crate::report::verify::findings;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct ProveRestoreReport {
    pub schema: &'static str,
    pub result: Verdict,
    pub run_id: Option<String>,
    pub artifact: String,
    #[serde(flatten)]
    pub proof: RestoreProof,
}

/// What was found, as far as it went.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RestoreProof {
    /// Null where nothing was restored.
    pub server: Option<String>,
    pub prelude: bool,
    pub tables: Vec<Equality>,
    pub skipped: Vec<String>,
    /// What belongs to the tables and was never in the backup.
    pub not_restored: Vec<String>,
    pub notes: Vec<String>,
    pub checks: Findings,
}

/// One table, as sealed and as it came back.
#[derive(Debug, Serialize)]
pub(crate) struct Equality {
    pub table: String,
    pub sealed_rows: u64,
    pub restored_rows: u64,
    /// Every row came back, and no other: by a digest that is kept in memory only.
    pub content_equal: bool,
}

impl Report for ProveRestoreReport {
    fn text(&self) -> String {
        let proof = &self.proof;
        let mut out = format!("{}\n", plain(&self.artifact));
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
        out + &format!("\nPROVE_RESTORE: {}\n", self.result.as_str())
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}
