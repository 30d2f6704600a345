//! Memory does not grow with the data.

use crate::support::Test;

#[test]
fn a_large_table() {
    let test = Test::of(
        "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 60) AS a FROM generate_series(1, 30000) n",
    );
    let mut run = test.backup(&["public.t"]).arg("--compress=gpg:1").start();
    let peak = run.peak();
    let sealed = test.sealed(&run.wait());
    assert_eq!(sealed.rows(), ["public.t=30000"]);
    assert!(sealed.sql.len() > 55_000_000);
    assert!(peak > 0 && peak < 32 * 1024, "peak {peak} kB");
}

/// One row of 40 MB passes as it comes.
#[test]
fn a_large_row() {
    let test = Test::of("CREATE TABLE t AS SELECT repeat(md5('x'), 300000) AS a");
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    assert_eq!(sealed.rows(), ["public.t=1"]);
}
