//! What helps where the server could not be asked, or where pg_dump failed, by what the tool said.
//!
//! Their own words are English (LC_ALL=C); the server's are in its own language (only a superuser may
//! set `lc_messages`), so what is not known is taken for the server's.

use crate::base::hint::{Hint, Hints};
use crate::pg::engine_trouble::killed_hint;
use crate::pg::locks::is_full;
use crate::process::child::ChildExit;

/// What libpq says where no server answered.
const UNREACHABLE: &[&str] = &[
    "Connection refused",
    "No such file or directory",
    "could not translate host name",
    "No route to host",
    "Network is unreachable",
    "Connection timed out",
    "timeout expired",
    "could not connect to server",
    "server closed the connection",
];

/// Where `target_session_attrs` fits no server.
const OTHER_SERVER: &[&str] = &[
    "session is read-only",
    "session is not read-only",
    "server is in hot standby mode",
    "server is not in hot standby mode",
];

const NO_SLOT: &[&str] = &[
    "too many clients",
    "too many connections",
    "remaining connection slots",
];

const SESSIONS: &str = "Every session that the server, the database or the role may have is taken. \
    pgseal needs two at once, one that has just ended among them: wait, or raise CONNECTION LIMIT \
    or max_connections.";

pub(crate) fn connection_hint(talk: &str) -> &'static str {
    let said = |words: &[&str]| words.iter().any(|words| talk.contains(words));
    if said(&["psql:<stdin>"]) {
        if said(&["UTF8"]) && said(&["0x"]) {
            "A name in the database is no UTF-8, or has no form in it, and no manifest can hold it: \
             rename what has it (ALTER … RENAME TO …)."
        } else if said(&["timeout"]) {
            "The server did not answer in time: look for locks on the catalog, or try again."
        } else {
            "What the server said is above: see its log, and what this role may read of the catalog."
        }
    } else if said(&["password"]) {
        "Put the password into ~/.pgpass or the file named by PGPASSFILE (mode 0600); it is \
         never asked for."
    } else if said(OTHER_SERVER) {
        "target_session_attrs asks for another server than the one that answered. Our sessions are \
         read-only, so `read-write` finds none: say `primary`, or leave it out."
    } else if said(NO_SLOT) {
        SESSIONS
    } else if said(&["role \""]) && said(&["does not exist"]) {
        "Check the role: PGUSER, or `user` in the connection string."
    } else if said(&["database \""]) && said(&["does not exist"]) {
        "Check the database: PGDATABASE, or `dbname` in the connection string; `psql --list` shows \
         what is there."
    } else if said(&["unsupported startup parameter", "options"]) {
        "A pooler stands in between and refuses PGOPTIONS: connect to the server itself."
    } else if said(UNREACHABLE) {
        "Check that the server runs and that PGHOST, PGPORT or --dbname lead to it."
    } else {
        "The server answered, and refused; what it said is above. Check the role, the database and \
         the server's pg_hba.conf."
    }
}

/// How pg_dump marks what is an error, from its early versions to the last. What else it begins with
/// its name is a warning, or what it was doing.
const MARKS: &[&str] = &[
    "error:",
    "fatal:",
    "detail:",
    "hint:",
    "[",
    "query ",
    "Dumping the contents of table",
    "Error message from server:",
    "The command was:",
];

/// Without what --verbose tells: "reading row-level security policies" is no failure.
fn errors(stderr: &str) -> String {
    let is_error = |line: &&str| {
        let own = line.strip_prefix("pg_dump: ");
        own.is_none_or(|rest| MARKS.iter().any(|mark| rest.starts_with(mark)))
    };
    let lines: Vec<&str> = stderr.lines().filter(is_error).collect();
    lines.join("\n")
}

/// What helps where pg_dump failed.
pub(crate) fn dump_hint(outcome: &ChildExit) -> Hints {
    if let Some(killed) = killed_hint(outcome) {
        return killed;
    }
    let errors = errors(&outcome.stderr);
    let said = |words: &str| errors.contains(words);
    // pg_dump turns --lock-wait-timeout into a statement timeout while it locks.
    let waited = said("statement timeout") && said("LOCK TABLE");
    if waited || said("lock timeout") || said("could not obtain lock") {
        "Another session holds a lock on a table: wait for it, or raise --lock-wait.".into()
    } else if is_full(&outcome.stderr) {
        "The server's lock table is full, and pg_dump locks all tables at once: raise \
         max_locks_per_transaction in its postgresql.conf, and restart it."
            .into()
    } else if said("byte sequence") && said("0x") {
        "A text of the database is not valid in the encoding of the dump: --encoding NAME, with the \
         database's own (SHOW server_encoding), takes its bytes as they are."
            .into()
    } else if said("invalid client encoding") {
        "The server does not convert into that --encoding: give the database's own (SHOW \
         server_encoding), UTF8 or SQL_ASCII."
            .into()
    } else if said("server closed the connection") || said("terminating connection") {
        "The connection was lost: see the server's log, then try again.".into()
    } else if said("row-level security") {
        "Connect with BYPASSRLS, or as the table's owner where its row security is not forced."
            .into()
    } else if said("permission denied") {
        Hints::from("The role lacks rights; the row `target_tables` names the GRANTs:")
            .then(Hint::pgseal(&["preflight"]))
    } else if said("no matching tables") || said("does not exist") {
        Hints::from("A table was dropped or renamed meanwhile; what there is to dump now:")
            .then(Hint::pgseal(&["backup", "--dry-run"]))
    } else if NO_SLOT.iter().any(|words| said(words)) {
        SESSIONS.into()
    } else if said("LOCK TABLE") {
        // In another language than ours. What the role may not read was refused before.
        "A table could not be locked. If it is for want of time, another session holds it: wait for \
         that, or raise --lock-wait."
            .into()
    } else {
        "What pg_dump said is above; the command can be run by hand.".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::child::ExitKind;
    use crate::process::command::CommandSpec;

    #[test]
    fn a_hint_is_made_of_errors() {
        let talk = "pg_dump: reading row-level security policies\npg_dump: terminated by user\n\
                    pg_dump: warning: x: permission denied\nno matching tables\n\
                    pg_dump: error: query failed: ERROR:  permission denied for table t\n\
                    pg_dump: detail: Query was: LOCK TABLE t\n";
        assert_eq!(
            errors(talk),
            "no matching tables\n\
             pg_dump: error: query failed: ERROR:  permission denied for table t\n\
             pg_dump: detail: Query was: LOCK TABLE t"
        );
    }

    #[test]
    fn a_connection_lost_behind_a_lock_is_no_lock_held() {
        let said = "pg_dump: error: query failed: server closed the connection unexpectedly\n\
                    pg_dump: detail: Query was: LOCK TABLE t\n";
        let exit = ChildExit {
            spec: CommandSpec::new("dump", "/x"),
            end: ExitKind::Code(1),
            stopped: false,
            status: Vec::new(),
            stderr: said.into(),
        };
        let hint = dump_hint(&exit).lines().concat();
        assert!(hint.starts_with("The connection was lost"), "{hint}");
    }

    #[test]
    fn a_hint_fits_what_was_said_in_any_language() {
        let failed = "psql: error: connection to server on socket \"/x\" failed: ";
        for (said, hint) in [
            (
                "Connection refused\n\tIs the server running",
                "Check that the server runs",
            ),
            ("No such file or directory", "Check that the server runs"),
            ("FATAL:  role \"x\" does not exist", "Check the role"),
            (
                "FATAL:  database \"x\" does not exist",
                "Check the database",
            ),
            ("FATAL:  Rolle »x« existiert nicht", "The server answered"),
            (
                "FATAL:  Datenbank »x« existiert nicht",
                "The server answered",
            ),
            (
                "FATAL:  sorry, too many clients already",
                "pgseal needs two at once",
            ),
            (
                "FATAL:  too many connections for role \"x\"",
                "pgseal needs two at once",
            ),
            ("session is read-only", "target_session_attrs"),
            ("fe_sendauth: no password supplied", "~/.pgpass"),
            ("FATAL:  unsupported startup parameter: options", "A pooler"),
        ] {
            let told = connection_hint(&format!("{failed}{said}\n"));
            assert!(told.contains(hint), "{said}: {told}");
        }
        let asked = "psql:<stdin>:3: FEHLER:  keine Berechtigung";
        assert!(connection_hint(asked).starts_with("What the server said"));
    }
}
