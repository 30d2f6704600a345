//! What `diff` prints.

use super::{FILTERS, compare_filtered, whole};
use crate::support::Test;
use crate::undo::counts::settled;
use crate::undo::{backup, diff};

const MADE: &str = "CREATE TABLE orders (id int PRIMARY KEY, status text, note text, at timestamptz);
    INSERT INTO orders SELECT g, 'new', 'n' || g, '2020-01-01 00:00+00' FROM generate_series(1, 2000) g;
    CREATE TABLE order_line (order_id int, line int, what text, PRIMARY KEY (order_id, line));
    INSERT INTO order_line SELECT g, n, 'a' FROM generate_series(1, 100) g, generate_series(1, 2) n;
    CREATE TABLE log (said text); INSERT INTO log VALUES ('a'), ('b');
    CREATE TABLE same (id int PRIMARY KEY); INSERT INTO same VALUES (1), (2);
    CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1)";

const WRITTEN: &str = "UPDATE orders SET status = 'paid', at = at + '1 h' WHERE id BETWEEN 1000 AND 1010;
    UPDATE orders SET status = NULL WHERE id = 7; DELETE FROM orders WHERE id IN (1, 2, 3);
    INSERT INTO orders VALUES (3000, E'it''s\\n \\x1b[31m', '', now());
    DELETE FROM order_line WHERE order_id < 6; UPDATE order_line SET what = repeat('long ', 30) WHERE order_id = 9;
    UPDATE log SET said = 'c' WHERE said = 'b'; DROP TABLE gone; ALTER TABLE orders ADD \"New one\" int";

const TABLES: &[&str] = &[
    "public.orders",
    "public.order_line",
    "public.log",
    "public.same",
    "public.gone",
];

#[test]
fn snapshot_diff() {
    let test = Test::of(MADE);
    settled(&test);
    backup(&test, TABLES);
    let mut filters = FILTERS.to_vec();
    filters.push((r#""open_transactions": \d+"#, r#""open_transactions": [N]"#));
    let compare = |name: &str, args: &[&str]| {
        let ran = diff(&test).args(args.iter().copied()).run();
        compare_filtered(name, &whole(&ran), &filters);
    };
    compare("diff-same", &[]);
    test.sql(WRITTEN);
    compare("diff", &[]);
    compare("diff-values", &["--values", "--rows=2"]);
    compare("diff-json", &["--json", "--values", "--rows=1"]);
    compare("diff-csv", &["--format=csv", "--rows=2"]);
    compare(
        "diff-csv-values",
        &[
            "--format=csv",
            "--rows=1",
            "--values",
            "--table=public.orders",
        ],
    );
    compare("diff-sql", &["--format=sql", "--rows=2"]);
    compare("diff-counts", &["--counts"]);
    compare(
        "diff-counts-json",
        &["--counts", "--json", "--table=public.log"],
    );
}
