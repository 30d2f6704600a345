//! How many rows were written since a backup, by its mark alone: no artifact is read.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::text::counted;
use crate::pg::connection::Connection;
use crate::pg::written_since::{self, TableCounts};
use crate::process::cancel::Cancel;
use crate::store::manifest::Manifest;
use crate::undo::compared_table::ComparedTable;
use crate::undo::converse::names;

/// What the server says of the tables and the mark.
pub(crate) struct Counts {
    /// One for each table that was asked of.
    pub tables: Vec<TableCounts>,
    /// How many transactions were open at the mark.
    pub open: usize,
    pub notes: Vec<String>,
}

/// Refuses a mark that says nothing of this server's rows; `run` names the backup in the hint.
pub(crate) fn count(
    manifest: &Manifest,
    connection: &Connection,
    tables: &[ComparedTable],
    run: &str,
    cancel: &Cancel,
) -> Result<Counts> {
    let whole = Hints::from("Or compare row by row, with the secret key:")
        .then(Hint::pgseal(&["diff", run]));
    let Some(mark) = &manifest.mark else {
        let what = "the backup has no mark: it was taken before pgseal kept one, and nothing tells \
                    which rows were written since";
        return Err(Error::new(Code::Database, what).hint(whole));
    };
    let asked = written_since::ask(connection, mark, &names(tables), cancel);
    let (tables, open) = match asked {
        Ok(asked) => (asked.tables, asked.open),
        Err(error) => (Err(error), 0),
    };
    let tables = tables.map_err(|error| {
        let hints = error.hints.clone().then(whole);
        error.hint(hints)
    })?;
    let unsure = tables.iter().map(|table| table.unsure).sum();
    Ok(Counts {
        notes: notes(open, unsure),
        tables,
        open,
    })
}

/// Says why rows are counted as written that may have been there before.
fn notes(open: usize, unsure: u64) -> Vec<String> {
    if unsure == 0 {
        return Vec::new();
    }
    let open = match open {
        // A standby does not tell which.
        0 => "transactions were".into(),
        1 => "1 transaction was".into(),
        n => format!("{} were", counted(n, "transaction")),
    };
    vec![format!(
        "{open} open when the backup began: {} counted as written may have been there before",
        counted(unsure, "row")
    )]
}
