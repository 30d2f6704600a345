//! Many partitions: the time grows as pg_dump's, a summary stays short, and a target that has no
//! room for so many locks is refused before anything starts.

use crate::restore::forge::{Target, prove, restore};
use crate::support::{Test, bin, cluster, tool};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// Five relations a partition: with its key, its index, its TOAST table and the index of that.
fn partitions(count: u32) -> Test {
    Test::of(&format!(
        "CREATE TYPE kind AS ENUM ('a', 'b');
         CREATE TABLE ev (id bigserial, day int, k kind DEFAULT 'a', note text CHECK (note <> ''),
           PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
         CREATE INDEX ON ev (k);
         DO $$ BEGIN FOR i IN 1..{count} LOOP
           EXECUTE format('CREATE TABLE ev_%s PARTITION OF ev FOR VALUES FROM (%s) TO (%s)', i, i, i + 1);
           IF i % 200 = 0 THEN COMMIT; END IF;
         END LOOP; END $$;
         INSERT INTO ev (day) SELECT generate_series(1, {count});"
    ))
}

#[test]
fn the_time_is_a_small_multiple_of_pg_dumps() {
    let test = partitions(600);
    let dump = || {
        let mut dump = Command::new(bin().join("pg_dump"));
        dump.env_clear().env("PGHOST", &cluster().dir);
        dump.args(["--username=postgres", "--table=public.ev*", "--dbname"])
            .arg(&test.db);
        tool(&mut dump, b"")
    };
    let timed = |work: &dyn Fn()| {
        let since = Instant::now();
        work();
        since.elapsed()
    };
    // Whatever else the machine does: the fastest of three against the slowest of three.
    let alone = (0..3).map(|_| timed(&|| drop(dump()))).max().unwrap();
    let ours = (0..3).map(|_| timed(&|| drop(test.backup(&["public.ev"]).run().exits(0))));
    let ours = ours.min().unwrap();
    let most = alone * 4 + Duration::from_millis(500);
    assert!(ours < most, "{ours:?}, and pg_dump alone {alone:?}");
}

#[test]
fn a_restore_says_how_many_locks_it_takes() {
    let test = partitions(900);
    let ran = test.backup(&["public.ev"]).run().exits(0);
    let sealed = test.sealed(&ran);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    ran.check(lines.len() < 20, "a short summary");
    ran.check(
        lines
            .iter()
            .any(|l| l.contains("… and 897 more of public.ev ")),
        "a count",
    );
    assert_eq!(sealed.manifest["tables"].as_array().unwrap().len(), 901);
    let relations = test.sql("SELECT count(*) FROM pg_class WHERE oid >= 16384");
    assert_eq!(sealed.manifest["restore_locks"].to_string(), relations);

    let target = Target::new();
    let before = target.objects();
    // 64 for each of 60 connections and 5 prepared transactions, by tests/support/cluster.rs.
    let refused = restore(&test, &sealed.path, &target).run().fails(
        3,
        &[
            "4,504 tables, indexes and sequences",
            "4,160 locks",
            "max_locks_per_transaction = 85",
        ],
    );
    assert_eq!(target.objects(), before);
    refused.check(!refused.stderr.contains("gpg"), "nothing was started");

    let proof = prove(&test, &sealed.path)
        .arg("--json")
        .run()
        .exits(0)
        .json();
    let rows = proof["tables"].as_array().unwrap().iter();
    let rows = rows.filter_map(|table| table["restored_rows"].as_u64());
    assert_eq!((&proof["result"], rows.sum()), (&Value::from("PASS"), 900));
}

#[test]
fn every_report_names_the_first_partitions_and_counts_the_rest() {
    let test = partitions(12);
    let ran = test
        .pgseal("prove-backup")
        .arg("--table=public.ev")
        .run()
        .exits(0);
    let more = "… and 8 more of public.ev ";
    ran.check(ran.stdout.contains(more), "prove-backup counts");
    let sealed = test.sealed(&test.backup(&["public.ev"]).run());
    let target = Target::new();
    for (what, command) in [
        ("prove-restore", prove(&test, &sealed.path)),
        ("restore", restore(&test, &sealed.path, &target)),
    ] {
        let ran = command.run().exits(0);
        assert_eq!(ran.stdout.matches("public.ev_").count(), 4, "{what}");
        ran.check(ran.stdout.contains(more), what);
    }
}

/// The words of a real pg_dump; the number is of its server.
#[test]
fn a_dump_that_is_out_of_locks_says_how_many_it_takes() {
    let test = Test::of("CREATE TABLE a (x int)");
    test.shim(
        "pg_dump",
        "*--strict-names*",
        "printf '%s\\n' 'pg_dump: error: query failed: ERROR:  out of shared memory' \
         'HINT:  You might need to increase max_locks_per_transaction.' >&2; exit 1",
    );
    let hint = "In its postgresql.conf: max_locks_per_transaction = 65 (now 64); restart it.";
    test.backup(&["public.a"]).run().fails(4, &[hint]);
    let prove = test.pgseal("prove-backup").arg("--table=public.a");
    prove.run().fails(4, &[hint]);
}
