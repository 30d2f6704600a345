//! How a database is reached.

use crate::base::env::Env;
use crate::pg::conninfo::ConnInfo;
use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// None: by libpq's own variables.
    pub conninfo: Option<ConnInfo>,
    /// Without what would lead elsewhere, where there is a conninfo.
    pub env: Env,
    /// What the environment says otherwise, for a warning.
    pub passed_over: Vec<String>,
    /// How long a table's lock is waited for.
    pub lock_wait: Duration,
}

impl Connection {
    /// The same for another server, with another environment.
    pub(crate) fn to(&self, conninfo: ConnInfo, env: Env) -> Connection {
        Connection {
            conninfo: Some(conninfo),
            env,
            passed_over: Vec::new(),
            lock_wait: self.lock_wait,
        }
    }
}
