//! Artifacts that are damaged or contradict their manifest: refused, with nothing done.

use super::forge::{Target, forge, forge_prelude, restore};
use crate::support::{Cases, Sealed, Test, cluster, end_agent, sha256};
use serde_json::{Value, json};

const TABLE: &str = "CREATE TABLE a (id serial PRIMARY KEY, x text);
                     INSERT INTO a (x) SELECT 'row ' || n FROM generate_series(1, 50) n";

fn sealed(test: &Test) -> Sealed {
    test.sealed(&test.backup(&["public.a"]).run())
}

#[test]
fn a_damaged_artifact_leaves_nothing() {
    let test = Test::of(TABLE);
    let Sealed {
        manifest,
        sql,
        path,
        ..
    } = sealed(&test);
    let whole = std::fs::read(&path).unwrap();
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut cases = Cases::new();
    for (what, bytes) in [
        ("cut by one byte", whole[..whole.len() - 1].to_vec()),
        ("half", whole[..whole.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("appended", [whole.clone(), b"x".to_vec()].concat()),
        ("flipped in the body", flip(whole.len() - 100)),
        ("flipped at the end", flip(whole.len() - 1)),
    ] {
        cases.check(what, || {
            let target = Target::new();
            std::fs::write(&path, bytes).unwrap();
            let ran = restore(&test, &path, &target).run();
            ran.check(ran.code() == 1, what);
            target.is_empty();
        });
    }
    // With a manifest that vouches for the damage: gpg finds it.
    std::fs::write(&path, flip(whole.len() - 100)).unwrap();
    let note = test.store().join(format!(
        "{}.manifest.json",
        manifest["run_id"].as_str().unwrap()
    ));
    let mut lying = manifest.clone();
    let sha = sha256(&std::fs::read(&path).unwrap());
    lying["envelope"]["sha256"] = json!(sha);
    std::fs::write(&note, lying.to_string()).unwrap();
    let target = Target::new();
    let ran = restore(&test, &path, &target).run();
    ran.check(ran.code() == 1, "refused by gpg");
    target.is_empty();

    type Lie = fn(&mut Value);
    let lies: [(&str, Lie); 5] = [
        ("plaintext hash", |m| {
            m["plaintext"]["sha256"] = json!("0".repeat(64))
        }),
        ("plaintext size", |m| {
            m["plaintext"]["size_bytes"] = json!(1_000_000)
        }),
        ("a smaller size", |m| {
            m["plaintext"]["size_bytes"] = json!(10)
        }),
        ("rows", |m| m["tables"][0]["rows"] = json!(49)),
        ("a table more", |m| {
            let mut more = m["tables"][0].clone();
            more["name"] = json!("b");
            m["tables"].as_array_mut().unwrap().push(more);
        }),
    ];
    let mut cases = Cases::new();
    for (n, (what, lie)) in lies.into_iter().enumerate() {
        cases.check(what, || {
            let target = Target::new();
            let path = forge(&test, &manifest, sql.as_bytes(), &format!("lie{n}"), lie);
            let ran = restore(&test, &path, &target).run();
            ran.check(ran.code() == 1, what);
            target.is_empty();
        });
    }
}

/// What psql would run, lose or take for the end of the rows, however it got into a dump.
#[test]
fn what_no_dump_holds() {
    let test = Test::of(TABLE);
    let Sealed { manifest, sql, .. } = sealed(&test);
    let copy = "COPY public.a (id, x) FROM stdin;\n";
    let before = |text: &str| sql.replacen(copy, &format!("{text}\n{copy}"), 1);
    let in_rows = |text: &str| sql.replacen("1\trow 1\n", &format!("1\trow 1\n{text}"), 1);
    let marker = test.dir.join("tmp/marker");
    let touch = format!("touch {}", marker.display());
    let mut cases = Cases::new();
    for (n, (what, text)) in [
        ("a shell command", before(&format!("\\! {touch}"))),
        (
            "a shell command in a line",
            before(&format!("SELECT 1 \\! {touch}")),
        ),
        ("a pipe", before(&format!("SELECT 1 \\g |{touch}"))),
        ("a second \\restrict", before("\\restrict x")),
        ("an early \\unrestrict", before("\\unrestrict x")),
        (
            "rows of another table",
            before("COPY public.b (id) FROM stdin;\n5\n\\.\n"),
        ),
        (
            "rows that end for psql alone",
            in_rows(&format!("\\.\r\n\\! {touch}\n")),
        ),
        ("a NUL in the rows", in_rows("x\0y\n")),
        (
            "a NUL in a statement",
            before("COMMENT ON TABLE public.a IS 'a\0b';"),
        ),
        ("text behind the end", sql.clone() + "SELECT 1;\n"),
        // The guard keeps it from ending the transaction.
        ("a COMMIT", before("COMMIT;")),
    ]
    .into_iter()
    .enumerate()
    {
        cases.check(what, || {
            let target = Target::new();
            let run_id = format!("odd{n}");
            let path = forge(&test, &manifest, text.as_bytes(), &run_id, |manifest| {
                manifest["tables"][0]["rows"] = json!(text.matches('\t').count().max(50));
            });
            let ran = restore(&test, &path, &target).run();
            let code = if what == "a COMMIT" { 4 } else { 1 };
            ran.check(ran.code() == code, &format!("{what} is refused"));
            ran.check(!marker.exists(), &format!("{what} runs nothing"));
            ran.check(ran.stderr.contains("nothing was changed"), what);
            target.is_empty();
        });
    }
}

#[test]
fn a_prelude_that_is_cut_off() {
    let test = Test::of(TABLE);
    let Sealed { manifest, sql, .. } = sealed(&test);
    let mut cases = Cases::new();
    for (n, text) in [
        "",
        "DO $$ BEGIN NULL; END $$;\n",
        "-- pgseal prelude complete\nSELECT 1;\n",
    ]
    .into_iter()
    .enumerate()
    {
        cases.check(text, || {
            let run_id = format!("cut{n}");
            let path = forge(&test, &manifest, sql.as_bytes(), &run_id, |_| {});
            forge_prelude(&test, text.as_bytes(), &run_id);
            let target = Target::new();
            let ran = restore(&test, &path, &target).run();
            ran.fails(
                1,
                &[
                    "the last line of the prelude is missing",
                    "nothing was changed",
                ],
            );
            target.is_empty();
        });
    }
}

#[test]
fn without_a_manifest() {
    let test = Test::of(TABLE);
    let Sealed { manifest, path, .. } = sealed(&test);
    let note = format!("{}.manifest.json", manifest["run_id"].as_str().unwrap());
    std::fs::remove_file(test.store().join(note)).unwrap();
    let target = Target::new();
    restore(&test, &path, &target).run().fails(
        1,
        &[
            "does not verify",
            "manifest",
            "neither gpg nor psql was started",
        ],
    );
    target.is_empty();
}

#[test]
fn without_the_secret_key() {
    let test = Test::of(TABLE);
    let Sealed { path, .. } = sealed(&test);
    let target = Target::new();
    let ran = test
        .pgseal("restore")
        .arg("--origin-unproved")
        .arg(&path)
        .arg(format!(
            "--dbname={}",
            cluster().conninfo(&target.db, "postgres")
        ))
        .run();
    ran.fails(
        3,
        &[
            "the keyring has no secret key",
            "No secret key",
            "nothing was changed",
        ],
    );
    target.is_empty();
    // The agent of this keyring is the user's, and stays.
    end_agent(&test.path("gnupg"));
}
