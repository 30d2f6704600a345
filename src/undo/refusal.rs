//! Why rows cannot be brought back: each reason is looked for before a row is touched.

use crate::base::error::{Code, Error};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub reason: Reason,
    pub table: String,
    /// The constraint, trigger, column or other table that it is about.
    pub by: Option<String>,
    /// How many rows it is about.
    pub rows: Option<u64>,
    pub text: String,
    /// What helps.
    pub hint: String,
}

impl Refusal {
    pub(crate) fn new(
        reason: Reason,
        table: impl ToString,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Refusal {
        Refusal {
            reason,
            table: table.to_string(),
            by: None,
            rows: None,
            text: text.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn by(mut self, name: impl Into<String>) -> Refusal {
        self.by = Some(name.into());
        self
    }

    pub(crate) fn rows(mut self, rows: u64) -> Refusal {
        self.rows = Some(rows);
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The table is not there.
    Dropped,
    /// The role lacks a right.
    Privilege,
    /// No key by which a row is found.
    NoKey,
    /// A rule, which PostgreSQL does not run inside WITH.
    Rule,
    /// A table is published, and has no replica identity.
    ReplicaIdentity,
    /// A column that rows of the backup have is not there.
    ColumnGone,
    /// A column has another type.
    ColumnType,
    /// A new column takes no row without a value for it.
    ColumnRequired,
    /// A move between partitions would run a key's action, before version 15.
    PartitionMove,
    /// Rows that stay refer to a row that goes.
    Referenced,
    /// Rows to come back refer to a row that is not there.
    ReferenceMissing,
    /// A key's action would change rows beyond the tables.
    Cascade,
    /// A key's action would change rows of the tables that are not to be changed.
    CascadeInside,
    /// Unique values changed places, and a key's action keeps their rows from being deleted and
    /// inserted again.
    Swap,
    /// A row that stays has a unique value that another one is to have again.
    UniqueTaken,
    /// Rows that come back break what holds for the table now.
    Constraint,
    /// No partition takes rows that come back.
    PartitionMissing,
    /// Rows that count as added were there before the backup, elsewhere.
    Attached,
    /// A sequence cannot be raised.
    Sequence,
    /// Rows were written after COMMAND had ended.
    Later,
    /// Nothing tells rows that were written later.
    LaterUnknown,
    /// More rows than --max-rows.
    MaxRows,
}

impl Reason {
    /// As a report tells it: a script may rely on it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::Dropped => "dropped",
            Reason::Privilege => "privilege",
            Reason::NoKey => "no_key",
            Reason::Rule => "rule",
            Reason::ReplicaIdentity => "replica_identity",
            Reason::ColumnGone => "column_gone",
            Reason::ColumnType => "column_type",
            Reason::ColumnRequired => "column_required",
            Reason::PartitionMove => "partition_move",
            Reason::Referenced => "referenced",
            Reason::ReferenceMissing => "reference_missing",
            Reason::Cascade => "cascade",
            Reason::CascadeInside => "cascade_inside",
            Reason::Swap => "swap",
            Reason::UniqueTaken => "unique_taken",
            Reason::Constraint => "constraint",
            Reason::PartitionMissing => "partition_missing",
            Reason::Attached => "attached",
            Reason::Sequence => "sequence",
            Reason::Later => "later",
            Reason::LaterUnknown => "later_unknown",
            Reason::MaxRows => "max_rows",
        }
    }

    /// What is unfit cannot be undone by this role, in this schema; the others are about rows.
    pub(crate) fn code(self) -> Code {
        match self {
            Reason::Dropped
            | Reason::Privilege
            | Reason::NoKey
            | Reason::Rule
            | Reason::ReplicaIdentity
            | Reason::ColumnGone
            | Reason::ColumnType
            | Reason::ColumnRequired
            | Reason::PartitionMove => Code::TableUnfit,
            Reason::Referenced
            | Reason::ReferenceMissing
            | Reason::Cascade
            | Reason::CascadeInside
            | Reason::Swap
            | Reason::UniqueTaken
            | Reason::Constraint
            | Reason::PartitionMissing
            | Reason::Attached
            | Reason::Sequence
            | Reason::Later
            | Reason::LaterUnknown
            | Reason::MaxRows => Code::UndoRefused,
        }
    }
}

/// By the first that is about a table as such; else by rows.
pub(crate) fn code(refusals: &[Refusal]) -> Option<Code> {
    let codes = refusals.iter().map(|refusal| refusal.reason.code());
    codes.min_by_key(|code| *code != Code::TableUnfit)
}

/// All of them as one error; what helps against several is told once.
pub(crate) fn error(code: Code, refusals: &[Refusal]) -> Error {
    let told = refusals.iter();
    let told = told.map(|refusal| format!("{}: {}", refusal.table, refusal.text));
    let told: Vec<String> = told.collect();
    let mut hints: Vec<&str> = Vec::new();
    for hint in refusals.iter().map(|refusal| refusal.hint.as_str()) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    Error::new(code, format!("it cannot be undone: {}", told.join("; "))).hint(hints.join("\n"))
}
