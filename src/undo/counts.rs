//! How many rows were written since a backup, by its mark alone: no artifact is read.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::text::counted;
use crate::pg::connection::Connection;
use crate::pg::written_since::{self, Ended, TableCounts};
use crate::process::cancel::Cancel;
use crate::store::manifest::Manifest;
use crate::undo::compared_table::{ComparedTable, names};
use crate::undo::live_tables::LiveTables;

/// The counts of the compared tables, in their order, each of what it is by itself.
pub(crate) struct CountsSince {
    pub tables: Vec<TableCounts>,
    /// Transactions that were open at the mark.
    pub open: usize,
    /// What is not counted.
    pub prepared: Option<String>,
}

/// Refuses a run without a mark, and a server that the mark says nothing of.
pub(crate) fn count(
    manifest: &Manifest,
    tables: &[ComparedTable],
    live: &LiveTables,
    connection: &Connection,
    cancel: &Cancel,
) -> Result<CountsSince> {
    let run_id = &*manifest.run_id;
    let whole = |hints: Hints| {
        hints
            .then("Or compare row by row, with the secret key:")
            .then(Hint::pgseal(&["diff", run_id]))
    };
    let Some(mark) = &manifest.mark else {
        let what = "the backup has no mark: it was taken before pgseal kept one, and nothing tells \
                    which rows were written since";
        let hints = Hints::from("Compare row by row, with the secret key:");
        let hints = hints.then(Hint::pgseal(&["diff", run_id]));
        return Err(Error::new(Code::Database, what).hint(hints));
    };
    let connection = connection.pinned(&live.session.place());
    let counted = written_since::ask(&connection, mark, &names(tables), Ended::Passed, cancel);
    let counted = counted.and_then(|since| {
        let prepared = since.prepared_note();
        Ok(CountsSince {
            tables: since.tables?,
            open: since.open,
            prepared,
        })
    });
    counted.map_err(|error| match error.code {
        Code::Database | Code::NotVerified => Error {
            hints: whole(error.hints),
            code: Code::Database,
            ..error
        },
        _ => error,
    })
}

impl CountsSince {
    /// Says why rows are counted as written that may have been there before, and what is not counted.
    pub(crate) fn notes(&self) -> Vec<String> {
        let prepared = self.prepared.iter().cloned();
        self.in_doubt().into_iter().chain(prepared).collect()
    }

    fn in_doubt(&self) -> Option<String> {
        let unsure = self.tables.iter().map(|table| table.unsure);
        let unsure = unsure.fold(0, u64::saturating_add);
        if unsure == 0 {
            return None;
        }
        let open = match self.open {
            // A standby does not tell which.
            0 => "transactions were".into(),
            1 => "1 transaction was".into(),
            n => format!("{} were", counted(n, "transaction")),
        };
        Some(format!(
            "{open} open when the backup began: {} counted as written may have been there before",
            counted(unsure, "row")
        ))
    }
}
