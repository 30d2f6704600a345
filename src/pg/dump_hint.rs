//! What helps where pg_dump failed, by what it said.

use crate::process::child::ChildExit;

/// pg_dump speaks English here (LC_ALL=C).
pub(crate) fn dump_hint(outcome: &ChildExit) -> &'static str {
    let said = |words: &str| outcome.stderr.contains(words);
    // pg_dump turns --lock-wait-timeout into a statement timeout while it locks.
    let waited = said("statement timeout") && said("LOCK TABLE");
    if waited || said("lock timeout") || said("could not obtain lock") {
        "Another session holds a lock on a table: wait for it, or raise --lock-wait."
    } else if said("row-level security") {
        "Connect as the table's owner or with BYPASSRLS."
    } else if said("permission denied") {
        "Grant the role SELECT on what pg_dump names."
    } else if said("no matching tables") || said("does not exist") {
        "A table was dropped or renamed meanwhile: run `pgseal backup --dry-run` again."
    } else {
        "What pg_dump said is above; the command can be run by hand."
    }
}
