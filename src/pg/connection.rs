//! How a database is reached.

use crate::base::env::Env;
use crate::base::error::{Code, Result};
use crate::base::hint::Hint;
use crate::base::text::shell_word;
use crate::pg::conninfo::ConnInfo;
use crate::pg::container::Container;
use crate::pg::engine_trouble;
use crate::pg::place::Place;
use crate::process::ask::answered;
use crate::process::find::{self, Tool};
use crate::process::run::Output;
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
    /// Where the client tools run; none: on this host.
    pub container: Option<Container>,
    /// The psql to use; none: the first on PATH.
    pub psql: Option<String>,
}

impl Connection {
    /// The program of a client tool: of this host, or a name inside the container.
    pub(crate) fn tool(&self, tool: Tool) -> Result<String> {
        match (&self.container, &self.psql) {
            (Some(_), _) => Ok(tool.name().into()),
            (None, Some(psql)) if tool == Tool::Psql => Ok(psql.clone()),
            (None, _) => find::find(tool, &self.env),
        }
    }

    pub(crate) fn container_name(&self) -> Option<String> {
        Some(self.container.as_ref()?.name.clone())
    }

    /// The answer of a tool that went this way; what is none becomes an error, of the container's
    /// engine where that is the cause.
    pub(crate) fn answered(&self, ran: Output, code: Code, what: &str) -> Result<Output> {
        let container = self.container.as_ref();
        if let Some(error) = container.and_then(|container| engine_trouble::blame(container, &ran))
        {
            return Err(error);
        }
        let killed = engine_trouble::killed_hint(&ran.outcome);
        let killed = killed.filter(|_| ran.stop.is_none());
        answered(ran, code, what).map_err(|error| match killed {
            Some(hints) => error.hint(hints),
            None => error,
        })
    }

    /// A command line for where the client tools are.
    pub(crate) fn beside_the_tools(&self, command: String) -> Hint {
        match &self.container {
            Some(container) => {
                Hint::say(format!("In the container `{}`: {command}", container.name))
            }
            None => Hint::run(command),
        }
    }

    /// One statement by hand, over this connection, as a shell reads it.
    pub(crate) fn by_hand(&self, sql: &str) -> Hint {
        let to = self.conninfo.iter().map(|info| format!("--dbname={info}"));
        self.line(to.collect(), sql)
    }

    /// The same as another role.
    pub(crate) fn by_hand_as(&self, role: &str, database: &str, sql: &str) -> Hint {
        let to = match &self.conninfo {
            Some(info) => vec![format!("--dbname={}", info.as_role(role, database))],
            None => vec![format!("--username={role}"), format!("--dbname={database}")],
        };
        self.line(to, sql)
    }

    fn line(&self, to: Vec<String>, sql: &str) -> Hint {
        let words = self.container.iter().flat_map(Container::by_hand);
        let words = words.chain(["psql".to_string(), "--no-psqlrc".into()]);
        let words = words.chain(to).chain([format!("--command={sql}")]);
        let words: Vec<String> = words.map(|word| shell_word(&word)).collect();
        Hint::run(words.join(" "))
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

    /// The same for another server, one of this host, with another environment and the psql beside it.
    pub(crate) fn to(&self, conninfo: ConnInfo, env: Env, psql: &str) -> Connection {
        Connection {
            conninfo: Some(conninfo),
            env,
            passed_over: Vec::new(),
            lock_wait: self.lock_wait,
            container: None,
            psql: Some(psql.into()),
        }
    }
}
