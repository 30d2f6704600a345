//! A table that was dropped, back into the very database that was backed up.

use super::forge::{Prints, secret};
use crate::support::{Pgseal, Test, cluster};

const SQL: &str = "
CREATE SEQUENCE shared;
CREATE TABLE customer (id serial PRIMARY KEY, no bigint DEFAULT nextval('shared'), name text);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer int NOT NULL REFERENCES customer, no bigint DEFAULT nextval('shared'), note text DEFAULT 'x',
  CHECK (note <> ''));
CREATE INDEX orders_by_note ON orders (note);
CREATE TABLE \"Order line\" (orders bigint REFERENCES orders, at int, PRIMARY KEY (orders, at));
CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touched();
INSERT INTO customer (name) SELECT 'c' || n FROM generate_series(1, 5) n;
INSERT INTO orders (customer) SELECT 1 + n % 5 FROM generate_series(1, 40) n;
INSERT INTO \"Order line\" SELECT id, 1 FROM orders;
INSERT INTO part SELECT generate_series(0, 19);
COMMENT ON TABLE orders IS 'what is ordered'; COMMENT ON INDEX orders_by_note IS 'by note';
GRANT SELECT ON orders TO PUBLIC;
";
const TABLES: [&str; 4] = [
    "public.customer",
    "public.orders",
    "public.\"Order line\"",
    "public.part",
];

fn restore<'t>(test: &'t Test, run_id: &str, tables: &[&str]) -> Pgseal<'t> {
    let to = cluster().conninfo(&test.db, "postgres");
    test.pgseal("restore")
        .args([run_id, "--origin-unproved"])
        .arg(format!("--dbname={to}"))
        .args(tables.iter().map(|table| format!("--table={table}")))
        .unset("PGDATABASE")
        .env("GNUPGHOME", secret())
}

/// Structure and rows, as pg_dump tells them.
fn dumped(test: &Test) -> String {
    let mut dump = std::process::Command::new(crate::support::bin().join("pg_dump"));
    let to = cluster().conninfo(&test.db, "postgres");
    dump.args(["--inserts", "--dbname", &to]);
    let text = crate::support::tool(&mut dump, b"");
    let text = String::from_utf8(text).unwrap();
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("restrict "))
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn a_dropped_table_comes_back_alone() {
    let test = Test::of(SQL);
    test.sealed(&test.backup(&TABLES).arg("--run-id=r").run());
    let before = dumped(&test);
    let refused = restore(&test, "r", &[]).run();
    refused.fails(
        3,
        &["is the database that was backed up, and `public.customer` is there"],
    );

    test.sql("DROP TABLE \"Order line\"");
    let ran = restore(&test, "r", &[]).run();
    ran.fails(
        3,
        &[
            "(and 4 more)",
            "`pgseal undo`",
            "--table='public.\"Order line\"'",
        ],
    );
    let ran = restore(&test, "r", &["public.\"Order line\""]).run();
    ran.exits(0).prints(&[
        "RESTORE: PASS",
        "40 rows in 1 table",
        "left as they are: 5 other tables",
    ]);
    assert_eq!(dumped(&test), before);

    // Two, of which one refers to the other, with identity, trigger, index, comments and rights.
    test.sql("DROP TABLE \"Order line\", orders");
    let ran = restore(&test, "r", &["public.orders", "public.\"Order line\""]).run();
    ran.exits(0);
    assert_eq!(dumped(&test), before);
    assert_eq!(
        test.sql("INSERT INTO orders (customer) VALUES (1) RETURNING id"),
        "41"
    );
    test.sql("DELETE FROM orders WHERE id = 41");

    // What the others lost with it stays lost.
    test.sql("DROP TABLE customer CASCADE");
    let ran = restore(&test, "r", &["public.customer"]).run();
    ran.exits(0)
        .prints(&["a foreign key of theirs that was dropped is not brought back"]);
    assert_eq!(test.sql("SELECT count(*), min(name) FROM customer"), "5|c1");
    test.sql("ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customer");

    test.sql("DROP TABLE part");
    restore(&test, "r", &["public.part"]).run().exits(0);
    assert_eq!(test.sql("SELECT count(*) FROM part"), "20");
    test.sql("DROP TABLE part_2");
    let alone = restore(&test, "r", &["public.part_2"]).run();
    alone.fails(
        3,
        &["`public.part_2` came with `public.part`, and comes back with it alone"],
    );
}

#[test]
fn all_of_them_were_dropped() {
    let test = Test::of(SQL);
    test.sealed(&test.backup(&TABLES).arg("--run-id=r").run());
    let before = dumped(&test);
    test.sql("DROP TABLE \"Order line\", orders, customer, part");
    restore(&test, "r", &[]).run().exits(0);
    assert_eq!(dumped(&test), before);
    test.sql("DROP TABLE orders CASCADE");
    let wrong = restore(&test, "r", &["public.nope"]).run();
    wrong.fails(
        3,
        &["does not hold the table `public.nope`", "It holds public."],
    );
    let wrong = restore(&test, "r", &["public.orders", "public.customer"]).run();
    wrong.fails(3, &["`public.customer` is there", "--table=public.orders"]);
    assert_eq!(test.sql("SELECT to_regclass('orders') IS NULL"), "t");
}
