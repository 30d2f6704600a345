//! How far a long stream of rows is: written by the thread that reads it, shown by another.

use crate::base::names::TableName;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Reading>>);

/// What is known of the size of all that will pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Unknown,
    /// In bytes on the server's disk, from the last ANALYZE or VACUUM.
    About(u64),
    Exactly(u64),
}

/// What a meter says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// What is waited for before the first byte. None where gpg may be asking for a passphrase on
    /// this terminal.
    pub waiting: Option<&'static str>,
    pub began: Option<Instant>,
    pub table: Option<TableName>,
    pub rows: u64,
    /// Plaintext bytes so far.
    pub bytes: u64,
    pub end: End,
}

impl Meter {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self) -> Reading {
        self.reading().clone()
    }

    /// So many bytes are about to pass.
    pub(crate) fn begin(&self, waiting: Option<&'static str>, end: End) {
        *self.reading() = Reading {
            waiting,
            end,
            ..Reading::default()
        };
    }

    /// Something takes its time, and nothing passes.
    pub(crate) fn wait_for(&self, what: &'static str) {
        self.begin(Some(what), End::Unknown);
    }

    pub(crate) fn silence(&self) {
        *self.reading() = Reading::default();
    }

    /// Called for every buffer that passes: it must cost nothing.
    pub(crate) fn passed(&self, bytes: u64, rows: Option<(&TableName, u64)>) {
        let mut reading = self.reading();
        if reading.began.is_none() {
            reading.began = Some(Instant::now());
        }
        reading.bytes = bytes;
        if let Some((table, rows)) = rows {
            reading.rows = rows;
            if reading.table.as_ref() != Some(table) {
                reading.table = Some(table.clone());
            }
        }
    }
}
