//! PostgreSQL: the argv of its tools, what the catalog says, and the plain dump as it passes.

use crate::base::env::Env;
use crate::base::names::{TableName, quoted};
use crate::pg::connection::Connection;
use crate::pg::container::{Container, Engine, Held};
use crate::pg::encoding::Encoding;
use crate::pg::prelude::extent::Extent;
use crate::pg::{server_error, session};
use crate::process::command::{CommandSpec, Quit};
use crate::process::find::Tool;
use std::ffi::OsString;

/// What libpq's tools take from our environment.
const ALLOWED: &[&str] = &["PATH", "HOME", "PG*", "KRB5*", "SSL_CERT_*"];

/// Every session but a restore's asks for read-only transactions, which the first query reads back.
const READ_ONLY: &str = "-c default_transaction_read_only=on";

/// The user's PGOPTIONS, and ours behind them: the last one counts.
fn options(env: &Env, ours: &[&str]) -> OsString {
    let users = env.get("PGOPTIONS").unwrap_or_default();
    let mut options = users.to_os_string();
    for ours in ours {
        if !options.is_empty() {
            options.push(" ");
        }
        options.push(ours);
    }
    options
}

/// A client tool: never prompts, reads and writes UTF-8 where nothing else is said.
fn client(stage: &'static str, program: &str, env: &Env) -> CommandSpec {
    let options = options(env, &[READ_ONLY, &session::options()]);
    let mut spec = CommandSpec::new(stage, program)
        .inherit(env, ALLOWED)
        .env("LC_ALL", "C")
        .env("PGCLIENTENCODING", "UTF8")
        // So that a moment is told in the same words by every server.
        .env("PGTZ", "UTC")
        .env("PGOPTIONS", options);
    if env.value("PGCONNECT_TIMEOUT").is_none() {
        spec = spec.env("PGCONNECT_TIMEOUT", "10");
    }
    spec
}

fn connected(spec: CommandSpec, connection: &Connection) -> CommandSpec {
    match &connection.conninfo {
        Some(conninfo) => spec.arg(format!("--dbname={conninfo}")),
        None => spec,
    }
}

/// One script on standard input, answers alone on standard output. `-f -` and not `-c`: only in
/// a script does psql know `\set` and put in `:'variables'`.
fn script(
    spec: CommandSpec,
    more: impl IntoIterator<Item = String>,
    connection: &Connection,
) -> CommandSpec {
    let spec = spec.args([
        "--no-psqlrc",
        "--no-password",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set=ON_ERROR_STOP=1",
    ]);
    session(
        connected(spec.args(more).arg("--file=-"), connection),
        connection,
    )
}

/// A psql that is asked to end by SIGINT, with which it cancels its statement; in a container, where
/// no signal reaches it, by the server.
fn session(spec: CommandSpec, connection: &Connection) -> CommandSpec {
    let Some(container) = &connection.container else {
        return spec.stop_with(Quit::Signals(&[signal_hook::consts::SIGINT]));
    };
    let name = container.session_name();
    let held = Held::Server(ender(&name, connection, container));
    container.exec(spec.env("PGAPPNAME", name), &connection.env, held)
}

/// A pg_dump, which reads nothing.
fn dump(spec: CommandSpec, connection: &Connection) -> CommandSpec {
    let Some(container) = &connection.container else {
        return spec;
    };
    if container.engine == Engine::Kubectl {
        // A name would stand in its argv, which is the same in each plan.
        return container.exec(spec, &connection.env, Held::Lifeline(None));
    }
    let name = container.session_name();
    let held = Held::Lifeline(Some(ender(&name, connection, container)));
    container.exec(spec.env("PGAPPNAME", name), &connection.env, held)
}

/// Another session, which makes the server end those of this name.
fn ender(name: &str, connection: &Connection, container: &Container) -> Box<CommandSpec> {
    let end = format!(
        "--command=SELECT pg_catalog.pg_terminate_backend(pid) \
         FROM pg_catalog.pg_stat_activity WHERE application_name = '{name}'"
    );
    let psql = client("end", Tool::Psql.name(), &connection.env);
    let psql = psql.args(["--no-psqlrc", "--no-password"]).arg(end);
    let psql = connected(psql, connection);
    Box::new(container.exec(psql, &connection.env, Held::No))
}

/// A question.
pub(crate) fn psql(program: &str, connection: &Connection) -> CommandSpec {
    let spec = client("catalog", program, &connection.env);
    script(spec, [], connection)
}

/// The lines of a script that set its variables: one argument of a command may hold 128 KiB, the
/// names of many partitions are longer.
pub(crate) fn variables(values: &[(&str, String)]) -> String {
    let mut lines = String::new();
    for (name, value) in values {
        // A backslash escapes within psql's quotes, and a line's end would end the command.
        let value = value
            .replace('\\', "\\\\")
            .replace('\'', "''")
            .replace('\n', "\\n");
        lines += &format!("\\set {name} '{value}'\n");
    }
    lines
}

/// A script on a throw-away server, each statement by itself.
pub(crate) fn writer(program: &str, connection: &Connection) -> CommandSpec {
    let spec = client("scratch", program, &connection.env).env("PGOPTIONS", "");
    script(spec, [], connection)
}

/// A session that may write, in which nothing is committed that it does not commit. Its script has
/// no variables.
fn writing(
    stage: &'static str,
    program: &str,
    connection: &Connection,
    encoding: Encoding,
) -> CommandSpec {
    let options = options(&connection.env, &[&session::options()]);
    let spec = client(stage, program, &connection.env)
        .env("PGOPTIONS", options)
        .env("PGCLIENTENCODING", encoding.as_str());
    // Of an error it prints the names of objects, each on a line of its own.
    let more = [
        "--set=AUTOCOMMIT=off",
        "--set=VERBOSITY=verbose",
        "--set=SHOW_CONTEXT=never",
    ];
    script(spec, more.map(String::from), connection).filter_stderr(server_error::filter)
}

/// The session of a restore's target.
pub(crate) fn restorer(program: &str, connection: &Connection, encoding: Encoding) -> CommandSpec {
    writing("restore", program, connection, encoding)
}

/// The session in which a backup is compared with its tables, and its rows are brought back.
pub(crate) fn undoer(program: &str, connection: &Connection, encoding: Encoding) -> CommandSpec {
    writing("undo", program, connection, encoding)
}

/// The dump of exactly these relations, as text. Without `--strict-names` a table that is not
/// there is left out with status 0.
pub(crate) fn pg_dump<'a>(
    program: &str,
    connection: &Connection,
    encoding: Encoding,
    relations: impl IntoIterator<Item = &'a TableName>,
) -> CommandSpec {
    let dump = client("dump", program, &connection.env);
    tables_dump(dump, connection, encoding, relations)
}

/// The same of their definitions alone.
pub(crate) fn pg_dump_definitions<'a>(
    program: &str,
    connection: &Connection,
    encoding: Encoding,
    relations: impl IntoIterator<Item = &'a TableName>,
) -> CommandSpec {
    let dump = client("dump", program, &connection.env).arg("--schema-only");
    tables_dump(dump, connection, encoding, relations)
}

fn tables_dump<'a>(
    spec: CommandSpec,
    connection: &Connection,
    encoding: Encoding,
    relations: impl IntoIterator<Item = &'a TableName>,
) -> CommandSpec {
    let spec = spec
        .arg("--format=plain")
        .arg(format!("--encoding={encoding}"))
        .args(["--no-password", "--strict-names"])
        .arg(format!(
            "--lock-wait-timeout={}",
            connection.lock_wait.as_millis()
        ))
        .args(
            relations
                .into_iter()
                .map(|name| format!("--table={}", name.pattern())),
        );
    dump(connected(spec, connection), connection)
}

/// All of this extent that is no relation, as text in which comments name each entry's catalog row.
/// Locks nothing. None where nothing need be dumped.
pub(crate) fn pg_dump_prelude(
    program: &str,
    connection: &Connection,
    encoding: Encoding,
    extent: &Extent,
) -> Option<CommandSpec> {
    let extent = match extent {
        Extent::Nothing => return None,
        Extent::Everything => vec!["--exclude-table=*.*".to_string()],
        Extent::Within {
            schemas,
            extensions,
        } => {
            let named = schemas.iter().map(|name| quoted(name)).flat_map(|name| {
                [
                    format!("--schema={name}"),
                    format!("--exclude-table={name}.*"),
                ]
            });
            // Without a schema that is named it would dump them all.
            let none = schemas.is_empty().then(|| "--exclude-schema=*".to_string());
            let extensions = extensions.iter();
            let extensions = extensions.map(|name| format!("--extension={}", quoted(name)));
            named.chain(none).chain(extensions).collect()
        }
    };
    let spec = client("prelude", program, &connection.env)
        .arg("--format=plain")
        .arg(format!("--encoding={encoding}"))
        .args([
            "--no-password",
            "--schema-only",
            "--no-publications",
            "--no-subscriptions",
            "--verbose",
        ])
        .args(extent);
    Some(dump(connected(spec, connection), connection))
}

/// Asks a client tool for its version; needs no database.
pub(crate) fn version(program: &str, connection: &Connection) -> CommandSpec {
    let spec = about(program, &connection.env, "--version");
    match &connection.container {
        Some(container) => container.exec(spec, &connection.env, Held::Shell),
        None => spec,
    }
}

/// Asks a tool of this host about itself: it connects to nothing, and needs no password.
pub(crate) fn about(program: &str, env: &Env, option: &str) -> CommandSpec {
    let env = env.without(|name| name == "PGPASSWORD");
    client("version", program, &env).arg(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_one_line_of_the_script() {
        let values = [("a", r#"["it's \\ :b"]"#.to_string()), ("b", "\n".into())];
        let lines = variables(&values);
        assert_eq!(lines, "\\set a '[\"it''s \\\\\\\\ :b\"]'\n\\set b '\\n'\n");
    }
}
