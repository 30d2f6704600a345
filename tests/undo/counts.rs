//! `pgseal diff --counts`: by the mark, without the secret key and without the artifact.

use super::{backup, diff, table};
use crate::support::{Cases, Ran, Session, Test, cluster, eventually};
use serde_json::{Value, json};

const MADE: &str = "CREATE TABLE a (id int PRIMARY KEY, t text);
    INSERT INTO a SELECT g, 'x' FROM generate_series(1, 200) g;
    CREATE TABLE p (id int) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
    CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (1000);
    INSERT INTO p SELECT g FROM generate_series(1, 150) g;
    CREATE TABLE same (id int); INSERT INTO same VALUES (1), (2)";

/// Waits until no transaction of other tests is older than what this one has written.
pub fn settled(test: &Test) {
    let written = test.sql("SELECT pg_current_xact_id()");
    let all = format!("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > {written}");
    eventually("older transactions have ended", || test.sql(&all) == "t");
}

fn counts(test: &Test) -> Ran {
    // Neither the secret key nor the artifact is there.
    let away = test.path("away");
    let artifact = test.store().join("run.sql.gpg");
    std::fs::rename(&artifact, &away).unwrap();
    let ran = test
        .pgseal("diff")
        .args(["run", "--counts", "--json"])
        .run();
    std::fs::rename(&away, &artifact).unwrap();
    ran
}

#[test]
fn written_and_changed_or_gone_are_counted() {
    let test = Test::of(MADE);
    settled(&test);
    backup(&test, &["public.a", "public.p", "public.same"]);
    let told = counts(&test).exits(0).json();
    assert_eq!(told["schema"], "pgseal/diff-counts/1");
    assert_eq!(told["result"], "SAME");
    test.sql(
        "BEGIN; SAVEPOINT s; UPDATE a SET t = 'y' WHERE id <= 5; RELEASE s; SAVEPOINT s;
         INSERT INTO a SELECT g, 'n' FROM generate_series(301, 304) g; ROLLBACK TO s;
         DELETE FROM a WHERE id BETWEEN 11 AND 13; INSERT INTO a VALUES (500, 'n'), (501, 'n'); COMMIT;
         UPDATE p SET id = 200 WHERE id = 1; DELETE FROM p WHERE id = 2;",
    );
    let whole = diff(&test).arg("--json").run().exits(1).json();
    let mut cases = Cases::new();
    for upkeep in [
        "SELECT 1",
        "VACUUM FREEZE",
        "VACUUM FULL",
        "CLUSTER a USING a_pkey",
    ] {
        test.sql(upkeep);
        cases.check(upkeep, || {
            let told = counts(&test).exits(1).json();
            let mut want = vec![
                json!(["public.a", 200, 199, 7, 0, 8]),
                json!(["public.p", 150, 149, 1, 0, 2]),
                json!(["public.same", 2, 2, 0, 0, 0]),
            ];
            for wanted in &mut want {
                let whole = table(&whole, wanted[0].as_str().unwrap());
                let sum = whole["changed"].as_u64().unwrap() + whole["gone"].as_u64().unwrap();
                assert_eq!(wanted[5], sum);
            }
            let keys = [
                "table",
                "then",
                "now",
                "written",
                "unsure",
                "changed_or_gone",
            ];
            let got = told["tables"].as_array().unwrap().iter();
            let got: Vec<Value> = got
                .map(|table| keys.iter().map(|key| table[*key].clone()).collect())
                .collect();
            assert_eq!(got, want);
        });
    }
    test.sql("TRUNCATE a; DROP TABLE same");
    let told = counts(&test).exits(1).json();
    assert_eq!(table(&told, "public.a")["changed_or_gone"], 200);
    assert_eq!(table(&told, "public.same")["changed_or_gone"], 2);
    assert_eq!(told["structure"][0]["object"], "public.same");
}

/// Subtransactions of an open transaction are not in a snapshot: what is in doubt counts as written.
#[test]
fn rows_of_transactions_that_were_open_are_in_doubt() {
    let test = Test::of(MADE);
    settled(&test);
    let mut elsewhere = Session::open("postgres");
    elsewhere.sql("BEGIN; SELECT pg_current_xact_id()");
    test.sql("INSERT INTO a VALUES (201, 'before')");
    let mut writer = Session::open(&test.db);
    writer.sql("BEGIN; INSERT INTO a VALUES (202, 'open'); SAVEPOINT s; INSERT INTO a VALUES (203, 'open')");
    // A snapshot ends behind the last transaction that has ended.
    test.sql("INSERT INTO a VALUES (204, 'before')");
    backup(&test, &["public.a"]);
    drop(elsewhere);
    writer.sql("COMMIT");
    drop(writer);
    let ran = counts(&test).exits(1);
    let told = ran.json();
    let a = table(&told, "public.a");
    // 202 was listed as open; 201, 203 and 204 may have been there before, and two were.
    assert_eq!(
        (&a["written"], &a["unsure"]),
        (&json!(4), &json!(3)),
        "{}",
        ran.whole()
    );
    assert_eq!(
        (&a["then"], &a["now"], &a["changed_or_gone"]),
        (&json!(202), &json!(204), &json!(2))
    );
    let open = told["open_transactions"].as_u64().unwrap();
    assert!(open >= 2);
    let note = told["notes"][0].as_str().unwrap();
    assert!(
        note.contains("open when the backup began: 3 rows"),
        "{note}"
    );
    let table = test.pgseal("diff").args(["run", "--counts"]).run().exits(1);
    table.check(
        table
            .stdout
            .contains("at most 4 rows written since, and 2 of the backup's"),
        "at most",
    );
}

/// Why else one does not fit is tried in `pg::written_since`.
#[test]
fn a_mark_that_does_not_fit_is_refused() {
    let test = Test::of(MADE);
    backup(&test, &["public.a"]);
    let note = test.store().join("run.manifest.json");
    let honest: Value = serde_json::from_slice(&std::fs::read(&note).unwrap()).unwrap();
    let mut cases = Cases::new();
    let mut refused = |name: &str, lie: &dyn Fn(&mut Value), words: &[&str]| {
        let mut manifest = honest.clone();
        lie(&mut manifest);
        std::fs::write(&note, manifest.to_string()).unwrap();
        let ran = test.pgseal("diff").args(["run", "--counts"]).run();
        cases.check(name, || {
            ran.fails(3, words);
        });
    };
    refused(
        "no mark",
        &|m| m["mark"] = Value::Null,
        &["has no mark", "pgseal diff run\n"],
    );
    refused(
        "cluster",
        &|m| m["mark"]["system_identifier"] = json!("1"),
        &["not the database that was backed up"],
    );
    refused(
        "server's cluster",
        &|m| m["server"]["system_identifier"] = json!("1"),
        &["not the database"],
    );
    refused(
        "database",
        &|m| m["mark"]["database_oid"] = json!(1),
        &["not the database that was backed up"],
    );
    refused(
        "timeline",
        &|m| m["mark"]["timeline"] = json!(7),
        &["on timeline 1", "was on 7", "pgseal diff run\n"],
    );
    refused(
        "no snapshot",
        &|m| m["mark"]["snapshot"] = json!("5:4:"),
        &["cannot be read"],
    );
    std::fs::write(&note, honest.to_string()).unwrap();
    let other = cluster().create("template0", "");
    let ran = test
        .pgseal("diff")
        .args(["run", "--counts"])
        .env("PGDATABASE", &other)
        .run();
    ran.fails(3, &["not the database that was backed up", &other]);
    cluster().discard(&other);
}

/// The envelope pins the artifact, and not the manifest's mark.
#[test]
fn only_a_signature_proves_a_mark() {
    let test = Test::of(MADE);
    settled(&test);
    let ran = test.backup(&["public.a"]).arg("--run-id=run").run();
    let sha = ran.envelope()["sha256"].as_str().unwrap().to_string();
    test.write("kept.json", &ran.stdout);
    let counts = || test.pgseal("diff").args(["run", "--counts"]);
    for proof in [
        "--envelope=kept.json".to_string(),
        format!("--sha256={sha}"),
    ] {
        let ran = counts().arg(proof).run().exits(0);
        ran.check(
            ran.stdout.contains("only a signature proves the mark"),
            "not proved",
        );
    }
    let ran = counts().arg(format!("--sha256={}", "0".repeat(64))).run();
    ran.fails(1, &["its artifact's SHA-256 is", "was given"]);
}
