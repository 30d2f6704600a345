//! docs/undo.md and README's first screen, as they are printed: from a bad write to all as it was.

use super::counts::settled;
use crate::restore::forge::{content, secret};
use crate::support::{Test, bin, cluster, tool};
use std::process::Command;

const SHOP: &str = include_str!("../../fixtures/shop/schema.sql");
const MIGRATION: &str = include_str!("../../fixtures/shop/migration.sql");

/// Other tests have transactions open, which a shop's own server would not have.
const SETTLED: &str = "DO $$ BEGIN LOOP
    EXIT WHEN pg_snapshot_xmin(pg_current_snapshot())::text::bigint > (SELECT max(xmin::text::bigint) FROM customers);
    PERFORM pg_sleep(0.1);
END LOOP; END $$;";

/// The blocks of a page that show a command and what it prints.
fn shown(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("\n```console\n$ ").skip(1);
    let blocks = blocks.map(|block| {
        let (block, _) = block.split_once("\n```").unwrap();
        let (command, lines) = block.split_once('\n').unwrap();
        (command.to_string(), lines.to_string())
    });
    blocks.collect()
}

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
    let pgseal = std::path::Path::new(env!("CARGO_BIN_EXE_pgseal"))
        .parent()
        .unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", pgseal.display(), bin().display());
    let shown = shown(page);
    assert_eq!(shown.len(), commands);
    for (command, lines) in shown {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{command} 2>&1 || test $? = 1")]);
        shell
            .env_clear()
            .env("PATH", &path)
            .env("HOME", test.dir.join("home"));
        shell
            .env("PGHOST", &cluster().dir)
            .env("PGUSER", "postgres")
            .env("PGDATABASE", &test.db);
        shell
            .env("GNUPGHOME", secret())
            .env("PGSEAL_STORE", test.store());
        shell.env("BACKUP_GPG_FPR", &test.env["BACKUP_GPG_FPR"]);
        shell.env("PGSEAL_CONFIG", &test.env["PGSEAL_CONFIG"]);
        let out = String::from_utf8(tool(shell.current_dir(&test.dir), b"")).unwrap();
        assert!(
            holds(&out, &lines),
            "{command}\n{lines}\n--- printed\n{out}"
        );
    }
    assert_eq!(content(&test.db), before);
}

#[test]
fn the_page_takes_a_bad_write_back() {
    told(include_str!("../../docs/undo.md"), 7);
}

#[test]
fn so_does_the_first_screen() {
    told(include_str!("../../README.md"), 3);
}
