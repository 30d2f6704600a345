//! Where a restore may go, and what must be there.

use super::forge::{Prints, Target, forge, forge_prelude, prove, restore, secret};
use crate::support::{Test, cluster, each, eventually};
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;

const TABLE: &str = "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'x')";

#[test]
fn a_target_must_be_named_and_be_another() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let run = || {
        test.pgseal("restore")
            .arg("--origin-unproved")
            .arg(&sealed.run_id)
            .env("GNUPGHOME", secret())
    };
    run().run().fails(2, &["restore needs --dbname"]);
    run()
        .arg(format!(
            "--dbname={}",
            cluster().conninfo(&test.db, "postgres")
        ))
        .run()
        .fails(3, &["is the database that was backed up", "`pgseal undo`"]);
    let target = Target::new();
    target.sql("CREATE TABLE a (y int)");
    restore(&test, &sealed.path, &target).run().fails(
        3,
        &[
            "`public.a` exists already (database `",
            "Nothing is ever overwritten",
        ],
    );
    assert_eq!(target.sql("SELECT count(*) FROM a"), "0");
    restore(&test, &sealed.path, &target)
        .arg("--dbname=no_such_database")
        .run()
        .fails(2, &["--dbname"]);
    test.pgseal("restore")
        .arg("no-such-run")
        .arg(format!(
            "--dbname={}",
            cluster().conninfo(&target.db, "postgres")
        ))
        .run()
        .fails(1, &["no run `no-such-run`"]);
}

#[test]
fn an_older_server_is_refused() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let path = forge(
        &test,
        &sealed.manifest,
        sealed.sql.as_bytes(),
        "newer",
        |manifest| {
            manifest["tools"]["pg_dump"]["version"] = json!("99.1");
        },
    );
    let target = Target::new();
    restore(&test, &path, &target)
        .run()
        .fails(3, &["older than the pg_dump 99.1"]);
    target.is_empty();
}

/// What the settings at the head of a dump do that the server does not know, no row shows.
#[test]
fn an_older_server_takes_what_it_understands() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let newer = |name: &str, place: &str, line: &str| {
        let sql = sealed.sql.replacen(place, &format!("{line}\n{place}"), 1);
        assert_ne!(sql, sealed.sql);
        forge(&test, &sealed.manifest, sql.as_bytes(), name, |manifest| {
            manifest["tools"]["pg_dump"]["version"] = json!("99.1");
        })
    };
    let (head, behind) = ("SET client_encoding", "ALTER TABLE public.a OWNER TO");
    let unknown = "SET no_such_timeout = 0;";
    let path = newer("head", head, unknown);
    let target = Target::new();
    restore(&test, &path, &target).run().fails(
        3,
        &[
            "older than the pg_dump 99.1",
            "a server of version 99 or newer; or leave out the settings",
            "--older-target",
        ],
    );
    let older = |path: &Path, target: &Target| restore(&test, path, target).arg("--older-target");
    let ran = older(&path, &target).run().exits(0);
    ran.prints(&[
        "a setting that the target does not know: SET no_such_timeout = 0",
        "older than the pg_dump 99.1",
        "RESTORE: PASS",
    ]);
    let left_out = ["lock_timeout", "client_encoding"];
    let ran = older(&path, &Target::new()).arg("--json").run().exits(0);
    let skipped = ran.json()["skipped"].to_string();
    assert!(
        !left_out.iter().any(|known| skipped.contains(known)),
        "{skipped}"
    );

    // Where no server is that new.
    prove(&test, &path)
        .run()
        .fails(3, &["no PostgreSQL server of version 99", "--older-target"]);
    prove(&test, &path)
        .arg("--older-target")
        .run()
        .exits(0)
        .prints(&["SET no_such_timeout = 0", "PROVE_RESTORE: PASS"]);

    // Into a server that should know it, and all else that this one does not.
    let target = Target::new();
    let path = forge(
        &test,
        &sealed.manifest,
        sealed
            .sql
            .replacen(head, &format!("{unknown}\n{head}"), 1)
            .as_bytes(),
        "not-newer",
        |_| {},
    );
    older(&path, &target)
        .run()
        .fails(4, &["42704 undefined_object"]);
    target.is_empty();
    each(
        [
            ("behind", behind, unknown, "42704 undefined_object"),
            (
                "statement",
                head,
                "SET LOCAL no_such_timeout = 0;",
                "42704 undefined_object",
            ),
            (
                "syntax",
                behind,
                "ALTER TABLE public.a ALTER x ADD GENERATED SOMETIMES;",
                "42601 syntax_error",
            ),
        ],
        |(name, place, line, why)| {
            let target = Target::new();
            older(&newer(name, place, line), &target)
                .run()
                .fails(4, &[why]);
            target.is_empty();
        },
    );
}

#[test]
fn a_psql_without_restrict_is_refused() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    test.shim_psql_without_restrict();
    let target = Target::new();
    restore(&test, &sealed.path, &target)
        .run()
        .fails(3, &["has no \\restrict"]);
    target.is_empty();
}

#[test]
fn what_lies_beyond_is_asked_for_or_left_out() {
    let test = Test::of(
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1);
         CREATE TABLE a (id int PRIMARY KEY REFERENCES users); INSERT INTO a VALUES (1);
         CREATE TABLE b (id int REFERENCES a); INSERT INTO b VALUES (1)",
    );
    let sealed = test.sealed(&test.backup(&["public.a", "public.b"]).run());
    let reference =
        |kind: &str, name: &str, by: &str| json!({"kind": kind, "name": name, "needed_by": by});
    let sql = sealed.sql.replacen(
        "ALTER TABLE public.a OWNER TO postgres;",
        "ALTER TABLE public.a OWNER TO pgseal_nobody;\nGRANT SELECT ON TABLE public.a TO pgseal_nobody;",
        1,
    );
    assert_ne!(sql, sealed.sql);
    let path = forge(
        &test,
        &sealed.manifest,
        sql.as_bytes(),
        "beyond",
        |manifest| {
            manifest["external_references"] = json!([
                reference(
                    "foreign_key",
                    "public.users",
                    "table constraint a_id_fkey on public.a"
                ),
                reference("role", "pgseal_nobody", "owner of table public.a"),
                reference("dependent_view", "public.v", "table public.a"),
            ]);
        },
    );
    let target = Target::new();
    restore(&test, &path, &target).run().fails(
        3,
        &[
            "the target has no table public.users",
            "CREATE ROLE \"pgseal_nobody\" NOLOGIN;",
            "--skip-external",
        ],
    );
    target.is_empty();
    let report = restore(&test, &path, &target)
        .args(["--skip-external", "--json"])
        .run()
        .exits(0)
        .json();
    let skipped: Vec<&str> = report["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().split(": ").next().unwrap())
        .collect();
    assert_eq!(
        skipped,
        [
            "owner pgseal_nobody",
            "privileges of pgseal_nobody",
            "needs table public.users"
        ]
    );
    // The one between the two tables is there.
    let keys =
        "SELECT conrelid::regclass, confrelid::regclass FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(target.sql(keys), "b|a");
    assert_eq!(target.sql("SELECT count(*) FROM a"), "1");

    // With all of it there, nothing is left out.
    let target = Target::new();
    target.sql("CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)");
    cluster().sql("postgres", "CREATE ROLE pgseal_nobody NOLOGIN");
    restore(&test, &path, &target)
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS"]);
    assert_eq!(
        target.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'a'"),
        "pgseal_nobody"
    );
    drop(target);
    cluster().sql("postgres", "DROP ROLE pgseal_nobody");
}

/// The last word is not heard where the target did not take every row.
#[test]
fn rows_that_the_target_swallows_are_missed() {
    let test = Test::of(
        "CREATE TABLE a (id int, x text); INSERT INTO a SELECT n, 'x' FROM generate_series(1, 9) n",
    );
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let eat = "IF NEW.id = 5 THEN RETURN NULL; END IF; RETURN NEW";
    let late = "DELETE FROM public.a WHERE id = 5; RETURN NULL";
    each(
        [
            (eat, "TRIGGER eat BEFORE INSERT ON public.a", "origin"),
            // Foreign keys are not looked at there.
            (eat, "TRIGGER eat BEFORE INSERT ON public.a", "replica"),
            (
                late,
                "CONSTRAINT TRIGGER eat AFTER INSERT ON public.a DEFERRABLE INITIALLY DEFERRED",
                "origin",
            ),
        ],
        |(eat, trigger, role)| {
            let target = Target::new();
            target.sql(&format!(
                "CREATE FUNCTION eat() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {eat}; END $$;
             CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
               IF to_regclass('public.a') IS NOT NULL AND NOT EXISTS (
                   SELECT FROM pg_trigger WHERE tgrelid = to_regclass('public.a')) THEN
                 CREATE {trigger} FOR EACH ROW EXECUTE FUNCTION public.eat();
                 ALTER TABLE public.a ENABLE ALWAYS TRIGGER eat;
               END IF; END $$;
             CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
               EXECUTE FUNCTION meddle();
             ALTER EVENT TRIGGER meddle ENABLE ALWAYS;
             ALTER DATABASE {} SET session_replication_role = {role}",
                target.db
            ));
            restore(&test, &sealed.path, &target).run().fails(
                1,
                &[
                    "`public.a` has 8 rows in the target, 9 were sealed",
                    "rolled back",
                ],
            );
            assert_eq!(target.sql("SELECT to_regclass('public.a') IS NULL"), "t");
        },
    );
}

/// What a setting of the target would make of the text.
#[test]
fn settings_of_the_target_change_nothing() {
    let test = Test::of("CREATE TABLE a AS SELECT array[NULL, 'b'] AS x");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let target = Target::new();
    target.sql(&format!(
        "ALTER DATABASE {} SET array_nulls = off",
        target.db
    ));
    restore(&test, &sealed.path, &target).run().exits(0);
    assert_eq!(target.sql("SELECT x[1] IS NULL FROM a"), "t");
}

/// An event trigger that leaves a setting behind changes how the rest of the dump is read.
#[test]
fn a_setting_that_is_changed_on_the_way_is_a_no() {
    let test = Test::of(
        "CREATE TABLE a (x text DEFAULT 'a\\nb'); COMMENT ON TABLE a IS 'a\\nb'; GRANT SELECT ON a TO PUBLIC",
    );
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let role = format!("other_{}", test.db);
    test.sql(&format!("CREATE ROLE {role} SUPERUSER"));
    for (tag, action, name) in [
        (
            "CREATE TABLE",
            "SET standard_conforming_strings = off",
            "standard_conforming_strings",
        ),
        ("CREATE TABLE", "SET search_path = public", "search_path"),
        (
            "COMMENT",
            "SET LOCAL \"TimeZone\" = 'Asia/Tokyo'",
            "TimeZone",
        ),
        (
            "GRANT",
            "SET check_function_bodies = on",
            "check_function_bodies",
        ),
        ("CREATE TABLE", &format!("SET ROLE {role}"), "role"),
        ("CREATE TABLE", "SET work_mem = '5MB'", ""),
    ] {
        let target = Target::new();
        target.sql(&format!(
            "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
               IF to_regclass('public.a') IS NOT NULL THEN {action}; END IF; END $$;
             CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('{tag}') EXECUTE FUNCTION meddle()"
        ));
        let ran = restore(&test, &sealed.path, &target).run();
        if name.is_empty() {
            ran.exits(0);
            continue;
        }
        let words = format!(
            "settings of the session were changed on the way, and with them what the dump means: {name}"
        );
        ran.fails(1, &[&words, "event triggers", "rolled back"]);
        assert_eq!(
            target.sql("SELECT to_regclass('public.a') IS NULL"),
            "t",
            "{action}"
        );
    }
    test.sql(&format!("DROP ROLE {role}"));
}

/// Neither a statement nor a lock outlives a restore that was stopped.
#[test]
fn what_was_stopped_does_not_go_on_in_the_target() {
    let test = Test::of("CREATE TABLE a (x int)");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let path = forge(
        &test,
        &sealed.manifest,
        sealed.sql.as_bytes(),
        "slow",
        |_| {},
    );
    let sleep = "DO $$ BEGIN PERFORM pg_sleep(60); END $$;\n-- pgseal prelude complete\n";
    forge_prelude(&test, sleep.as_bytes(), "slow");
    let target = Target::new();
    let active = || {
        cluster().sql(
            "postgres",
            &format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state = 'active'",
                target.db
            ),
        )
    };
    let running = restore(&test, &path, &target).start();
    eventually("it restores", || active() == "1");
    running.signal(Signal::TERM);
    let ran = running.wait();
    ran.check(ran.code() == 143, "ended by the signal");
    eventually("the statement is cancelled", || active() == "0");
    target.is_empty();
}

/// Who may create a database, and is nobody's member, restores what is his then.
#[test]
fn an_ordinary_role_restores_without_the_owners() {
    let test = Test::cutter();
    let tables = ["public.information_unit", "public.unit_version"];
    test.sql("GRANT SELECT ON public.information_unit TO pg_monitor");
    let sealed = test.sealed(&test.backup(&tables).run());
    let target = Target::new();
    let role = format!("op_{}", target.db);
    target.sql(&format!(
        "CREATE ROLE {role} LOGIN CREATEDB; ALTER DATABASE {} OWNER TO {role}",
        target.db
    ));
    let as_op = || {
        let conninfo = cluster().conninfo(&target.db, &role);
        test.pgseal("restore")
            .arg("--origin-unproved")
            .arg(&sealed.path)
            .arg(format!("--dbname={conninfo}"))
            .env("GNUPGHOME", secret())
    };
    as_op().run().fails(
        3,
        &[
            "the restoring role may not act for postgres, the owner of",
            "restore as a member of the role postgres, or as a superuser",
            "--skip-external",
        ],
    );
    as_op()
        .arg("--skip-external")
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS", "owner postgres"]);
    let owner = "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename IN ('information_unit', 'unit_version')";
    assert_eq!(target.sql(owner), role);
    let granted = "SELECT has_table_privilege('pg_monitor', 'public.information_unit', 'SELECT')";
    assert_eq!(target.sql(granted), "t");
    let db = target.db.clone();
    drop(target);
    cluster().sql("postgres", &format!("DROP ROLE op_{db}"));
}

/// psql exits with 3 when it is interrupted, though the COMMIT be done.
#[test]
fn a_commit_that_may_be_done_is_not_denied() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let script = "trap 'exit 3' INT; $real \"$@\"; touch \"$HOME/done\"; \
                  while kill -0 $PPID; do sleep 0.1; done";
    test.shim("psql", "*AUTOCOMMIT=off*", script);
    let target = Target::new();
    let running = restore(&test, &sealed.path, &target).start();
    eventually("it is committed", || test.dir.join("home/done").exists());
    running.signal(Signal::INT);
    let ran = running.wait();
    ran.check(ran.code() == 130, "ended by the signal");
    ran.says(&["the transaction was committed: the tables are restored"]);
    assert_eq!(target.sql("SELECT count(*) FROM a"), "1");
}
