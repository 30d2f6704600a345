//! How a database is reached.

use crate::base::env::Env;
use crate::base::hint::Hint;
use crate::base::text::shell_word;
use crate::pg::conninfo::ConnInfo;
use crate::pg::place::Place;
use std::borrow::Cow;
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
    /// One statement by hand, over this connection, as a shell reads it.
    pub(crate) fn by_hand(&self, sql: &str) -> Hint {
        let to = self.conninfo.iter().map(|info| format!("--dbname={info}"));
        by_hand(to.collect(), sql)
    }

    /// The same as another role.
    pub(crate) fn by_hand_as(&self, role: &str, database: &str, sql: &str) -> Hint {
        let to = match &self.conninfo {
            Some(info) => vec![format!("--dbname={}", info.as_role(role, database))],
            None => vec![format!("--username={role}"), format!("--dbname={database}")],
        };
        by_hand(to, sql)
    }

    /// The same, to the one host of a list that has answered: the next session of a list may reach
    /// another, which may lag behind.
    pub(crate) fn pinned(&self, answered: &Place) -> Connection {
        let said = |keyword: &str, variable: &str| {
            let said = self.conninfo.as_ref().and_then(|info| info.get(keyword));
            let set = || Some(self.env.value(variable)?.to_string_lossy());
            said.map(Cow::Borrowed).or_else(set)
        };
        let list = said("host", "PGHOST").is_some_and(|host| host.contains(','));
        // An address beside a name is not told.
        if !list || said("hostaddr", "PGHOSTADDR").is_some() {
            return self.clone();
        }
        let host = ConnInfo::at(self.conninfo.as_ref(), &answered.host, &answered.port);
        Connection {
            conninfo: Some(host),
            ..self.clone()
        }
    }

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

fn by_hand(to: Vec<String>, sql: &str) -> Hint {
    let words = ["psql".to_string(), "--no-psqlrc".into()].into_iter();
    let words = words.chain(to).chain([format!("--command={sql}")]);
    let words: Vec<String> = words.map(|word| shell_word(&word)).collect();
    Hint::run(words.join(" "))
}
