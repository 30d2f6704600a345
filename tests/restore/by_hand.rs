//! "Restore by hand" in docs/what-a-backup-proves.md: its lines, as they stand there.

use super::forge::{Target, content, secret};
use crate::support::{Test, bin, cluster, each};
use std::process::{Command, Output};

fn block() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/what-a-backup-proves.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, below) = text.split_once("\n## Restore by hand\n").unwrap();
    let section = below.split("\n## ").next().unwrap();
    let blocks: Vec<&str> = section.split("```sh\n").skip(1).collect();
    assert_eq!(blocks.len(), 1);
    blocks[0].split("```").next().unwrap().to_string()
}

fn run(test: &Test, target: &Target, block: &str) -> Output {
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        test.path("bin").display(),
        bin().display()
    );
    let mut shell = Command::new("bash");
    shell
        .env_clear()
        .env("PATH", path)
        .env("PGHOST", &cluster().dir)
        .env("PGUSER", "postgres")
        .env("PGDATABASE", &target.db)
        .env("GNUPGHOME", secret())
        .env("RUN_ID", "r")
        .current_dir(test.store())
        .args(["-c", block]);
    shell.output().unwrap()
}

fn sealed() -> Test {
    let test = Test::of(
        "CREATE DOMAIN positive AS int; CREATE TABLE a (x positive, y text);
         INSERT INTO a VALUES (-1, 'older'), (1, 'x');
         ALTER DOMAIN positive ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;
         COMMENT ON CONSTRAINT c ON DOMAIN positive IS 'late'",
    );
    test.backup(&["public.a"]).arg("--run-id=r").run().exits(0);
    test
}

#[test]
fn both_parts_of_the_prelude_and_the_dump_in_one_session() {
    let test = sealed();
    let target = Target::new();
    let out = run(&test, &target, &block());
    assert!(out.status.success(), "{out:?}");
    assert_eq!(content(&test.db), content(&target.db));
    let constraint = "SELECT conname, convalidated, obj_description(oid) FROM pg_constraint WHERE contypid = 'positive'::regtype";
    assert_eq!(target.sql(constraint), "c|f|late");
}

#[test]
fn a_late_file_between_the_tables() {
    let test = Test::of(
        "CREATE SCHEMA \"S p\"; CREATE TABLE \"S p\".\"Kinds\" (k text); INSERT INTO \"S p\".\"Kinds\" VALUES ('a');
         CREATE FUNCTION is_kind(t text) RETURNS boolean LANGUAGE sql STABLE
           BEGIN ATOMIC SELECT EXISTS (SELECT FROM \"S p\".\"Kinds\" WHERE k = t); END;
         CREATE UNLOGGED TABLE a (k text CHECK (is_kind(k))); INSERT INTO a VALUES ('a');
         CREATE VIEW seen WITH (security_barrier) AS SELECT k FROM \"S p\".\"Kinds\";
         CREATE FUNCTION both_of(a, \"S p\".\"Kinds\") RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE FUNCTION sees(seen) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE POLICY p ON a USING (both_of(a, NULL) AND EXISTS (SELECT FROM seen WHERE sees(seen)))",
    );
    let backup = test.backup(&["public.a", "\"S p\".\"Kinds\""]);
    backup.arg("--run-id=r").run().exits(0);
    assert!(test.store().join("r.late.sql.gpg").exists());
    let target = Target::new();
    let out = run(&test, &target, &block());
    assert!(out.status.success(), "{out:?}");
    assert_eq!(content(&test.db), content(&target.db));
    let made = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace;
                SELECT count(*) FROM pg_policy";
    assert_eq!(target.sql(made), "3\n1");

    let target = Target::new();
    test.shim("gpg", "*late*", "$real \"$@\" | head -c 900; exit 2");
    let out = run(&test, &target, &block());
    assert!(!out.status.success(), "{out:?}");
    target.is_empty();
}

/// In sessions of their own the second part does nothing: that is why the page says one.
#[test]
fn a_session_for_each_loses_the_second_part() {
    let test = sealed();
    let target = Target::new();
    let psql = "} | psql -X -q -o /dev/null -v ON_ERROR_STOP=1";
    let block = block();
    assert!(block.contains(psql));
    let split = block
        .replace(
            "echo 'COMMIT;'",
            "true",
        )
        .replace("echo 'BEGIN;' &&", "true &&")
        .replace(
            "  gpg --decrypt \"$RUN_ID.prelude.sql.gpg\" | sed \"1,",
            "  true; } | psql -X -q -v ON_ERROR_STOP=1\n{\n  gpg --decrypt \"$RUN_ID.prelude.sql.gpg\" | sed \"1,",
        );
    assert!(split.matches("| psql").count() == 2, "{split}");
    let out = run(&test, &target, &split);
    assert!(out.status.success(), "{out:?}");
    assert_eq!(content(&test.db), content(&target.db));
    let constraints = "SELECT count(*) FROM pg_constraint WHERE contypid = 'positive'::regtype";
    assert_eq!(target.sql(constraints), "0");
}

/// COMMIT is sent only where gpg ended well each time.
#[test]
fn a_gpg_that_fails_changes_nothing() {
    let test = sealed();
    each(["*r.sql.gpg*", "*prelude*"], |when| {
        let target = Target::new();
        test.shim("gpg", when, "$real \"$@\" | head -c 900; exit 2");
        let out = run(&test, &target, &block());
        assert!(!out.status.success(), "{when}: {out:?}");
        target.is_empty();
    });
}
