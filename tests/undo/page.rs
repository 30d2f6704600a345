//! docs/undo.md and README's first screen, as they are printed: from a bad write to all as it was.

use super::counts::settled;
use crate::restore::forge::{content, secret};
use crate::support::{Page, Test};

const SHOP: &str = include_str!("../../fixtures/shop/schema.sql");
const MIGRATION: &str = include_str!("../../fixtures/shop/migration.sql");

/// Other tests have transactions open, which a shop's own server would not have.
const SETTLED: &str = "DO $$ BEGIN LOOP
    EXIT WHEN pg_snapshot_xmin(pg_current_snapshot())::text::bigint > (SELECT max(xmin::text::bigint) FROM customers);
    PERFORM pg_sleep(0.1);
END LOOP; END $$;";

/// Every line stands in the output, in this order; `…` is any number of others.
fn holds(out: &str, lines: &str) -> bool {
    let mut printed = out.lines();
    lines
        .lines()
        .all(|line| line == "…" || printed.any(|printed| printed == line))
}

fn told(page: &str, commands: usize) {
    let test = Test::of(SHOP);
    settled(&test);
    test.write("migration.sql", &format!("{MIGRATION}{SETTLED}"));
    let before = content(&test.db);
    let shown = Page::open(page).of("console");
    assert_eq!(shown.len(), commands);
    for block in shown {
        let (command, lines) = block.split_once('\n').unwrap();
        let command = command.strip_prefix("$ ").unwrap();
        let ran = test.typed(&format!("{command} 2>&1 || test $? = 1"));
        let ran = ran.env("GNUPGHOME", secret()).run().exits(0);
        ran.check(holds(&ran.stdout, lines), lines);
    }
    assert_eq!(content(&test.db), before);
}

#[test]
fn the_page_takes_a_bad_write_back() {
    told("docs/undo.md", 7);
}

#[test]
fn so_does_the_first_screen() {
    told("README.md", 3);
}
