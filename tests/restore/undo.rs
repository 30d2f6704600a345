//! docs/undo-by-hand.md, every step of it.

use super::forge::{content, secret};
use crate::support::{Test, bin, cluster};
use std::process::Command;

/// The fenced blocks of a page, with their languages.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (language, after) = after.split_once('\n').unwrap();
        let (block, after) = after.split_once("\n```").unwrap();
        found.push((language.to_string(), block.to_string() + "\n"));
        rest = after;
    }
    found
}

/// The environment that the page speaks of.
fn shell(test: &Test, path: &str, script: &str) -> Command {
    let mut shell = Command::new("bash");
    shell
        .env_clear()
        .env("PATH", path)
        .env("HOME", test.dir.join("home"))
        .env("PGHOST", &cluster().dir)
        .env("PGUSER", "postgres")
        .env("PGDATABASE", &test.db)
        .env("GNUPGHOME", secret())
        .env("PGSEAL_STORE", test.store())
        .env("RUN_ID", "before-the-write")
        .current_dir(&test.dir)
        .args(["-euo", "pipefail", "-c", script]);
    shell
}

#[test]
fn the_page_undoes_a_bad_write() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/undo-by-hand.md");
    let blocks = blocks(&std::fs::read_to_string(page).unwrap());
    let languages: Vec<&str> = blocks
        .iter()
        .map(|(language, _)| language.as_str())
        .collect();
    assert_eq!(languages, ["sh", "sh", "sql", "sh", "sh"]);

    let test = Test::cutter();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cutter/pgseal.toml");
    let config = std::fs::read_to_string(config).unwrap();
    let tables = config
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"'));
    let tables: Vec<&str> = tables.map(|line| line.trim_end_matches("\",")).collect();
    let ran = test
        .backup(&tables)
        .arg("--run-id=before-the-write")
        .run()
        .exits(0);
    test.write("envelope.json", &ran.stdout);
    let before = content(&test.db);

    test.sql(
        "UPDATE information_unit SET title = 'oops', state = 'retired' WHERE unit_id % 3 = 0;
         UPDATE unit_version SET body = '' WHERE version_id % 5 = 0;
         INSERT INTO information_unit (unit_key, title) VALUES (gen_random_uuid(), 'added');
         INSERT INTO unit_version (unit_id, version_no, body, document, digest)
           SELECT max(unit_id), 1, 'added', '{}', sha256('') FROM information_unit;
         INSERT INTO unit_version (unit_id, version_no, body, document, digest)
           SELECT min(unit_id), 99, 'added', '{}', sha256('') FROM information_unit;
         DELETE FROM unit_version v WHERE version_no < 90
           AND NOT EXISTS (SELECT FROM cutter_governance.cut_change_set_affected_row r WHERE r.version_id = v.version_id)
           AND NOT EXISTS (SELECT FROM unit_version w WHERE w.supersedes = v.version_id);",
    );
    assert_ne!(content(&test.db), before);

    let pgseal = std::path::Path::new(env!("CARGO_BIN_EXE_pgseal"))
        .parent()
        .unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", pgseal.display(), bin().display());
    let mut compared = Vec::new();
    for (language, block) in &blocks {
        if language == "sql" {
            test.write("undo.sql", block);
            continue;
        }
        let mut shell = shell(&test, &path, block);
        let out = String::from_utf8(crate::support::tool(&mut shell, b"")).unwrap();
        if block.contains("pgseal restore") {
            assert!(out.contains("RESTORE: PASS"), "{out}");
            assert!(
                out.lines()
                    .any(|line| line.contains("origin:") && line.contains(" proved:")),
                "{out}"
            );
        }
        if block.contains("diff ") {
            compared.push(out);
        }
    }
    assert!(
        compared[0].contains("\n< ") && compared[0].contains("\n> "),
        "{compared:?}"
    );
    assert_eq!(content(&test.db), before);
    assert_eq!(
        cluster().sql(
            "postgres",
            "SELECT count(*) FROM pg_database WHERE datname = 'undo_side'"
        ),
        "0"
    );
}
