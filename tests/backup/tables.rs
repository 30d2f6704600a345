//! Tables that cannot be backed up: each refused before a dump starts, with its name and its mend.

use crate::support::{Cases, Session, Test, cluster};

const SCHEMA: &str = "
CREATE TABLE good (a int);
CREATE VIEW a_view AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW a_matview AS SELECT 1 AS a;
CREATE SEQUENCE a_sequence;
CREATE TYPE a_type AS (x int);
CREATE INDEX an_index ON good (a);
CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER away FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE a_foreign (a int) SERVER away;
CREATE TABLE of_extension (a int); ALTER EXTENSION plpgsql ADD TABLE of_extension;
CREATE TABLE unreadable (a int); REVOKE ALL ON unreadable FROM reader;
CREATE SCHEMA hidden; CREATE TABLE hidden.t (a int); GRANT SELECT ON hidden.t TO reader;
CREATE TABLE secured (a int); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON secured TO reader;
CREATE TABLE counted (a serial, b int GENERATED ALWAYS AS IDENTITY); GRANT SELECT ON counted TO reader;
CREATE TABLE parent (a int) PARTITION BY LIST (a); CREATE TABLE leaf PARTITION OF parent DEFAULT;
GRANT SELECT ON good, parent, a_view, a_matview, a_foreign, of_extension TO reader;
";

fn role() {
    let sql = "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$";
    cluster().sql("postgres", sql);
}

#[test]
fn each_is_named_with_its_mend() {
    role();
    let test = Test::of(SCHEMA);
    let mut all = Vec::new();
    let mut cases = Cases::new();
    for (table, words) in [
        ("public.a_view", &["is a view", "that hold the rows"][..]),
        ("public.a_matview", &["is a materialized view"]),
        ("public.a_sequence", &["is a sequence"]),
        ("public.a_type", &["is a composite type"]),
        ("public.an_index", &["is an index"]),
        ("public.a_foreign", &["is a foreign table"]),
        (
            "public.of_extension",
            &["belongs to the extension `plpgsql`"],
        ),
        (
            "public.missing",
            &[
                "does not exist",
                "psql --no-psqlrc --command='\\dt \"public\".*'",
            ],
        ),
        ("nowhere.t", &["does not exist", "no schema of that name"]),
        ("public.Good", &["`public.\"Good\"` does not exist"]),
        (
            "public.unreadable",
            &[
                "has no SELECT on it",
                "GRANT SELECT ON \"public\".\"unreadable\" TO \"reader\";",
            ],
        ),
        (
            "hidden.t",
            &[
                "no USAGE on its schema",
                "GRANT USAGE ON SCHEMA \"hidden\" TO \"reader\";",
            ],
        ),
        ("public.secured", &["has row security", "BYPASSRLS"]),
        (
            "public.counted",
            &[
                "needs the sequence `public.counted_a_seq`",
                "GRANT SELECT ON SEQUENCE \"public\".\"counted_a_seq\"",
            ],
        ),
        (
            "public.parent",
            &["`public.leaf`, a part of `public.parent`,", "has no SELECT"],
        ),
    ] {
        cases.check(table, || {
            let ran = test
                .backup(&["public.good", table])
                .env("PGUSER", "reader")
                .run();
            let ran = ran.fails(3, words).says(&["hint: "]);
            let name = table.split('.').next_back().unwrap();
            ran.check(ran.stderr.contains(name), "it must name the table");
            ran.check(
                !ran.stderr.contains("`public.good`"),
                "it must not name what is well",
            );
            all.push(table);
        });
    }
    // All at once, each is told.
    let ran = test
        .backup(&all)
        .env("PGUSER", "reader")
        .run()
        .fails(3, &["tables cannot be backed up (database `"]);
    for table in all.iter().filter(|table| **table != "public.Good") {
        ran.check(ran.stderr.contains(&format!("`{table}`")), table);
    }
    test.store_is_empty();
}

#[test]
fn a_role_that_may_read_needs_no_more() {
    role();
    let test = Test::of(SCHEMA);
    test.sql("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader; GRANT SELECT ON leaf TO reader; ALTER TABLE secured DISABLE ROW LEVEL SECURITY");
    let tables = [
        "public.good",
        "public.counted",
        "public.parent",
        "public.secured",
    ];
    let ran = test.backup(&tables).env("PGUSER", "reader").run();
    test.sealed(&ran);
}

/// A name that is longer than names can be must not find a table whose name is its beginning.
#[test]
fn a_name_is_not_cut_to_fit() {
    let long = "n".repeat(63);
    let test = Test::of(&format!("CREATE TABLE {long} (a int)"));
    test.sealed(&test.backup(&[&format!("public.{long}")]).run());
    test.backup(&[&format!("public.{long}n")])
        .run()
        .fails(3, &["does not exist"]);
}

/// What a restore would miss elsewhere is no reason not to back up.
#[test]
fn ties_to_the_rest_of_the_database() {
    role();
    let test = Test::of(
        "CREATE TABLE outside (id int PRIMARY KEY); INSERT INTO outside VALUES (1);
         CREATE TABLE t (id int PRIMARY KEY, o int REFERENCES outside); INSERT INTO t VALUES (1, 1), (2, NULL);
         CREATE TABLE depends (t int REFERENCES t);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
         ALTER TABLE t OWNER TO reader;",
    );
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    assert_eq!(sealed.rows(), ["public.t=2"]);
    assert!(!sealed.sql.contains("COPY public.outside"));
}

/// Sizes and names are asked without waiting behind the lock; the dump waits as long as it may.
#[test]
fn an_exclusively_locked_table() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
    let mut holder = Session::open(&test.db);
    holder.sql("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    let dry = test.backup(&["public.t"]).arg("--dry-run").run().exits(0);
    assert!(dry.took.as_secs() < 5, "{:?}", dry.took);
    let ran = test.backup(&["public.t"]).arg("--lock-wait=300ms").run();
    ran.fails(
        4,
        &[
            "cannot back up `public.t`",
            "pg_dump ended with status 1",
            "LOCK TABLE public.t",
            "hint: Another session holds a lock",
            "--lock-wait",
        ],
    );
    test.store_is_empty();
    holder.sql("COMMIT");
    test.sealed(&test.backup(&["public.t"]).run());
}
