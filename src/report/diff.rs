//! What changed in the tables since the backup.

use crate::base::exit::Exit;
use crate::base::names::TableName;
use crate::base::text::{counted, plural, thousands};
use crate::report::diff_lines::{cells, columns, note_lines, structure_lines};
use crate::report::diff_rows::rows;
use crate::report::findings::Findings;
use crate::report::print::Report;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize)]
pub(crate) struct DiffReport {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
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

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DiffedRow {
    pub action: Action,
    pub key: Vec<Field>,
    /// Of a changed row, those that differ.
    pub columns: Option<Vec<String>>,
    /// The backup's values: of a changed row, in the columns that differ. Null without --values.
    pub then: Option<Vec<Field>>,
    /// The live row's, likewise.
    pub now: Option<Vec<Field>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Field {
    pub column: String,
    pub value: Option<String>,
    /// The value is longer than what is shown, and ends in `…`.
    #[serde(skip)]
    pub cut: bool,
}

/// What became of a table, a column, an index or the like.
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
        let tables = self.tables.iter();
        let (differ, same): (Vec<_>, Vec<_>) = tables.partition(|table| table.differ() > 0);
        let lines = differ.iter().map(|table| {
            let numbers = [
                table.then,
                table.now,
                table.changed,
                table.gone,
                table.added,
            ];
            cells(&table.table, &numbers)
        });
        let mut out = String::new();
        let mut table_lines = columns(&head, lines.collect()).into_iter();
        if !differ.is_empty() {
            out.extend(table_lines.next());
        }
        for (table, line) in differ.iter().zip(table_lines) {
            out += &line;
            out += &rows(table);
        }
        if !same.is_empty() {
            let rows = same.iter().map(|table| table.now);
            let rows = rows_of(rows.fold(0, u64::saturating_add));
            out += &format!("the same: {} with {rows}\n", counted(same.len(), "table"));
        }
        out += &structure_lines(&self.structure);
        out += &note_lines(&self.notes, &self.checks);
        let structure = match self.structure.len() {
            0 => String::new(),
            n => format!(", and {} of structure", counted(n, "difference")),
        };
        out + &format!(
            "DIFF: {} in {} of {}{structure}\n",
            rows_of(self.rows),
            differ.len(),
            counted(self.tables.len(), "table")
        )
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}

/// `1,234 rows`
fn rows_of(n: u64) -> String {
    format!("{} {}", thousands(n), plural(&n, "row"))
}
