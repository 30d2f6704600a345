//! The words of `undo`: what is to be undone, and how.

// Their comments are help texts, not Markdown.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

use crate::base::names::{self, TableName};
use crate::config::cli::{ArtifactArgs, Opening};
use crate::config::condition::Condition;
use clap::{Args, ValueEnum};
use serde::Serialize;

#[derive(Debug, Args)]
pub(crate) struct Undo {
    #[command(flatten)]
    pub named: ArtifactArgs,
    /// Undo although nothing proves who sealed the artifact. Its rows then take the place of yours
    #[arg(long)]
    pub origin_unproved: bool,
    /// Only rows that were changed, are gone or were added since; repeat for more [default: all]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub only: Vec<Action>,
    /// Only rows of a table for which an SQL condition over its columns holds, by the backup's values;
    /// of an added row, by its own. Repeat for more
    #[arg(long = "where", value_name = "SCHEMA.TABLE: CONDITION", value_parser = Condition::parse)]
    pub conditions: Vec<Condition>,
    /// Undo nothing where it would be more rows
    #[arg(long, value_name = "N")]
    pub max_rows: Option<u64>,
    /// Rows that were written after COMMAND of guard had ended
    #[arg(long, value_enum, default_value = "refuse")]
    pub later: Later,
    /// Triggers of the tables
    #[arg(long, value_enum, default_value = "fire")]
    pub triggers: Triggers,
    /// Sequences that would give out a value that a row has again
    #[arg(long, value_enum, default_value = "keep")]
    pub sequences: Sequences,
    /// Let ON DELETE or ON UPDATE of a foreign key change rows beyond the tables
    #[arg(long)]
    pub allow_cascade: bool,
    /// Do all of it, compare, and roll it back
    #[arg(long, conflicts_with = "apply")]
    pub rehearse: bool,
    /// Do it; takes a backup of the tables first
    #[arg(long)]
    pub apply: bool,
    /// The number of the plan that was reviewed: with another one nothing is done
    #[arg(long, value_name = "HEX", value_parser = names::sha256)]
    pub plan_sha: Option<String>,
    #[command(flatten)]
    pub opening: Opening,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UndoOptions {
    /// Empty: all three.
    pub only: Vec<Action>,
    #[serde(rename = "where")]
    pub conditions: Vec<Condition>,
    pub max_rows: Option<u64>,
    pub later: Later,
    pub triggers: Triggers,
    pub sequences: Sequences,
    pub allow_cascade: bool,
    /// Empty: all of the backup.
    pub tables: Vec<TableName>,
}

/// What became of a row since the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It has other values: gets the backup's
    Changed,
    /// It is not there any more: comes back
    Gone,
    /// It is new: goes
    Added,
}

impl Action {
    pub(crate) const ALL: [Action; 3] = [Action::Changed, Action::Gone, Action::Added];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Action::Changed => "changed",
            Action::Gone => "gone",
            Action::Added => "added",
        }
    }
}

/// Rows that were written after COMMAND of guard had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Later {
    /// Undo nothing where there are some
    Refuse,
    /// Leave them as they are
    Keep,
    /// Undo them too
    Overwrite,
}

/// Triggers of the tables, while rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Triggers {
    /// As for any other write
    Fire,
    /// Each is disabled until the rows are written; takes the owner's rights
    Off,
}

/// Sequences that are behind their columns when the rows are back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sequences {
    /// Only told
    Keep,
    /// Lifted, after COMMIT
    Raise,
}
