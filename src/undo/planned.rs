//! A table as it is to be undone.

use crate::undo::choose::{Chosen, WrittenBy};
use crate::undo::compare::Counts;
use crate::undo::loaded_table::LoadedTable;
use serde::Serialize;

#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub loaded: LoadedTable,
    pub counts: Counts,
    pub chosen: Chosen,
    pub written_by: Vec<WrittenBy>,
    /// A key by which rows of the backup are not unique, for it is newer.
    pub not_unique: Option<String>,
    /// Of those to be set: the columns in which a changed row differs.
    pub set: Vec<String>,
}

/// What a foreign key's action does to rows beyond the tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cascade {
    pub table: String,
    pub by: String,
    pub rows: u64,
    pub does: &'static str,
}
