//! What an undo would do, or did.

use crate::base::exit::Exit;
use crate::base::text::{counted, plain};
use crate::report::diff_lines::{cells, columns, note_lines};
use crate::report::findings::Findings;
use crate::report::print::Report;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize)]
pub(crate) struct UndoReport {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    pub result: UndoResult,
    pub mode: UndoMode,
    pub run_id: Option<String>,
    pub artifact: String,
    pub database: String,
    /// What `--plan-sha` takes.
    pub plan_sha: String,
    /// Rows that are to be undone, or were.
    pub rows: u64,
    pub tables: Vec<UndoTable>,
    pub refusals: Vec<Refused>,
    pub triggers: Vec<UndoTrigger>,
    /// Whether they are switched off while rows are written.
    pub triggers_off: bool,
    pub cascades: Vec<Cascaded>,
    pub sequences: Vec<BehindSequence>,
    /// The run of the backup that was taken before rows were written.
    pub safety_run_id: Option<String>,
    /// Of its artifact.
    pub safety_sha256: Option<String>,
    /// The command that takes the undo back.
    #[serde(skip)]
    pub take_back: Option<String>,
    pub notes: Vec<String>,
    pub checks: Findings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum UndoResult {
    /// Nothing speaks against it.
    Planned,
    /// The rows are as they were already.
    Nothing,
    Refused,
    /// It came out as planned, and was rolled back.
    Rehearsed,
    Undone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UndoMode {
    /// Changes nothing.
    Plan,
    /// All of it, and then ROLLBACK.
    Rehearse,
    Apply,
}

#[derive(Debug, Serialize)]
pub(crate) struct UndoTable {
    pub table: String,
    /// Rows of the backup, and rows there now.
    pub then: u64,
    pub now: u64,
    pub changed: u64,
    pub gone: u64,
    pub added: u64,
    /// Differences that are left as they are, on purpose.
    pub kept: u64,
    /// Of the changed rows, deleted and inserted again.
    pub deleted_and_inserted: u64,
    /// Of the rows, written after COMMAND of guard had ended, at most; null where nothing tells.
    pub written_later: Option<u64>,
    /// The transactions that wrote most of the rows.
    pub written_by: Vec<Transaction>,
}

/// How many of the rows a transaction wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    pub transaction: String,
    pub rows: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Refused {
    pub reason: &'static str,
    /// `error.code` of an --apply.
    pub code: &'static str,
    pub table: String,
    pub by: Option<String>,
    pub rows: Option<u64>,
    pub text: String,
    pub hint: String,
    #[serde(skip)]
    pub exit: Exit,
}

/// A trigger of the tables that fires unless it is switched off.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct UndoTrigger {
    pub table: String,
    pub name: String,
    pub timing: String,
    pub events: Vec<String>,
    pub row: bool,
    pub function: String,
}

/// What a foreign key's action does to rows beyond the tables.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cascaded {
    pub table: String,
    pub by: String,
    pub rows: u64,
    pub does: &'static str,
}

/// A sequence whose next value a row has, or will have.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BehindSequence {
    pub sequence: String,
    pub table: String,
    pub column: String,
    /// The value that it would give out next.
    pub next: String,
    /// The last value that the column has.
    pub last: String,
    pub raised: bool,
}

impl Report for UndoReport {
    fn text(&self) -> String {
        let head = ["table", "then", "now", "changed", "gone", "added", "kept"];
        let lines = self.tables.iter().map(|table| {
            let numbers = [
                table.then,
                table.now,
                table.changed,
                table.gone,
                table.added,
                table.kept,
            ];
            cells(&table.table, &numbers)
        });
        let mut out = columns(&head, lines.collect()).concat();
        out += &self.about_rows();
        out += &self.about_the_rest();
        let mut following = self.refusals.iter().skip(1);
        for refused in &self.refusals {
            let (table, text) = (plain(&refused.table), plain(&refused.text));
            out += &format!("refused: {table}: {text}\n");
            // What helps against the next one as well is told below it.
            let next = following.next().map(|next| &next.hint);
            let hint = Some(&refused.hint).filter(|hint| next != Some(*hint));
            for line in hint.into_iter().flat_map(|hint| hint.lines()) {
                out += &format!("  {}\n", plain(line.trim()));
            }
        }
        out += &note_lines(&self.notes, &self.checks);
        out += &format!("plan_sha: {}\n", self.plan_sha);
        if let (Some(run_id), Some(command)) = (&self.safety_run_id, &self.take_back) {
            out += &format!("backup before it: {run_id}; to take the undo back:\n  {command}\n");
        }
        out + &self.ending()
    }

    fn exit(&self) -> Exit {
        let exits = self.refusals.iter().map(|refused| refused.exit);
        exits
            .min_by_key(|exit| *exit != Exit::Unfit)
            .unwrap_or(Exit::Yes)
    }
}

impl UndoReport {
    fn about_rows(&self) -> String {
        let mut out = String::new();
        for table in &self.tables {
            let name = plain(&table.table);
            if table.deleted_and_inserted > 0 {
                let rows = counted(table.deleted_and_inserted, "row");
                out += &format!(
                    "{name}: {rows} deleted and inserted again: unique values changed places\n"
                );
            }
            match (table.written_later, self.mode) {
                (Some(rows @ 1..), _) if !self.refuses_later(&table.table) => {
                    out += &format!(
                        "{name}: at most {} written after COMMAND had ended\n",
                        counted(rows, "row")
                    );
                }
                (None, UndoMode::Plan) if !table.written_by.is_empty() => {
                    let by = table.written_by.iter();
                    let by =
                        by.map(|by| format!("{} by {}", counted(by.rows, "row"), by.transaction));
                    let by: Vec<String> = by.collect();
                    out += &format!("{name}: written by transaction: {}\n", by.join(", "));
                }
                _ => {}
            }
        }
        out
    }

    /// The refusal tells them.
    fn refuses_later(&self, table: &str) -> bool {
        let mut refusals = self.refusals.iter();
        refusals.any(|refused| refused.reason == "later" && refused.table == table)
    }

    /// Triggers, keys and sequences.
    fn about_the_rest(&self) -> String {
        let mut out = String::new();
        for trigger in &self.triggers {
            let events = trigger.events.join(" OR ");
            let what = if self.triggers_off {
                "is switched off for the undo"
            } else if trigger.timing == "BEFORE" && trigger.row {
                "fires, and may change rows that come back; see --triggers=off"
            } else {
                "fires, and may write to tables; see --triggers=off"
            };
            out += &format!(
                "trigger {} on {}, {} {events}: {what}\n",
                plain(&trigger.name),
                plain(&trigger.table),
                trigger.timing
            );
        }
        for cascade in &self.cascades {
            out += &format!(
                "{} of {} beyond the tables: {} ({})\n",
                counted(cascade.rows, "row"),
                plain(&cascade.table),
                cascade.does,
                plain(&cascade.by)
            );
        }
        for one in &self.sequences {
            let what = if one.raised {
                "was raised"
            } else {
                "is left so; --sequences=raise raises it"
            };
            out += &format!(
                "sequence {}: gives {} next, and {}.{} goes up to {}: it {what}\n",
                plain(&one.sequence),
                one.next,
                plain(&one.table),
                plain(&one.column),
                one.last
            );
        }
        out
    }

    fn ending(&self) -> String {
        let rows = counted(self.rows, "row");
        let with_rows = self
            .tables
            .iter()
            .filter(|table| table.changed + table.gone + table.added > 0);
        let tables = counted(with_rows.count(), "table");
        match self.result {
            UndoResult::Planned => {
                format!(
                    "UNDO: {rows} in {tables} to be undone; nothing was changed: that takes --apply\n"
                )
            }
            UndoResult::Nothing => "UNDO: there is nothing to undo\n".into(),
            UndoResult::Refused => "UNDO: REFUSED; nothing was changed\n".into(),
            UndoResult::Rehearsed => {
                format!("UNDO: {rows} in {tables} undone, and all of it rolled back\n")
            }
            UndoResult::Undone if self.rows == 1 => {
                format!("UNDO: {rows} in {tables} is as it was\n")
            }
            UndoResult::Undone => format!("UNDO: {rows} in {tables} are as they were\n"),
        }
    }
}
