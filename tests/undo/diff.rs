//! `pgseal diff`, row by row.

use crate::restore::forge::secret;
use crate::support::{Ran, Test};
use serde_json::Value;

#[track_caller]
fn diff(test: &Test, args: &[&str]) -> Ran {
    test.pgseal("diff")
        .arg("run")
        .args(args.iter().copied())
        .env("GNUPGHOME", secret())
        .run()
}

#[test]
fn first() {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, t text, j json, n numeric);
         INSERT INTO a SELECT g, 'x' || g, '{}', 1.0 FROM generate_series(1, 100) g;
         CREATE TABLE nokey (t text); INSERT INTO nokey SELECT 'a' FROM generate_series(1, 3);
         CREATE TABLE p (k int, v text, PRIMARY KEY (k)) PARTITION BY RANGE (k);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE p2 (v text, k int NOT NULL); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
         INSERT INTO p SELECT g, 'v' FROM generate_series(0, 19) g;",
    );
    test.backup(&["public.a", "public.nokey", "public.p"])
        .arg("--run-id=run")
        .run()
        .exits(0);
    let ran = diff(&test, &["--json"]).exits(0);
    test.sql("UPDATE a SET n = 1.00 WHERE id = 3; DELETE FROM a WHERE id > 98; INSERT INTO a VALUES (1000, 'n', '[]', 2);
        DELETE FROM nokey WHERE ctid = '(0,1)'; INSERT INTO nokey VALUES (NULL), ('b'); DELETE FROM p WHERE k = 19; UPDATE p SET k = 19 WHERE k = 0;");
    let ran = diff(&test, &["--json", "--values"]).exits(1);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["rows"], 8);
}
