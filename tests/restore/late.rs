//! The late file: where there is one, and what is refused of it.

use super::forge::{Target, content, prove, restore, secret};
use crate::support::{Cases, Sealed, Test, names, sha256};
use serde_json::{Value, json};
use std::path::PathBuf;

const BETWEEN: &str = "CREATE TABLE kinds (k text); INSERT INTO kinds VALUES ('a');
    CREATE FUNCTION is_kind(t text) RETURNS boolean LANGUAGE sql STABLE
      BEGIN ATOMIC SELECT EXISTS (SELECT FROM kinds WHERE k = t); END;
    CREATE TABLE things (k text CHECK (is_kind(k))); INSERT INTO things VALUES ('a')";

fn sealed(test: &Test, tables: &[&str], run_id: &str) -> Sealed {
    let ran = test.backup(tables).arg(format!("--run-id={run_id}")).run();
    test.sealed(&ran)
}

fn between() -> (Test, Sealed) {
    let test = Test::of(BETWEEN);
    let sealed = sealed(&test, &["public.kinds", "public.things"], "a");
    (test, sealed)
}

#[test]
fn only_where_something_is_late() {
    let (test, with) = between();
    let said = &with.manifest["late"];
    assert_eq!(said["file"], "a.late.sql.gpg");
    let bytes = std::fs::read(test.store().join("a.late.sql.gpg")).unwrap();
    assert_eq!(said["sha256"], sha256(&bytes));
    assert_eq!(said["size_bytes"], bytes.len());
    let proved = prove(&test, "a").arg("--origin-unproved").run();
    assert!([0, 2].contains(&proved.code()), "{}", proved.whole());
    let target = Target::new();
    restore(&test, &with.path, &target).run().exits(0);
    assert_eq!(content(&test.db), content(&target.db));

    let without = sealed(&test, &["public.kinds"], "b");
    assert_eq!(without.manifest.get("late"), None);
    assert!(!names(&test.store()).contains(&"b.late.sql.gpg".into()));
}

#[test]
fn it_goes_with_its_run() {
    let (test, _) = between();
    sealed(&test, &["public.kinds", "public.things"], "b");
    let ran = test.backup(&["public.kinds"]).arg("--run-id=a").run();
    ran.check(ran.code() != 0, "the id is taken");
    let prune = test.pgseal("prune");
    prune.args(["--keep-last=1", "--apply"]).run().exits(0);
    let left: Vec<String> = names(&test.store())
        .into_iter()
        .filter(|name| name.starts_with("a."))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    std::fs::remove_file(test.store().join("b.late.sql.gpg")).unwrap();
    let listing = test.pgseal("list").arg("--json").run().json();
    assert_eq!(listing["runs"][0]["state"], "broken", "{listing:#}");
}

#[test]
fn without_the_prelude_it_is_left_out_too() {
    let (test, sealed) = between();
    let target = Target::new();
    let ran = restore(&test, &sealed.path, &target)
        .arg("--no-prelude")
        .run();
    ran.fails(4, &["nothing was changed"]);
    target.is_empty();
}

/// Every byte of it, and whose it is.
#[test]
fn what_is_refused() {
    let (test, honest) = between();
    test.sql("COMMENT ON FUNCTION is_kind IS 'so that another run has another'");
    sealed(&test, &["public.kinds", "public.things"], "b");
    sealed(&test, &["public.kinds"], "c");
    let path = |name: &str| test.store().join(name);
    let read = |name: &str| std::fs::read(path(name)).unwrap();
    let (own, others) = (read("a.late.sql.gpg"), read("b.late.sql.gpg"));
    let mut flipped = own.clone();
    let at = flipped.len() - 100;
    flipped[at] ^= 1;
    let cut = own[..own.len() - 1].to_vec();
    let mut cases = Cases::new();
    for (what, run, file, named, words) in [
        ("cut off", "a", Some(cut), Named::AsItWas, "late size"),
        ("missing", "a", None, Named::AsItWas, "it is missing"),
        (
            "not named",
            "a",
            Some(own.clone()),
            Named::Not,
            "the manifest names none",
        ),
        (
            "flipped",
            "a",
            Some(flipped),
            Named::AsItIs,
            "late decryption",
        ),
        (
            "another run's",
            "a",
            Some(others),
            Named::AsItIs,
            "is not the one that was made with the prelude",
        ),
        (
            "the prelude",
            "a",
            Some(read("a.prelude.sql.gpg")),
            Named::AsItIs,
            "is not the one",
        ),
        (
            "taken away",
            "a",
            None,
            Named::Not,
            "the prelude was made with one",
        ),
        (
            "added",
            "c",
            Some(own.clone()),
            Named::AsItIs,
            "the prelude was made without one",
        ),
    ] {
        let (late, note) = (
            path(&format!("{run}.late.sql.gpg")),
            path(&format!("{run}.manifest.json")),
        );
        let before = std::fs::read(&note).unwrap();
        cases.check(what, || {
            put(&test, &late, file.as_deref());
            let mut manifest: Value = serde_json::from_slice(&before).unwrap();
            match (named, &file) {
                (Named::AsItWas, _) => {}
                (Named::AsItIs, Some(bytes)) => {
                    manifest["late"] = json!({
                        "file": format!("{run}.late.sql.gpg"),
                        "sha256": sha256(bytes), "size_bytes": bytes.len(),
                    });
                }
                _ => manifest["late"] = Value::Null,
            }
            std::fs::write(&note, manifest.to_string()).unwrap();
            let verify = test.pgseal("verify").args(["--decrypt", run]);
            let ran = verify.env("GNUPGHOME", secret()).run();
            ran.check(ran.code() == 1 && ran.whole().contains(words), words);
            let target = Target::new();
            let artifact = honest.path.with_file_name(format!("{run}.sql.gpg"));
            let ran = restore(&test, &artifact, &target).run();
            ran.fails(1, &[words]);
            target.is_empty();
        });
        std::fs::write(&note, before).unwrap();
    }
    put(&test, &path("a.late.sql.gpg"), Some(&own));
    let target = Target::new();
    restore(&test, &honest.path, &target).run().exits(0);
}

/// What the manifest says of the file.
#[derive(Clone, Copy)]
enum Named {
    AsItWas,
    AsItIs,
    Not,
}

fn put(test: &Test, path: &PathBuf, bytes: Option<&[u8]>) {
    let _ = std::fs::remove_file(path);
    if let Some(bytes) = bytes {
        std::fs::write(path, bytes).unwrap();
        test.mode(path, 0o600);
    }
}
