//! COMMIT of an undo, and what is known of it where the session came to no end.

use crate::pg;
use crate::pg::connection::Connection;
use crate::process::cancel::Cancel;
use crate::process::find::Tool;
use crate::process::flow::{Passed, StreamError};
use crate::process::run::{Input, run};
use crate::undo::session::{Session, Step};
use serde::Deserialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the question after a lost answer may take.
const ASKED_AGAIN: Duration = Duration::from_secs(10);

/// How far it came; clones share it, so that it is known where the thread of the session was left
/// behind.
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
    sent: Option<Transaction>,
    committed: bool,
    /// Nobody waits for an answer any more: it is not sent any more either.
    closed: bool,
}

/// A name for a transaction that a server does not give out again in its next life.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Transaction {
    id: String,
    server_started: String,
}

const SERVER_STARTED: &str =
    "pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::pg_catalog.text";

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
        let transaction: Transaction = session.one(name(), &query)?;
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
            (false, Some(sent)) => ask(&sent, connection).unwrap_or(End::Unknown),
        }
    }
}

/// By another session, if it reaches the same server in the same life. The backend of a psql that went
/// away may still be at work.
fn ask(sent: &Transaction, connection: &Connection) -> Option<End> {
    let psql = connection.tool(Tool::Psql).ok()?;
    let id = &sent.id;
    let question = pg::session::question(&format!(
        "SELECT pg_xact_status('{id}'), {SERVER_STARTED};\n"
    ));
    let cancel = Cancel::none().with_limit(Some(ASKED_AGAIN));
    let spec = pg::command::psql(&psql, connection);
    let since = Instant::now();
    loop {
        let ran = run(&spec, Input::Bytes(question.clone().into()), &cancel);
        let text = ran.ok().then(|| ran.text())?;
        let (status, server_started) = text.trim().split_once('|')?;
        if server_started != sent.server_started {
            return None;
        }
        match status {
            "committed" => return Some(End::Committed),
            "aborted" => return Some(End::Untouched),
            "in progress" if since.elapsed() < ASKED_AGAIN => {
                std::thread::sleep(Duration::from_millis(100));
            }
            _ => return None,
        }
    }
}
