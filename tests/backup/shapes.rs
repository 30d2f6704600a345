//! Tables that are more than one relation.

use crate::support::{Test, each};

const PARTITIONED: &str = "
CREATE SCHEMA far; CREATE SCHEMA \"Farther\";
CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE far.p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY LIST (b);
CREATE TABLE \"Farther\".\"P 2\" PARTITION OF p2 FOR VALUES IN (1);
CREATE TABLE p2_rest PARTITION OF p2 DEFAULT;
INSERT INTO p SELECT n % 20, n % 3 FROM generate_series(1, 100) n;
";

#[test]
fn a_partitioned_table_is_all_of_its_leaves() {
    let test = Test::of(PARTITIONED);
    let sealed = test.sealed(&test.backup(&["public.p"]).run());
    test.rows_are_counted(&sealed.manifest);
    let tables = sealed.manifest["tables"].as_array().unwrap();
    assert!(tables.iter().all(|table| table["target"] == "public.p"));
    let rows: u64 = tables
        .iter()
        .map(|table| table["rows"].as_u64().unwrap())
        .sum();
    assert_eq!(rows, 100);
    let mut names: Vec<String> = sealed
        .rows()
        .iter()
        .map(|row| row.split('=').next().unwrap().into())
        .collect();
    assert_eq!(names[0], "public.p");
    names.sort();
    assert_eq!(
        names,
        [
            "Farther.P 2",
            "far.p1",
            "public.p",
            "public.p2",
            "public.p2_rest"
        ]
    );
    let argv = sealed.manifest["tools"]["pg_dump"]["argv"].to_string();
    assert_eq!(argv.matches("--table=").count(), 5);
}

#[test]
fn inheritance_children_are_included() {
    let test = Test::of(
        "CREATE TABLE base (a int); CREATE TABLE child (b int) INHERITS (base);
         CREATE TABLE grandchild () INHERITS (child); CREATE TABLE other (c int);
         CREATE TABLE two () INHERITS (base, other);
         INSERT INTO base VALUES (1); INSERT INTO child VALUES (2, 2), (3, 3); INSERT INTO grandchild VALUES (4, 4);",
    );
    let sealed = test.sealed(&test.backup(&["public.base"]).run());
    assert_eq!(
        sealed.rows(),
        [
            "public.base=1",
            "public.child=2",
            "public.grandchild=1",
            "public.two=0"
        ]
    );
}

#[test]
fn a_leaf_and_its_parent_are_a_duplicate() {
    let test = Test::of(PARTITIONED);
    each([["public.p", "far.p1"], ["far.p1", "public.p"]], |tables| {
        test.backup(&tables).run().fails(
            3,
            &[
                "far.p1",
                "is named twice",
                "hint: ",
                "all of its partitions",
            ],
        );
    });
    test.store_is_empty();
}

#[test]
fn a_leaf_alone() {
    let test = Test::of(PARTITIONED);
    let sealed = test.sealed(&test.backup(&["far.p1"]).run());
    assert_eq!(sealed.rows(), ["far.p1=50"]);
}

#[test]
fn a_leaf_that_pg_dump_cannot_read() {
    let test = Test::of(
        "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER away FOREIGN DATA WRAPPER nowhere;
         CREATE TABLE p (a int) PARTITION BY LIST (a);
         CREATE FOREIGN TABLE elsewhere PARTITION OF p FOR VALUES IN (1) SERVER away;",
    );
    let said = [
        "`public.elsewhere`, a part of `public.p`,",
        "is a foreign table",
    ];
    test.backup(&["public.p"]).run().fails(3, &said);
    test.store_is_empty();
}

/// What changed while the dump ran is not in it: there is no backup.
#[test]
fn a_partition_that_comes_or_goes_meanwhile() {
    each(
        [
            (
                "CREATE TABLE late PARTITION OF p FOR VALUES FROM (90) TO (91)",
                "`public.late`",
            ),
            ("ALTER TABLE p DETACH PARTITION far.p1", "`far.p1`"),
            (
                "CREATE TABLE swap (LIKE p); DROP TABLE far.p1; ALTER TABLE swap RENAME TO p1; ALTER TABLE p1 SET SCHEMA far; ALTER TABLE p ATTACH PARTITION far.p1 FOR VALUES FROM (0) TO (10)",
                "`far.p1`",
            ),
        ],
        |(sql, name)| {
            let test = Test::of(PARTITIONED);
            let psql = crate::support::bin().join("psql");
            test.shim_dump(&format!(
                "$real \"$@\" || exit; PGOPTIONS= {} -Xq -v ON_ERROR_STOP=1 -c '{sql}' >&2",
                psql.display()
            ));
            test.backup(&["public.p"])
                .run()
                .fails(4, &[name, "while the dump ran", "nothing was written to"]);
            test.store_is_empty();
        },
    );
}
