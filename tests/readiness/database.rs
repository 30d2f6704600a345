//! Each way in which pg_dump, the server and the tables can be unfit.

use super::{Host, Report};
use crate::support::{Cases, bin, cluster, each};

/// Of the server.
fn major() -> String {
    let sql = "SELECT current_setting('server_version_num')::int / 10000";
    cluster().sql("postgres", sql)
}

#[test]
fn pg_dump_is_missing_broken_or_old() {
    let mut host = Host::ready();
    host.only(&["psql", "gpg", "gpgconf", "gpg-agent", "python3"]);
    let report = host.readiness();
    report.says("pg_dump", "MISSING", &["apt-get install postgresql-client"]);
    assert!(
        report
            .verdict()
            .starts_with("MISSING READY UNKNOWN BLOCKED"),
        "{}",
        report.verdict()
    );

    let host = Host::ready();
    host.script("pg_dump", "echo 'pg_dump (PostgreSQL)'");
    host.readiness().says(
        "pg_dump",
        "FAILED",
        &["does not answer as PostgreSQL's tools do"],
    );

    // A server of a major that is nowhere installed, and an older pg_dump on PATH.
    let host = Host::ready();
    host.script("pg_dump", "echo 'pg_dump (PostgreSQL) 14.9'");
    let psql = bin().join("psql");
    let lie = format!("s/\"version_num\" : {}/\"version_num\" : 99/", major());
    host.script("psql", &format!("{} \"$@\" | sed '{lie}'", psql.display()));
    let report = host.readiness();
    report.says(
        "pg_dump",
        "FAILED",
        &[
            "14.9",
            "older than the server, 99",
            "apt-get install postgresql-client-99",
        ],
    );
    report.says("backup_runner", "UNKNOWN", &["older than the server"]);
}

#[test]
fn the_database_is_out_of_reach() {
    let mut host = Host::ready();
    host.set("PGHOST", "/nonexistent");
    let report = host.readiness();
    report.says(
        "database",
        "FAILED",
        &["No such file or directory", "psql --no-psqlrc"],
    );
    each(
        [
            "pg_dump",
            "target_tables",
            "restore_closure",
            "backup_runner",
        ],
        |row| {
            report.says(row, "UNKNOWN", &[]);
        },
    );
    each(
        [
            "gpg_mechanism",
            "backup_key",
            "store",
            "pre_write_backup_seam",
        ],
        |row| {
            report.says(row, "READY", &[]);
        },
    );
    assert_eq!(report.verdict(), "FAILED READY UNKNOWN BLOCKED NONE FAIL");

    let mut cases = Cases::new();
    for (name, value, words) in [
        (
            "PGUSER",
            "nobody_of_that_name",
            [
                "role \"nobody_of_that_name\" does not exist",
                "# Check the role",
            ],
        ),
        (
            "PGDATABASE",
            "none_of_that_name",
            [
                "database \"none_of_that_name\" does not exist",
                "# Check the database",
            ],
        ),
        (
            "PGTARGETSESSIONATTRS",
            "read-write",
            [
                "session is read-only",
                "# target_session_attrs asks for another server",
            ],
        ),
    ] {
        cases.check(name, || {
            let mut host = Host::ready();
            host.set(name, value);
            host.readiness().says("database", "FAILED", &words);
        });
    }

    let mut host = Host::ready();
    host.only(&["pg_dump", "gpg", "gpgconf", "gpg-agent", "python3"]);
    host.readiness().says(
        "database",
        "UNKNOWN",
        &["`psql` is not on PATH", "apt-get install"],
    );

    // A service file that replaces our guard.
    let mut host = Host::ready();
    let service = host.path("service");
    host.write(
        "service",
        "[open]\noptions=-c default_transaction_read_only=off\n",
    );
    host.set("PGSERVICEFILE", service);
    host.set("PGSERVICE", "open");
    host.readiness()
        .says("database", "FAILED", &["not read-only"]);
}

#[test]
fn tables_that_cannot_be_backed_up() {
    let mut host = Host::ready();
    host.sql(
        "CREATE SCHEMA hidden; CREATE TABLE hidden.t (a int); CREATE VIEW public.v AS SELECT 1;
        CREATE TABLE public.rls (a int); ALTER TABLE public.rls ENABLE ROW LEVEL SECURITY;
        CREATE TABLE public.closed (a int);
        CREATE TABLE public.parted (a int) PARTITION BY RANGE (a);
        CREATE TABLE public.part1 PARTITION OF public.parted FOR VALUES FROM (0) TO (9)",
    );
    let with = |host: &Host, table: &str| {
        Report::of(&host.run(&["readiness", "--json", "--table", table]))
    };
    with(&host, "public.nosuch").says(
        "target_tables",
        "MISSING",
        &["does not exist", "psql --no-psqlrc"],
    );
    with(&host, "nosuch.t").says("target_tables", "MISSING", &["no schema of that name"]);
    with(&host, "public.v").says("target_tables", "FAILED", &["is a view"]);
    let report = with(&host, "public.parted");
    report.says(
        "target_tables",
        "READY",
        &[
            "1 table and 1 partition or child",
            "public.part1: table, part of public.parted",
        ],
    );
    let report = with(&host, "public.nosuch");
    report.says("restore_closure", "UNKNOWN", &["not there"]);
    assert_eq!(report.verdict(), "MISSING READY UNKNOWN BLOCKED NONE FAIL");

    let role = format!("r_{}", host.db);
    host.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON hidden.t, public.rls TO {role}"
    ));
    host.set("PGUSER", &role);
    with(&host, "hidden.t").says(
        "target_tables",
        "FAILED",
        &["no USAGE", "GRANT USAGE ON SCHEMA", "no schema USAGE"],
    );
    with(&host, "public.closed").says(
        "target_tables",
        "FAILED",
        &["no SELECT", "--command='GRANT SELECT ON"],
    );
    with(&host, "public.rls").says("target_tables", "FAILED", &["row security"]);

    // Only the closure's question reads this.
    host.sql("REVOKE SELECT ON pg_catalog.pg_trigger FROM PUBLIC");
    host.sql(&format!("GRANT SELECT ON public.closed TO {role}"));
    let report = with(&host, "public.closed");
    report.says("restore_closure", "UNKNOWN", &["pg_trigger"]);
    report.says("database", "READY", &[]);
    report.says("target_tables", "READY", &[]);
    report.says("backup_runner", "FAILED", &["pg_trigger"]);
}

#[test]
fn tables_that_are_not_configured_or_not_names() {
    let host = Host::ready();
    host.config("\"public.unit_version\"", "\"unit_version\"");
    let report = host.readiness();
    report.says("target_tables", "FAILED", &["unit_version"]);
    report.says("database", "READY", &[&format!("PostgreSQL {}", major())]);
    report.says("restore_closure", "UNKNOWN", &[]);

    let host = Host::ready();
    host.config("\"public.unit_version\"", "\"public.information_unit\"");
    host.readiness()
        .says("target_tables", "FAILED", &["named twice"]);

    let host = Host::ready();
    let text = std::fs::read_to_string(host.path("pgseal.toml")).unwrap();
    let (before, rest) = text.split_once("tables = [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    host.write("pgseal.toml", &format!("{before}tables = []{after}"));
    let report = host.readiness();
    report.says(
        "target_tables",
        "MISSING",
        &["no table is named", "[scope]"],
    );
    report.says("database", "READY", &[]);
}

/// Backup, proof and report ask through one gathering; a second one makes the report's second plan,
/// and a question after the dump tells whether the tables are still the same.
#[test]
fn the_database_is_asked_once_for_a_plan() {
    let host = Host::ready();
    let (log, psql) = (host.path("sessions"), bin().join("psql"));
    let script = format!(
        "echo >> '{}'; exec '{}' \"$@\"",
        log.display(),
        psql.display()
    );
    host.script("psql", &script);
    let sessions = |args: &[&str]| {
        host.write("sessions", "");
        host.run(args).exits(0);
        std::fs::read_to_string(&log).unwrap().lines().count()
    };
    assert_eq!(sessions(&["readiness"]), 2);
    assert_eq!(sessions(&["backup", "--dry-run"]), 1);
    assert_eq!(sessions(&["backup"]), 2);
    assert_eq!(sessions(&["prove-backup"]), 2);
}

/// Neither stops a backup: a restore of it is what would be refused.
#[test]
fn tools_that_a_restore_would_stumble_over() {
    let host = Host::ready();
    let psql = bin().join("psql");
    let lie = |what: &str| {
        host.script("psql", &format!("{} \"$@\" | sed '{what}'", psql.display()));
    };
    lie("s/\"psql\" : [0-9]*/\"psql\" : 160002/");
    let report = host.readiness();
    report.says(
        "restore_closure",
        "READY",
        &[
            "psql 16.2 has no \\restrict",
            "restore, diff, undo and prove-restore refuse it",
        ],
    );
    let ran = host.run(&["backup"]).exits(0);
    ran.says(&["warning: psql 16.2 has no \\restrict"]);

    lie(&format!(
        "s/\"version_num\" : {}/\"version_num\" : 9/",
        major()
    ));
    let report = host.readiness();
    report.says("pg_dump", "READY", &["is newer than the server, 9"]);
    report.says(
        "restore_closure",
        "FAILED",
        &[
            "a restore will need: option --older-target (pg_dump",
            "is newer than the server, 9",
        ],
    );
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");
}

#[test]
fn what_a_restore_would_miss_informs_alone() {
    let host = Host::ready();
    host.sql(
        "CREATE TABLE public.other (a bigint REFERENCES public.information_unit);
        CREATE VIEW public.units AS SELECT * FROM public.information_unit",
    );
    let report = host.readiness();
    report.says(
        "restore_closure",
        "FAILED",
        &[
            "cannot bring back",
            "table constraint other_a_fkey on public.other",
            "view public.units",
        ],
    );
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");
    assert_eq!(report.exit, 0);
}
