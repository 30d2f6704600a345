//! The server: what its catalog says, and which pg_dump fits it.

use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::base::version::{self, Version};
use crate::pg::catalog::{self, Catalog};
use crate::pg::closure::{self, Closure, ExternalReference};
use crate::pg::connection::Connection;
use crate::pg::server_hint::connection_hint;
use crate::pg::{command, session};
use crate::process::cancel::Cancel;
use crate::process::command::CommandSpec;
use crate::process::find::{self, Tool};
use crate::process::run::{Input, run};
use serde::Deserialize;

/// How long one catalog query may take on the server.
const QUERY_LIMIT_MS: &str = "60000";

pub(crate) fn catalog(
    connection: &Connection,
    tables: &[TableName],
    cancel: &Cancel,
) -> Result<Catalog> {
    let variables = catalog_variables(connection, tables);
    let QueryAnswer { text, ended } = query(connection, &variables, &[catalog::QUERY], cancel)?;
    ended?;
    checked(connection, Catalog::parse(&text)?)
}

/// What the database says of the tables, and of what a restore of them needs.
pub(crate) struct DatabaseAnswer {
    pub catalog: Result<Catalog>,
    pub closure: Result<Closure>,
}

impl DatabaseAnswer {
    pub(crate) fn neither(error: Error) -> DatabaseAnswer {
        DatabaseAnswer {
            catalog: Err(error.clone()),
            closure: Err(error),
        }
    }
}

/// In one session: the second answer costs half of what it would alone.
pub(crate) fn catalog_and_closure(
    connection: &Connection,
    tables: &[TableName],
    cancel: &Cancel,
) -> DatabaseAnswer {
    let both = [catalog::QUERY, closure::QUERY];
    let variables = catalog_variables(connection, tables);
    let QueryAnswer { text, ended } = match query(connection, &variables, &both, cancel) {
        Ok(answer) => answer,
        Err(error) => return DatabaseAnswer::neither(error),
    };
    let why = |err: serde_json::Error| match &ended {
        Ok(()) => catalog::unreadable(&err),
        Err(error) => error.clone(),
    };
    let mut answers = serde_json::Deserializer::from_str(&text);
    let catalog = Catalog::deserialize(&mut answers).map_err(why);
    let closure = Closure::deserialize(&mut answers);
    let closure = closure.and_then(|closure| answers.end().map(|()| closure));
    let closure = closure.map_err(why);
    DatabaseAnswer {
        catalog: catalog.and_then(|catalog| checked(connection, catalog)),
        closure: ended.and(closure),
    }
}

fn checked(connection: &Connection, catalog: Catalog) -> Result<Catalog> {
    catalog.check_session()?;
    Ok(Catalog {
        container: connection.container_name(),
        ..catalog
    })
}

/// What psql wrote, and whether it answered all: an error in one question leaves the answers to
/// those before it.
pub(crate) struct QueryAnswer {
    pub text: String,
    pub ended: Result<()>,
}

fn catalog_variables(connection: &Connection, tables: &[TableName]) -> [(&'static str, String); 3] {
    [
        ("targets", serde_json::json!(tables).to_string()),
        ("lock_timeout", connection.lock_wait.as_millis().to_string()),
        ("statement_timeout", QUERY_LIMIT_MS.to_string()),
    ]
}

/// Asks all in one session, each in a transaction of its own.
pub(crate) fn query(
    connection: &Connection,
    variables: &[(&str, String)],
    sql: &[&str],
    cancel: &Cancel,
) -> Result<QueryAnswer> {
    let spec = catalog_query(connection)?;
    let variables = command::variables(variables);
    let questions = sql.iter().map(|sql| session::question(sql));
    let script: Vec<String> = [variables].into_iter().chain(questions).collect();
    let input = Input::Bytes(script.concat().into());
    let what = "cannot ask the database";
    let ran = run(&spec, input, cancel);
    let text = ran.text();
    let ended = connection
        .answered(ran, Code::Database, what)
        .map_err(|error| {
            let talk = error
                .said()
                .fold(String::new(), |all, line| all + line + "\n");
            // A run that was stopped was refused by nobody.
            if error.hints.is_empty() && error.code == Code::Database {
                error.hint(connection_hint(&talk))
            } else {
                error
            }
        });
    Ok(QueryAnswer {
        text,
        ended: ended.map(drop),
    })
}

pub(crate) fn catalog_query(connection: &Connection) -> Result<CommandSpec> {
    let psql = connection.tool(Tool::Psql)?;
    Ok(command::psql(&psql, connection))
}

/// The pg_dump for a server.
#[derive(Debug, Clone)]
pub(crate) struct FittingPgDump {
    pub version: Version,
    pub newer: Option<NewerPgDump>,
}

/// A pg_dump that is newer than the server, which may not understand all that it writes.
#[derive(Debug, Clone)]
pub(crate) struct NewerPgDump {
    version: String,
    server: u32,
}

impl NewerPgDump {
    pub(crate) fn warning(&self) -> String {
        let server = self.server;
        format!(
            "{}: a restore into that server is refused without --older-target; a pg_dump {server} would do \
             without, postgresql-client-{server} where the release has it",
            self.told()
        )
    }

    /// What a restore into the server needs, as an external reference.
    pub(crate) fn reference(&self) -> ExternalReference {
        ExternalReference {
            kind: "option".into(),
            name: "--older-target".into(),
            needed_by: self.told(),
        }
    }

    fn told(&self) -> String {
        format!(
            "pg_dump {} is newer than the server, {}",
            self.version, self.server
        )
    }
}

/// The pg_dump for a server of this major version: the one on PATH if it fits, else the server's
/// own where Debian keeps it. `first` is the one on PATH with its version, asked beforehand.
pub(crate) fn pg_dump_for(
    connection: &Connection,
    first: Version,
    major: u32,
    cancel: &Cancel,
) -> Result<FittingPgDump> {
    let of = |v: &Version| version::major(&v.version).unwrap_or(0);
    let chosen = if of(&first) == major {
        first
    } else {
        let own = connection.container.is_none();
        match own.then(|| find::of_major(Tool::PgDump, major)).flatten() {
            Some(program) => pg_version(connection, &program, cancel)?,
            None => first,
        }
    };
    let (path, text) = (&chosen.path, &chosen.version);
    if of(&chosen) < major {
        return Err(Error::new(
            Code::ToolUnfit,
            format!("pg_dump {text} (`{path}`) is older than the server, {major}"),
        )
        .hint(connection.beside_the_tools(format!("apt-get install postgresql-client-{major}"))));
    }
    let newer = (of(&chosen) > major).then(|| NewerPgDump {
        version: text.clone(),
        server: major,
    });
    Ok(FittingPgDump {
        version: chosen,
        newer,
    })
}

/// The pg_dump on PATH.
pub(crate) fn pg_dump(connection: &Connection, cancel: &Cancel) -> Result<Version> {
    let program = connection.tool(Tool::PgDump)?;
    pg_version(connection, &program, cancel)
}

fn pg_version(connection: &Connection, program: &str, cancel: &Cancel) -> Result<Version> {
    let spec = command::version(program, connection);
    let what = format!("cannot ask `{program}` for its version");
    let ran = run(&spec, Input::Null, cancel);
    let ran = connection.answered(ran, Code::ToolUnfit, &what)?;
    let version = version::from_tool(&ran.text())
        .filter(|v| version::major(v).is_some())
        .ok_or_else(|| {
            Error::new(
                Code::ToolUnfit,
                format!("`{program}` does not answer as PostgreSQL's tools do"),
            )
            .hint(
                connection.beside_the_tools("apt-get install --reinstall postgresql-client".into()),
            )
        })?;
    Ok(Version {
        path: program.into(),
        version,
    })
}
