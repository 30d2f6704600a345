//! How a database is reached.

use crate::base::env::Env;
use crate::pg::conninfo::ConnInfo;
use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// None: by libpq's own variables.
    pub conninfo: Option<ConnInfo>,
    pub env: Env,
    /// How long a table's lock is waited for.
    pub lock_wait: Duration,
}

impl Connection {
    /// The same for another server, with another environment.
    pub(crate) fn to(&self, conninfo: ConnInfo, env: Env) -> Connection {
        Connection {
            conninfo: Some(conninfo),
            env,
            lock_wait: self.lock_wait,
        }
    }
}
