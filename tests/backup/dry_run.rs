//! `backup --dry-run`: what a live run would do, byte for byte, and nothing done.

use crate::support::{Session, Test, cluster, each, keys};
use serde_json::Value;

#[test]
fn it_prints_what_a_live_run_executes() {
    let test = Test::of("CREATE TABLE t (a int); CREATE TABLE \"it's \"\"T\"\"\" (a int)");
    let tables = ["public.t", "public.\"it's \"\"T\"\"\""];
    let dry = test
        .backup(&tables)
        .args(["--dry-run", "--run-id", "x"])
        .run()
        .exits(0);
    test.store_is_empty();
    // For people; a script that wants none of it says so.
    let told: Vec<&str> = dry.stderr.lines().map(str::trim).collect();
    assert_eq!(
        told[0],
        "plan of run x, of which nothing is dumped or written:"
    );
    assert!(told[1].starts_with("from database `"), "{}", dry.stderr);
    assert_eq!(told[2], "2 tables: public.t, public.\"it's \"\"T\"\"\"");
    let quiet = test
        .backup(&tables)
        .args(["--dry-run", "--quiet", "--run-id=x"]);
    let quiet = quiet.run().exits(0);
    assert_eq!((quiet.stderr.as_str(), &quiet.stdout), ("", &dry.stdout));
    let plan = dry.json();
    let keys: Vec<&String> = plan.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["artifact_ref", "backup_sha", "mode", "plan", "run_id"]
    );
    assert_eq!(plan["mode"], "dry-run");
    assert_eq!(plan["run_id"], "x");
    assert_eq!(dry.stdout.matches('\n').count(), 1);

    each(["pg_dump", "gpg"], |tool| {
        let argv = plan["plan"][tool].as_array().unwrap();
        let words: Vec<&str> = argv[..4]
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        assert!(dry.stderr.contains(&words.join(" ")), "{}", dry.stderr);
    });

    let live = test.sealed(&test.backup(&tables).args(["--run-id", "x"]).run());
    assert_eq!(
        plan["artifact_ref"],
        live.manifest["envelope"]["artifact_ref"]
    );
    each(["pg_dump", "gpg"], |tool| {
        assert_eq!(
            plan["plan"][tool], live.manifest["tools"][tool]["argv"],
            "{tool}"
        );
    });
}

/// `--quiet` leaves the envelope and errors.
#[test]
fn quiet() {
    let test = Test::of("CREATE TABLE t (a int)");
    let quiet = |more: &[&str]| {
        test.backup(&["public.t"])
            .arg("--quiet")
            .args(more.to_vec())
            .run()
    };
    let ran = quiet(&[]);
    ran.envelope();
    assert_eq!(ran.stderr, "");
    quiet(&["--recipient", &keys().expired]).fails(3, &["has expired"]);
    let guard = test
        .pgseal("guard")
        .args(["--quiet", "--table=public.t", "--", "true"]);
    let run = guard.env("BACKUP_GPG_FPR", &keys().good).run().exits(0);
    assert_eq!(run.stderr, "");
}

/// It depends on what was asked for, and on nothing else.
#[test]
fn backup_sha_is_stable() {
    let test = Test::of("CREATE TABLE a (x int); CREATE TABLE b (x int)");
    let sha = |tables: &[&str], more: &[&str]| -> Value {
        let dry = ["--dry-run", "--run-id", "x"];
        let ran = test
            .backup(tables)
            .args(dry)
            .args(more.iter().copied())
            .run();
        ran.exits(0).json()["backup_sha"].clone()
    };
    let first = sha(&["public.a", "public.b"], &[]);
    assert_eq!(first, sha(&["public.b", "public.a"], &[]));
    assert_eq!(
        first,
        sha(
            &["public.a", "public.b"],
            &["--lock-wait=7s", "--timeout=1h"]
        )
    );
    test.sql("ALTER TABLE a ADD y text; INSERT INTO b VALUES (1)");
    assert_eq!(first, sha(&["public.a", "public.b"], &[]));
    assert_ne!(first, sha(&["public.a"], &[]));
    assert_ne!(first, sha(&["public.a", "public.b"], &["--compress=gpg:1"]));
    let other = format!("--recipient={}", keys().second);
    assert_ne!(first, sha(&["public.a", "public.b"], &[&other]));
}

/// No lock is taken and none is waited for: not the store's, not a table's.
#[test]
fn it_works_beside_a_live_run() {
    let test = Test::of("CREATE TABLE t (a int)");
    let mut holder = Session::open(&test.db);
    holder.sql("BEGIN; LOCK TABLE t");
    let live = test
        .backup(&["public.t"])
        .args(["--run-id", "live"])
        .start();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock' AND datname = current_database()";
    crate::support::eventually("pg_dump waits", || test.sql(waiting) == "1");
    let dry = test.backup(&["public.t"]).arg("--dry-run").run().exits(0);
    assert!(dry.took.as_secs() < 5, "{:?}", dry.took);
    // A second live run may not.
    test.backup(&["public.t"])
        .run()
        .fails(5, &["another run holds the store"]);
    assert_eq!(
        test.files(),
        ["live.prelude.sql.gpg.partial", "live.sql.gpg.partial"]
    );
    holder.sql("COMMIT");
    test.sealed(&live.wait());
}

#[test]
fn it_refuses_as_a_live_run_does() {
    let test = Test::of("CREATE TABLE t (a int); CREATE VIEW v AS SELECT 1");
    let compare = |args: &[&str], code: i32| {
        let run = |more: &[&str]| {
            let args = args.iter().chain(more).copied();
            test.pgseal("backup").args(args).run().fails(code, &[])
        };
        assert_eq!(run(&["--dry-run"]).stderr, run(&[]).stderr);
    };
    compare(&["--table=public.v"], 3);
    compare(&["--table=public.missing"], 3);
    compare(&["--table=public.t", "--recipient", &keys().expired], 3);
    compare(&["--table=public.t", "--dbname=nowhere"], 3);
    let nowhere = cluster().conninfo("nowhere", "postgres");
    compare(&["--table=public.t", "--dbname", &nowhere], 3);
    compare(&["--table=public.t", "--store=/nowhere"], 5);
    compare(&["--table=public.t", "--table=public.t"], 2);
    compare(&[], 3);
    test.store_is_empty();
}
