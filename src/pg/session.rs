//! Session settings: what a server, a database or a role may have set otherwise, and what it must
//! be while we read or write rows.
//!
//! In our own SQL nothing outlives its transaction (`SET LOCAL`), so that behind a pooler the next
//! client finds the session as it was. What a client tool sends on connecting (`PGTZ`,
//! `PGCLIENTENCODING`) is pinned again, for a pooler may drop that too.

use crate::base::error::{Code, Error, Result};
use crate::base::names::literal;
use crate::pg::encoding::Encoding;

/// Where a setting is pinned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// In PGOPTIONS, and so for pg_dump too: it does not set this itself, every server since 13
    /// knows it, and every role may set it. And in our own SQL.
    Options,
    /// In our own SQL, by servers that know it. pg_dump sets it itself, or does not depend on it.
    Sql,
    /// In the SQL of a restore: only a superuser may set it, and no question depends on it.
    Restore,
}

/// Name, value, and the reason. Left alone are the planner's (but `jit`), the log's and the
/// storage's settings, which change no row, and those that only a function of the user's depends on
/// (`lc_time`, `lc_numeric`, `default_text_search_config`, …).
const PINS: &[(&str, &str, Where)] = &[
    // Timeouts: a limit for web requests would end a restore half way. While a statement waits
    // for gpg, the transaction is idle.
    ("statement_timeout", "0", Where::Options),
    ("lock_timeout", "0", Where::Sql),
    ("idle_in_transaction_session_timeout", "0", Where::Sql),
    ("transaction_timeout", "0", Where::Sql),
    // pg_dump's first queries run outside of its own transaction: a standby refuses serializable.
    (
        "default_transaction_isolation",
        "read committed",
        Where::Options,
    ),
    // Compiling a query over a few thousand partitions takes longer than any of ours, and of pg_dump's.
    ("jit", "off", Where::Options),
    // What the server says on the way. The restore reads warnings; debug output is not kept apart.
    ("client_min_messages", "warning", Where::Options),
    // How statements are read and names are written. pg_dump copies the first into its output.
    ("standard_conforming_strings", "on", Where::Options),
    ("quote_all_identifiers", "off", Where::Options),
    ("backslash_quote", "safe_encoding", Where::Sql),
    ("escape_string_warning", "off", Where::Sql),
    ("transform_null_equals", "off", Where::Sql),
    ("client_encoding", "UTF8", Where::Sql),
    // How values are written: pg_dump leaves bytea to the session, so that two dumps of the same
    // rows could differ. The others show in values that a restore computes: generated columns and
    // constraints.
    ("bytea_output", "hex", Where::Options),
    ("extra_float_digits", "1", Where::Sql),
    ("DateStyle", "ISO, MDY", Where::Sql),
    ("IntervalStyle", "postgres", Where::Sql),
    ("TimeZone", "UTC", Where::Sql),
    ("xmlbinary", "base64", Where::Sql),
    // How values are read.
    ("timezone_abbreviations", "Default", Where::Sql),
    ("array_nulls", "on", Where::Sql),
    ("xmloption", "content", Where::Sql),
    // Which rows and objects are seen, and which triggers see them: an error, and no fewer rows.
    ("row_security", "off", Where::Sql),
    ("restrict_nonsystem_relation_kind", "", Where::Sql),
    ("session_replication_role", "origin", Where::Restore),
    // What is made, and where.
    ("check_function_bodies", "off", Where::Sql),
    ("default_tablespace", "", Where::Sql),
    ("default_table_access_method", "heap", Where::Sql),
];

/// The marker that tells whether PGOPTIONS reached the server. Any role may set it on any server.
const MARKER: &str = "pgseal.options";

/// What a session that may write gets in PGOPTIONS, beside the user's own.
pub(crate) fn options() -> String {
    let pins = PINS.iter().filter(|(_, _, at)| *at == Where::Options);
    let pins = pins.map(|(name, value, _)| format!("-c {name}={}", value.replace(' ', "\\ ")));
    let marker = format!("-c {MARKER}=on");
    [marker]
        .into_iter()
        .chain(pins)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Refuses a session whose default_transaction_read_only is another than we asked for.
pub(crate) fn check_read_only(default: &str) -> Result<()> {
    match default {
        "on" => Ok(()),
        other => Err(dropped(&format!(
            "the session is not read-only: default_transaction_read_only is `{other}`"
        ))),
    }
}

/// Refuses a server that says otherwise of the marker.
pub(crate) fn check_options(marker: Option<&str>) -> Result<()> {
    match marker {
        Some("on") => Ok(()),
        _ => Err(dropped("PGOPTIONS did not reach the server")),
    }
}

/// The refusal of a session that PGOPTIONS does not reach.
pub(crate) fn dropped(what: &str) -> Error {
    Error::new(Code::Database, what).hint(
        "Connect past the pooler, or take `options` out of the service file: PGOPTIONS must reach \
         the server.",
    )
}

/// A question: a read-only transaction that leaves no trace in its session.
pub(crate) fn question(sql: &str) -> String {
    let pins = pins(PINS.iter().filter(|(_, _, at)| *at != Where::Restore), &[]);
    // The second, so that a temporary table does not come before the catalog's.
    let path = "SET LOCAL search_path = pg_catalog, pg_temp;\n";
    format!(
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;\n{path}{pins}{sql}COMMIT;\n"
    )
}

/// What a dump was written under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrittenUnder<'a> {
    pub encoding: Encoding,
    /// Of amounts of money.
    pub lc_monetary: Option<&'a str>,
}

/// The settings of a transaction that restores.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pinned {
    /// For right after BEGIN, and again after anything that could have changed a setting. Fails
    /// where PGOPTIONS did not reach the server.
    pub set: String,
    /// An expression: the names of those that something in between has changed, with `role`.
    pub changed: String,
}

/// What a dump sets to one value after the other, and what we set otherwise while it runs.
const CHANGED_BY_US: &[&str] = &[
    "client_min_messages",
    "default_tablespace",
    "default_table_access_method",
];

/// Ends a statement soon, with its locks, where the client is gone: from version 14 on, and where the
/// server's system can tell. One that is set otherwise is left alone.
const CLIENT_GONE: &str = "SELECT WHERE CASE WHEN pg_catalog.version() OPERATOR(pg_catalog.~) '-linux' \
    AND pg_catalog.current_setting('client_connection_check_interval', true) OPERATOR(pg_catalog.=) '0' \
    THEN pg_catalog.set_config('client_connection_check_interval', '2s', true) IS NULL END;\n";

/// `role`: who restores.
pub(crate) fn restoring(dump: WrittenUnder<'_>, role: &str) -> Pinned {
    let mut under = vec![("client_encoding", dump.encoding.as_str())];
    under.extend(dump.lc_monetary.map(|locale| ("lc_monetary", locale)));
    let set = format!(
        "SET LOCAL standard_conforming_strings = on;\nSET LOCAL search_path = '';\n\
         SELECT WHERE pg_catalog.current_setting('{MARKER}') IS NULL;\n{}{CLIENT_GONE}",
        pins(PINS.iter(), &under)
    );
    let ours = |name: &str| CHANGED_BY_US.contains(&name);
    let kept = PINS.iter().filter(|(name, ..)| !ours(name));
    // `''` is told as `""` where SET has set it. No search path holds here, so each name is whole.
    under.push(("search_path", ""));
    let changed = format!(
        "(SELECT coalesce(pg_catalog.string_agg(name, ' '), '') FROM (VALUES\n  {},\n  \
         ('role', NULL)) AS v(name, value)\nWHERE CASE name WHEN 'role' \
         THEN current_user::pg_catalog.text OPERATOR(pg_catalog.<>) {} ELSE \
         pg_catalog.btrim(pg_catalog.current_setting(name, true), '\"') OPERATOR(pg_catalog.<>) value END)",
        rows(kept, &under),
        literal(role)
    );
    Pinned { set, changed }
}

/// One statement that prints nothing. A setting that this server does not know has no current
/// value, and one that is right already is not touched: not every role may set each of them.
fn pins<'a>(
    pins: impl Iterator<Item = &'a (&'a str, &'a str, Where)>,
    more: &[(&'a str, &'a str)],
) -> String {
    format!(
        "SELECT FROM (VALUES\n  {}) AS v(name, value)\n\
         WHERE CASE WHEN current_setting(name, true) <> value \
         THEN set_config(name, value, true) IS NULL END;\n",
        rows(pins, more)
    )
}

/// Names and values. `more` stands in the place of a pin of that name.
fn rows<'a>(
    pins: impl Iterator<Item = &'a (&'a str, &'a str, Where)>,
    more: &[(&'a str, &'a str)],
) -> String {
    let pins = pins.map(|(name, value, _)| (*name, *value));
    let pins = pins.filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    let pins = pins.chain(more.iter().copied());
    let rows = pins.map(|(name, value)| format!("({}, {})", literal(name), literal(value)));
    let rows: Vec<String> = rows.collect();
    rows.join(",\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_in_an_option_is_escaped() {
        let pinned = "-c pgseal.options=on -c statement_timeout=0 \
                      -c default_transaction_isolation=read\\ committed \
                      -c jit=off -c client_min_messages=warning -c standard_conforming_strings=on \
                      -c quote_all_identifiers=off -c bytea_output=hex";
        assert_eq!(options(), pinned);
    }

    #[test]
    fn a_locale_is_data() {
        let under = WrittenUnder {
            encoding: Encoding::SQL_ASCII,
            lc_monetary: Some("it's \\ me"),
        };
        let pinned = restoring(under, "it's me").set;
        assert!(pinned.contains("('lc_monetary', 'it''s \\ me')"));
        assert_eq!(pinned.matches("client_encoding").count(), 1);
        assert!(pinned.contains("('client_encoding', 'SQL_ASCII')"));
        let asked = question("SELECT 1;\n");
        assert!(asked.ends_with("SELECT 1;\nCOMMIT;\n"));
        assert!(!asked.contains("session_replication_role") && !asked.contains("lc_monetary"));
    }
}
