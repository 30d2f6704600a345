//! How many rows were written since the backup, by its mark.

use crate::base::exit::Exit;
use crate::base::text::{counted, thousands};
use crate::report::diff::{DiffResult, StructureLine};
use crate::report::diff_lines::{cells, columns, note_lines, structure_lines};
use crate::report::findings::Findings;
use crate::report::print::Report;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct DiffCountsReport {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    pub result: DiffResult,
    pub run_id: Option<String>,
    pub database: String,
    /// When the backup's run began; its mark was taken a moment later.
    pub since: String,
    /// Numbers of transactions that were open then.
    pub open_transactions: usize,
    pub tables: Vec<CountedTable>,
    pub structure: Vec<StructureLine>,
    pub notes: Vec<String>,
    pub checks: Findings,
}

#[derive(Debug, Serialize)]
pub(crate) struct CountedTable {
    pub table: String,
    /// The configured table that it is, or is a child of.
    pub target: String,
    /// Rows in the backup.
    pub then: u64,
    /// Rows in the live table.
    pub now: u64,
    /// Live rows that were written since, at most.
    pub written: u64,
    /// Of those, rows that may have been there before: they were written while a transaction was open.
    pub unsure: u64,
    /// Rows of the backup that are not there as they were, at most.
    pub changed_or_gone: u64,
}

impl CountedTable {
    pub(crate) fn differs(&self) -> bool {
        self.written > 0 || self.changed_or_gone > 0
    }
}

impl Report for DiffCountsReport {
    fn text(&self) -> String {
        let head = ["table", "then", "now", "written", "changed or gone"];
        let lines = self.tables.iter().map(|table| {
            let numbers = [table.then, table.now, table.written, table.changed_or_gone];
            cells(&table.table, &numbers)
        });
        let mut out = columns(&head, lines.collect()).concat();
        out += &structure_lines(&self.structure);
        out += &note_lines(&self.notes, &self.checks);
        let differ = self.tables.iter().filter(|table| table.differs()).count();
        let sum = |of: fn(&CountedTable) -> u64| {
            thousands(self.tables.iter().map(of).fold(0, u64::saturating_add))
        };
        out + &format!(
            "DIFF: at most {} rows written since, and {} of the backup's changed or gone, in {differ} of {}\n",
            sum(|table| table.written),
            sum(|table| table.changed_or_gone),
            counted(self.tables.len(), "table")
        )
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}
