//! What changed in the tables since the backup.

use crate::base::exit::Exit;
use crate::base::names::TableName;
use crate::base::text::{counted, plain, thousands};
use crate::report::diff_counts::{Cell, columns, structure_lines, unproved};
use crate::report::diff_rows::rows;
use crate::report::findings::Findings;
use crate::report::print::Report;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct DiffReport {
    pub schema: &'static str,
    pub result: DiffResult,
    pub run_id: Option<String>,
    pub artifact: String,
    pub database: String,
    /// That differ, of all tables.
    pub rows: u64,
    pub tables: Vec<DiffTable>,
    /// What is otherwise in the tables themselves.
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

impl DiffResult {
    pub(crate) fn same_if(same: bool) -> DiffResult {
        if same {
            DiffResult::Same
        } else {
            DiffResult::Differs
        }
    }

    pub(crate) fn exit(self) -> Exit {
        match self {
            DiffResult::Same => Exit::Yes,
            DiffResult::Differs => Exit::No,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct DiffTable {
    pub table: String,
    /// The configured table that it is, or is a child of.
    pub target: String,
    /// Rows in the backup.
    pub then: u64,
    /// Rows in the live table.
    pub now: u64,
    pub changed: u64,
    pub gone: u64,
    pub added: u64,
    /// Null where rows were compared as a multiset.
    pub key: Option<Vec<String>>,
    /// The first of each kind, by key.
    pub rows: Vec<DiffedRow>,
    #[serde(skip)]
    pub name: TableName,
    /// Without inheritance children.
    #[serde(skip)]
    pub only: bool,
    /// It has a column that is GENERATED ALWAYS AS IDENTITY.
    #[serde(skip)]
    pub identity: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct DiffedRow {
    pub action: Action,
    pub key: Vec<Field>,
    /// Of a changed row, those that differ.
    pub columns: Option<Vec<String>>,
    /// Null without --values.
    pub then: Option<Vec<Field>>,
    pub now: Option<Vec<Field>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Changed,
    Gone,
    Added,
}

impl Action {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Action::Changed => "changed",
            Action::Gone => "gone",
            Action::Added => "added",
        }
    }

    pub(crate) fn sign(self) -> char {
        match self {
            Action::Changed => '~',
            Action::Gone => '-',
            Action::Added => '+',
        }
    }
}

/// A column's name, and its value in PostgreSQL's text form.
#[derive(Debug, Serialize)]
pub(crate) struct Field {
    pub column: String,
    pub value: Option<String>,
    /// It is longer than what is shown.
    #[serde(skip)]
    pub cut: bool,
}

/// A difference that is none of rows.
#[derive(Debug, Serialize)]
pub(crate) struct StructureLine {
    pub object: String,
    pub what: String,
}

impl DiffTable {
    pub(crate) fn differ(&self) -> u64 {
        self.changed + self.gone + self.added
    }
}

impl Report for DiffReport {
    fn text(&self) -> String {
        let head = ["table", "then", "now", "changed", "gone", "added"];
        let differ: Vec<&DiffTable> = self
            .tables
            .iter()
            .filter(|table| table.differ() > 0)
            .collect();
        let lines = differ.iter().map(|table| {
            let numbers = [
                table.then,
                table.now,
                table.changed,
                table.gone,
                table.added,
            ];
            Cell::line(&table.table, &numbers)
        });
        let lines: Vec<Vec<Cell>> = lines.collect();
        let mut out = String::new();
        let mut table_lines = columns(&head, &lines).into_iter();
        if !differ.is_empty() {
            out.extend(table_lines.next());
        }
        for (table, line) in differ.iter().zip(table_lines) {
            out += &line;
            out += &rows(table);
        }
        let same = self.tables.iter().filter(|table| table.differ() == 0);
        let same_rows = same
            .clone()
            .map(|table| table.now)
            .fold(0, u64::saturating_add);
        if let n @ 1.. = same.count() {
            let rows = format!(
                "{} {}",
                thousands(same_rows),
                if same_rows == 1 { "row" } else { "rows" }
            );
            out += &format!("the same: {} with {rows}\n", counted(n, "table"));
        }
        out += &structure_lines(&self.structure);
        for note in &self.notes {
            out += &format!("note: {}\n", plain(note));
        }
        out += &unproved(&self.checks);
        let tables = format!(
            "in {} of {}",
            differ.len(),
            counted(self.tables.len(), "table")
        );
        let rows = if self.rows == 1 { "row" } else { "rows" };
        out + &format!(
            "DIFF: {} {rows} {tables}{}\n",
            thousands(self.rows),
            structure(&self.structure)
        )
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}

fn structure(lines: &[StructureLine]) -> String {
    match lines.len() {
        0 => String::new(),
        n => format!(", and {} of structure", counted(n, "difference")),
    }
}
