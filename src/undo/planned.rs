//! A table as it is to be undone.

use crate::report::undo::Transaction;
use crate::undo::choose::Chosen;
use crate::undo::compare::Counts;
use crate::undo::loaded_table::LoadedTable;

#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub loaded: LoadedTable,
    pub counts: Counts,
    pub chosen: Chosen,
    /// The transactions that wrote most of the rows to be undone.
    pub written_by: Vec<Transaction>,
    /// A key that is newer than the backup, and by which the backup's rows are not unique.
    pub not_unique: Option<String>,
    /// The columns that an UPDATE sets: those in which a changed row differs.
    pub set: Vec<String>,
}
