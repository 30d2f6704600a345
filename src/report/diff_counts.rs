//! How many rows were written since the backup, by its mark.

use crate::base::exit::Exit;
use crate::base::text::{counted, padded, plain, thousands};
use crate::report::diff::{DiffResult, StructureLine};
use crate::report::findings::{CheckStatus, Findings};
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
            Cell::line(&table.table, &numbers)
        });
        let lines: Vec<Vec<Cell>> = lines.collect();
        let mut out = columns(&head, &lines).concat();
        out += &structure_lines(&self.structure);
        for note in &self.notes {
            out += &format!("note: {}\n", plain(note));
        }
        out += &unproved(&self.checks);
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

/// What stands in a column of a table: a name to the left, numbers to the right.
pub(crate) enum Cell {
    Name(String),
    Number(u64),
}

impl Cell {
    pub(crate) fn line(name: &str, numbers: &[u64]) -> Vec<Cell> {
        let name = [Cell::Name(plain(name))].into_iter();
        name.chain(numbers.iter().copied().map(Cell::Number))
            .collect()
    }

    fn text(&self) -> String {
        match self {
            Cell::Name(name) => name.clone(),
            Cell::Number(number) => thousands(*number),
        }
    }
}

/// The head and the lines, each column as wide as it must be.
pub(crate) fn columns(head: &[&str], lines: &[Vec<Cell>]) -> Vec<String> {
    let width = |at: usize| {
        let cells = lines.iter().filter_map(|line| line.get(at));
        let cells = cells.map(|cell| cell.text().chars().count());
        cells
            .chain([head[at].chars().count()])
            .max()
            .unwrap_or_default()
    };
    let line = |cells: Vec<String>| {
        let cells = cells.iter().enumerate().map(|(at, text)| match at {
            0 => padded(text, width(0)),
            _ => format!("  {text:>w$}", w = width(at).max(6)),
        });
        cells.collect::<String>().trim_end().to_string() + "\n"
    };
    let head = line(head.iter().map(|word| (*word).to_string()).collect());
    let lines = lines
        .iter()
        .map(|cells| line(cells.iter().map(Cell::text).collect()));
    [head].into_iter().chain(lines).collect()
}

pub(crate) fn structure_lines(lines: &[StructureLine]) -> String {
    let line =
        |line: &StructureLine| format!("schema  {}: {}\n", plain(&line.object), plain(&line.what));
    lines.iter().map(line).collect()
}

/// What nothing proves. All else was proved, or there would be no report.
pub(crate) fn unproved(checks: &Findings) -> String {
    let checks = checks.all().iter();
    let unproved = checks.filter(|check| check.standing != CheckStatus::Proved);
    let lines = unproved.map(|check| format!("note: {}: {}\n", check.check, plain(&check.detail)));
    lines.collect()
}
