//! The proof that a backup changes nothing.

use crate::base::exit::Exit;
use crate::base::text::{counted, plain};
use crate::report::findings::Findings;
use crate::report::print::Report;
use crate::report::proof::Verdict;
use crate::report::table_lines::{TableLine, table_lines};
use crate::report::verify::{HEAD, findings};
use crate::store::manifest::Envelope;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct ProveBackupReport {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    pub result: Verdict,
    pub run_id: String,
    pub envelope: Envelope,
    /// What our sessions wrote, by what the server says of them.
    pub our_writes: u64,
    pub session: SessionFacts,
    pub tables: Vec<Observed>,
    pub checks: Findings,
}

/// What the server says of a session that is started as the backup's are.
#[derive(Debug, Serialize)]
pub(crate) struct SessionFacts {
    pub default_transaction_read_only: String,
    pub transaction_read_only: String,
    /// Assigned by the first write; null where there was none.
    pub transaction_id: Option<String>,
}

/// One table, before and after.
#[derive(Debug, Serialize)]
pub(crate) struct Observed {
    pub table: String,
    #[serde(skip)]
    pub target: String,
    pub rows_before: u64,
    pub rows_after: Option<u64>,
    /// 0 where every row is as it was; null where some are not, for a sum of hashes does not tell
    /// how many.
    pub rows_changed: Option<u64>,
}

impl Report for ProveBackupReport {
    fn text(&self) -> String {
        let mut out = format!(
            "{HEAD}run {}: {}\n\n",
            plain(&self.run_id),
            plain(&self.envelope.artifact_ref)
        );
        out += &table_lines(self.tables.iter().map(|table| TableLine {
            table: &table.table,
            target: &table.target,
            rows: table.rows_before,
            note: match table.rows_changed {
                Some(n) => format!("{} changed", counted(n, "row")),
                None => "CHANGED by another session".into(),
            },
        }));
        out += "\n";
        out += &findings(&self.checks);
        out + &format!(
            "\nour_writes: {}\nPROVE_BACKUP: {}\n",
            self.our_writes,
            self.result.as_str()
        )
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}
