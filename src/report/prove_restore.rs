//! The proof that an artifact comes back.

use crate::base::exit::Exit;
use crate::base::text::plain;
use crate::report::findings::Findings;
use crate::report::print::Report;
use crate::report::proof::Verdict;
use crate::report::restore::not_restored;
use crate::report::table_lines::{TableLine, table_lines};
use crate::report::verify::{HEAD, ending};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct ProveRestoreReport {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
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
    #[serde(skip)]
    pub target: String,
    pub sealed_rows: u64,
    pub restored_rows: u64,
    /// Every row came back, and no other: by a digest that is kept in memory only.
    pub content_equal: bool,
}

impl Report for ProveRestoreReport {
    fn text(&self) -> String {
        let proof = &self.proof;
        let mut out = format!("{HEAD}{}\n", plain(&self.artifact));
        if let Some(server) = &proof.server {
            out += &format!("into a throw-away PostgreSQL {}\n\n", plain(server));
        }
        out += &table_lines(proof.tables.iter().map(|table| {
            let equal = if table.content_equal {
                "equal"
            } else {
                "DIFFERS"
            };
            TableLine {
                table: &table.table,
                target: &table.target,
                rows: table.sealed_rows,
                note: equal.into(),
            }
        }));
        out += &not_restored(&proof.skipped, &proof.not_restored, &proof.notes);
        out + &ending(&proof.checks, "PROVE_RESTORE", self.result)
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}
