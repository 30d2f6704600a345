//! docs/undo-by-hand.md, every step of it.

use super::forge::{content, secret};
use crate::support::{Page, Test, cluster};

#[test]
fn the_page_undoes_a_bad_write() {
    let blocks = Page::open("docs/undo-by-hand.md").blocks();
    let languages: Vec<&str> = blocks.iter().map(|block| block.language.as_str()).collect();
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

    let mut compared = Vec::new();
    for block in &blocks {
        let text = &block.text;
        if block.language == "sql" {
            test.write("undo.sql", text);
            continue;
        }
        let run = test.typed(text).env("RUN_ID", "before-the-write");
        let out = run.env("GNUPGHOME", secret()).run().exits(0).stdout;
        if text.contains("pgseal restore") {
            assert!(out.contains("RESTORE: PASS"), "{out}");
            assert!(
                out.lines()
                    .any(|line| line.contains("origin:") && line.contains(" proved:")),
                "{out}"
            );
        }
        if text.contains("diff ") {
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
