//! A transaction whose COMMIT was sent, and what became of it where the answer was lost.

use crate::pg::connection::Connection;
use crate::pg::{command, session};
use crate::process::cancel::Cancel;
use crate::process::find::Tool;
use crate::process::run::{Input, run};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// When a server was started, as SQL: after a crash the id of a transaction may be given out again.
pub(crate) const SERVER_STARTED: &str =
    "pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::pg_catalog.text";

/// How long the question after a lost answer may take.
const ASKED_AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SentTransaction {
    pub id: String,
    /// In seconds.
    pub server_started: String,
}

impl SentTransaction {
    /// `committed` or `aborted`, by another session, if it reaches the same server in the same life:
    /// another one knows nothing of the transaction. None where it is not known in time.
    pub(crate) fn status(&self, connection: &Connection) -> Option<String> {
        let psql = connection.tool(Tool::Psql).ok()?;
        let question = session::question(&format!(
            "SELECT pg_xact_status('{}'), {SERVER_STARTED};\n",
            self.id
        ));
        let cancel = Cancel::none().with_limit(Some(ASKED_AGAIN));
        let spec = command::psql(&psql, connection);
        let since = Instant::now();
        // The backend of a psql that went away may still be at work.
        loop {
            let ran = run(&spec, Input::Bytes(question.clone().into()), &cancel);
            let text = ran.ok().then(|| ran.text())?;
            let (status, server_started) = text.trim().split_once('|')?;
            if server_started != self.server_started {
                return None;
            }
            if status != "in progress" || since.elapsed() > ASKED_AGAIN {
                return Some(status.to_string()).filter(|status| status != "in progress");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
