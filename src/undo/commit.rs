//! COMMIT of an undo, and what is known of it where the session came to no end.

use crate::pg::connection::Connection;
use crate::pg::sent_transaction::{SERVER_STARTED, SentTransaction};
use crate::process::flow::{Passed, StreamError};
use crate::undo::session::{Session, Step};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How far the commit came. Clones share it, so that it is known even where the session's thread was
/// left behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commit(Arc<Mutex<State>>);

/// The backup of the tables before they are written.
#[derive(Debug, Clone)]
pub(crate) struct Safety {
    pub run_id: String,
    /// Of its artifact: with it the undo can be undone.
    pub sha256: String,
}

#[derive(Debug, Default)]
struct State {
    safety: Option<Safety>,
    sent: Option<SentTransaction>,
    committed: bool,
    /// Nobody waits for an answer any more, so COMMIT may not be sent any more.
    closed: bool,
}

/// What became of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Untouched,
    Committed,
    Unknown,
}

impl End {
    pub(crate) fn told(self) -> &'static str {
        match self {
            End::Untouched => "nothing was changed in the tables",
            End::Committed => "the undo was committed: the rows are back",
            End::Unknown => "whether the undo was committed is not known: look with pgseal diff",
        }
    }
}

impl Commit {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run of the backup that was taken before anything was written.
    pub(crate) fn backed_up(&self, safety: Safety) {
        self.state().safety = Some(safety);
    }

    pub(crate) fn safety(&self) -> Option<Safety> {
        self.state().safety.clone()
    }

    /// Ends the transaction that is open, and hears that it was.
    pub(crate) fn commit(&self, session: &mut Session) -> Passed {
        let name = || Step::Names("COMMIT".into());
        let query = format!(
            "SELECT pg_catalog.json_build_object('id', pg_catalog.pg_current_xact_id()::pg_catalog.text, \
             'server_started', {SERVER_STARTED})"
        );
        let transaction: SentTransaction = session.one(name(), &query)?;
        {
            let mut state = self.state();
            if state.closed {
                return Err(StreamError::BrokenPipe(
                    "the undo was given up before COMMIT".into(),
                ));
            }
            state.sent = Some(transaction);
        }
        session.run(name(), "COMMIT;\n")?;
        session.settle(name())?;
        self.state().committed = true;
        Ok(())
    }

    /// What became of the transaction; from now on it is not committed any more.
    pub(crate) fn end(&self, connection: &Connection) -> End {
        let (committed, sent) = {
            let mut state = self.state();
            state.closed = true;
            (state.committed, state.sent.clone())
        };
        match (committed, sent) {
            (true, _) => End::Committed,
            (false, None) => End::Untouched,
            (false, Some(sent)) => match sent.status(connection).as_deref() {
                Some("committed") => End::Committed,
                Some("aborted") => End::Untouched,
                _ => End::Unknown,
            },
        }
    }
}
