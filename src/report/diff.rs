//! What changed in the tables since the backup.

use crate::base::exit::Exit;
use crate::base::text::{counted, plain, thousands};
use crate::report::findings::Findings;
use crate::report::print::Report;
use crate::report::verify::findings;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct DiffReport {
    pub schema: &'static str,
    pub result: DiffResult,
    pub run_id: Option<String>,
    pub artifact: String,
    pub database: String,
    pub rows: u64,
    pub tables: Vec<DiffTable>,
    pub structure: Vec<StructureLine>,
    pub notes: Vec<String>,
    pub checks: Findings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum DiffResult {
    Same,
    Differs,
}

#[derive(Debug, Serialize)]
pub(crate) struct DiffTable {
    pub table: String,
    pub target: String,
    pub then: u64,
    pub now: u64,
    pub changed: u64,
    pub gone: u64,
    pub added: u64,
    /// Null where rows were compared as a multiset.
    pub key: Option<Vec<String>>,
    pub rows: Vec<DiffedRow>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DiffedRow {
    pub action: String,
    pub key: Vec<Field>,
    pub columns: Option<Vec<String>>,
    pub then: Option<Vec<Field>>,
    pub now: Option<Vec<Field>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Field {
    pub column: String,
    pub value: Option<String>,
}

/// A difference that is none of rows.
#[derive(Debug, Serialize)]
pub(crate) struct StructureLine {
    pub object: String,
    pub what: String,
}

impl Report for DiffReport {
    fn text(&self) -> String {
        let mut out = String::new();
        for table in &self.tables {
            out += &format!(
                "{} {} {} {} {} {}\n",
                plain(&table.table),
                thousands(table.then),
                thousands(table.now),
                thousands(table.changed),
                thousands(table.gone),
                thousands(table.added)
            );
        }
        out += &findings(&self.checks);
        out + &format!("DIFF: {}\n", counted(self.rows, "row"))
    }

    fn exit(&self) -> Exit {
        match self.result {
            DiffResult::Same => Exit::Yes,
            DiffResult::Differs => Exit::No,
        }
    }
}
