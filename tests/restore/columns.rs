//! Rows are held against each other by the names of their columns, whatever their order.

use super::forge::{Prints, Target, prove, restore};
use crate::support::{Cases, Test, cluster};

/// The rows of the tables, each as its columns' names and values, without any order.
fn by_name(sql: impl Fn(&str) -> String, tables: &[&str]) -> Vec<String> {
    let tables = tables.iter();
    tables
        .map(|table| {
            sql(&format!(
                "SELECT coalesce(string_agg(to_jsonb(t)::text, E'\\n' ORDER BY to_jsonb(t)), '')
                 FROM ONLY {table} t"
            ))
        })
        .collect()
}

/// A case: its name, the source, what is backed up, the tables that hold rows.
struct Case {
    name: &'static str,
    sql: &'static str,
    scope: &'static [&'static str],
    hold: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "a child that came to its parent with another order",
        sql: "CREATE TABLE base (a int, b int, c text);
              CREATE TABLE child (c text, extra int, b int, a int);
              ALTER TABLE child INHERIT base;
              INSERT INTO base VALUES (1, 2, 'x');
              INSERT INTO child VALUES ('y', 3, 4, 5), ('z', 6, 7, 8);",
        scope: &["public.base"],
        hold: &["base", "child"],
    },
    Case {
        name: "a child of two parents, and a grandchild",
        sql: "CREATE TABLE m (a int, b int); CREATE TABLE n (c int, b int);
              CREATE TABLE child (b int, z int, c int, a int);
              ALTER TABLE child INHERIT n; ALTER TABLE child INHERIT m;
              CREATE TABLE grand (z int, a int, c int, b int, own int); ALTER TABLE grand INHERIT child;
              INSERT INTO child VALUES (1, 2, 3, 4); INSERT INTO grand VALUES (1, 2, 3, 4, 5);",
        scope: &["public.m", "public.n"],
        hold: &["child", "grand"],
    },
    Case {
        name: "a partition that was attached with another order",
        sql: "CREATE TABLE p (a int, b int, c text) PARTITION BY RANGE (a);
              CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
              CREATE TABLE p2 (c text, b int, a int);
              ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
              INSERT INTO p SELECT n, 100 + n, 'v' || n FROM generate_series(0, 19) n;",
        scope: &["public.p"],
        hold: &["p1", "p2"],
    },
    Case {
        name: "columns that were dropped, in the parent and in the partition",
        sql: "CREATE TABLE p (gone int, a int, also int, b int) PARTITION BY RANGE (a);
              CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
              ALTER TABLE p DROP gone, DROP also; ALTER TABLE p ADD c int DEFAULT 7;
              CREATE TABLE p2 (c int, x int, b int, a int); ALTER TABLE p2 DROP x;
              ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
              INSERT INTO p SELECT n, 100 + n, 200 + n FROM generate_series(0, 19) n;",
        scope: &["public.p"],
        hold: &["p1", "p2"],
    },
    Case {
        name: "generated columns, before and between the others",
        sql: "CREATE TABLE g (s int GENERATED ALWAYS AS (a + b) STORED, b int, t int GENERATED ALWAYS AS (a - b) STORED, a int);
              INSERT INTO g VALUES (DEFAULT, 2, DEFAULT, 1), (DEFAULT, 5, DEFAULT, 3);
              CREATE TABLE child (a int, t int GENERATED ALWAYS AS (a - b) STORED, id int GENERATED ALWAYS AS IDENTITY,
                b int, s int GENERATED ALWAYS AS (a + b) STORED);
              ALTER TABLE child INHERIT g; INSERT INTO child (a, b) VALUES (8, 9);",
        scope: &["public.g"],
        hold: &["g", "child"],
    },
    Case {
        name: "names that need quotes",
        sql: r#"CREATE TABLE q ("a, b" int, "c"")" text, "FROM stdin" int, "order" int);
              CREATE TABLE child ("order" int, "FROM stdin" int, "c"")" text, "a, b" int);
              ALTER TABLE child INHERIT q;
              INSERT INTO q VALUES (1, E'\\.\t', 2, 3); INSERT INTO child VALUES (4, 5, E'x\ny', 6);"#,
        scope: &["public.q"],
        hold: &["q", "child"],
    },
];

#[test]
fn whatever_order_the_source_has() {
    let mut cases = Cases::new();
    for case in CASES {
        cases.check(case.name, || {
            let test = Test::of(case.sql);
            let looked = test.pgseal("prove-backup");
            let tables = case.scope.iter().map(|table| format!("--table={table}"));
            looked.args(tables).run().exits(0);
            let sealed = test.sealed(&test.backup(case.scope).run().exits(0));
            prove(&test, &sealed.path)
                .run()
                .exits(0)
                .prints(&["PROVE_RESTORE: PASS"]);
            let target = Target::new();
            restore(&test, &sealed.path, &target).run().exits(0);
            let here = by_name(|sql| test.sql(sql), case.hold);
            assert!(here.iter().all(|rows| !rows.is_empty()));
            assert_eq!(by_name(|sql| target.sql(sql), case.hold), here);
            // And once more from there, where the order is another one.
            let again = Target::new();
            let tables = case.scope.iter().map(|table| format!("--table={table}"));
            let second = test
                .pgseal("backup")
                .args(tables)
                .env("PGDATABASE", &target.db);
            let sealed = test.sealed(&second.run().exits(0));
            restore(&test, &sealed.path, &again).run().exits(0);
            assert_eq!(by_name(|sql| again.sql(sql), case.hold), here);
        });
    }
}

/// What hangs on a parent that only the target has, and that has another order there.
#[test]
fn whatever_order_the_target_has() {
    let test = Test::of(
        "CREATE TABLE base (a int, b int, c int); CREATE TABLE child (own int) INHERITS (base);
         INSERT INTO child VALUES (1, 2, 3, 4), (5, 6, 7, 8);
         CREATE TYPE shape AS (a int, b int, c int); CREATE TABLE typed OF shape;
         INSERT INTO typed VALUES (1, 2, 3);",
    );
    let sealed = test.sealed(
        &test
            .backup(&["public.child", "public.typed"])
            .run()
            .exits(0),
    );
    let target = Target::new();
    target
        .sql("CREATE TABLE base (c int, a int, b int); CREATE TYPE shape AS (c int, b int, a int)");
    restore(&test, &sealed.path, &target).run().exits(0);
    let tables = ["child", "typed"];
    assert_eq!(
        by_name(|sql| target.sql(sql), &tables),
        by_name(|sql| test.sql(sql), &tables)
    );
}

/// Between the two looks of prove-backup the table is made anew.
#[test]
fn another_order_between_two_looks() {
    let mut cases = Cases::new();
    for (columns, status) in [
        ("b, d, c, a", 0),
        ("a, b, c, d + 1 AS d", 1),
        ("b, a AS d, c, d AS a", 1),
        ("b, a, c", 1),
        ("b, a, c, d, 1 AS e", 1),
    ] {
        cases.check(columns, || {
            let test = Test::of(
                "CREATE TABLE t AS SELECT n AS a, 'x' || n AS b, E'\t\\\n' AS c, 2 * n AS d
                 FROM generate_series(1, 9) n; INSERT INTO t VALUES (NULL, '', NULL, 7)",
            );
            let sql = format!("CREATE TABLE u AS SELECT {columns} FROM t; DROP TABLE t; ALTER TABLE u RENAME TO t");
            let server = cluster().dir.display().to_string();
            let psql = format!("PGOPTIONS= PGHOST={server} PGUSER=postgres psql -Xq -d {}", test.db);
            // Before the second look, which is the third dump.
            test.shim_dump(&format!(
                "echo >> $HOME/dumps; test $(wc -l < $HOME/dumps) != 3 || {psql} -c \"{sql}\" || exit 9\nexec $real \"$@\""
            ));
            let run = test.pgseal("prove-backup").table("public.t");
            let ran = run.arg("--no-prelude").run().exits(status);
            let dumps = std::fs::read_to_string(test.path("home/dumps")).unwrap();
            ran.check(dumps.len() == 3, "three dumps");
        });
    }
}

/// A value of a composite type, or a row in a column, is text without names: its columns must stand
/// as they did.
#[test]
fn values_that_list_columns_by_place() {
    const CHILD: &str = "CREATE TABLE base (a int, b int); CREATE TABLE child (b int, a int); ALTER TABLE child INHERIT base;";
    let mut cases = Cases::new();
    for (sql, prepare, moved) in [
        (
            "CREATE TYPE shape AS (a int, b int); CREATE TABLE t (x shape); INSERT INTO t VALUES ('(1,2)')",
            "CREATE TYPE shape AS (b int, a int)",
            "public.shape",
        ),
        (
            r#"CREATE SCHEMA "Ö'"; CREATE TYPE "Ö'"."s\ h" AS ("ä" int, b int); CREATE DOMAIN d AS "Ö'"."s\ h";
               CREATE TYPE o AS (x int, d d[]); CREATE TYPE r AS RANGE (SUBTYPE = o); CREATE TABLE t (x r[])"#,
            r#"CREATE SCHEMA "Ö'"; CREATE TYPE "Ö'"."s\ h" AS (b int, "ä" int)"#,
            r#""Ö'"."s\ h""#,
        ),
        (
            "CREATE TYPE shape AS (a int, b int, c int); ALTER TYPE shape DROP ATTRIBUTE a; CREATE TABLE t (x shape)",
            "CREATE TYPE shape AS (b int, c int)",
            "",
        ),
        (
            "CREATE TABLE t (x child, y child[]); INSERT INTO t VALUES ('(1,2)')",
            CHILD,
            "public.child",
        ),
    ] {
        for options in [&[][..], &["--encoding=LATIN1"]] {
            cases.check((sql, options), || {
                let test = Test::new();
                let of_a_table = prepare == CHILD;
                test.sql(&format!("{}{sql}", if of_a_table { CHILD } else { "" }));
                let mut tables = vec!["public.t"];
                tables.extend(of_a_table.then_some("public.base"));
                let backup = test.backup(&tables).args(options.iter().copied());
                let sealed = test.sealed(&backup.run().exits(0));
                let proof = prove(&test, &sealed.path)
                    .run()
                    .exits(i32::from(of_a_table));
                if of_a_table {
                    proof.prints(&[
                        "PROVE_RESTORE: FAIL",
                        "values of public.child would be read in another order",
                    ]);
                }
                let target = Target::new();
                if !of_a_table {
                    target.sql(prepare);
                }
                let before = target.objects();
                let ran = restore(&test, &sealed.path, &target).run();
                if moved.is_empty() {
                    ran.exits(0);
                } else {
                    ran.fails(
                        1,
                        &[
                            &format!("values of {moved} would be"),
                            "nothing was changed",
                        ],
                    );
                    assert_eq!(target.objects(), before);
                }
            });
        }
    }
}
