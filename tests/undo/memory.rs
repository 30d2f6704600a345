//! Memory does not grow with the data.

use super::{backup, diff};
use crate::support::{Test, each};

#[test]
fn a_large_table_of_which_every_row_differs() {
    let test = Test::of(
        "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 60) AS a FROM generate_series(1, 30000) n;
         CREATE TABLE u AS SELECT * FROM t; ALTER TABLE t ADD PRIMARY KEY (n)",
    );
    backup(&test, &["public.t", "public.u"]);
    test.sql("UPDATE t SET a = a || '.'; UPDATE u SET a = a || '.'");
    each(["public.t", "public.u"], |table| {
        let mut run = diff(&test)
            .args(["--rows=20", "--values"])
            .table(table)
            .start();
        let peak = run.peak();
        let ran = run.wait().exits(1);
        ran.check(ran.stdout.contains("30,000"), "all rows differ");
        assert!(peak > 0 && peak < 32 * 1024, "peak {peak} kB");
    });
}

/// One row of 40 MB passes as it comes.
#[test]
fn a_large_row() {
    let test = Test::of(
        "CREATE TABLE t AS SELECT 1 AS id, repeat(md5('x'), 1300000) AS a; ALTER TABLE t ADD PRIMARY KEY (id)",
    );
    backup(&test, &["public.t"]);
    diff(&test).run().exits(0);
    test.sql("UPDATE t SET a = a || 'x'");
    let mut run = diff(&test).arg("--values").start();
    let peak = run.peak();
    run.wait().exits(1);
    assert!(peak > 0 && peak < 32 * 1024, "peak {peak} kB");
}
