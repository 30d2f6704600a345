//! Whose word an artifact and its prelude are, and what may be done on nobody's.

use super::forge::{Prints, Target, forge, forge_prelude, prove, restore, restore_proved, secret};
use crate::support::{Home, Ran, Ring, Sealed, Test, each, keys, tool};
use serde_json::{Value, json};

const TABLE: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok');
                     CREATE TABLE a (id int PRIMARY KEY, m mood);
                     INSERT INTO a VALUES (1, 'ok')";

fn kept(test: &Test, sealed: &Sealed) -> String {
    let envelope = sealed.manifest["envelope"].to_string();
    let path = test.write("envelope.json", &envelope);
    format!("--envelope={}", path.display())
}

fn verify(test: &Test, sealed: &Sealed, more: &[&str]) -> Value {
    let args = [sealed.path.to_str().unwrap(), "--json"];
    let verify = test.pgseal("verify").args(args).args(more.to_vec());
    verify.env("GNUPGHOME", secret()).run().json()
}

fn binding(report: &Value) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|c| c["check"] == "prelude binding");
    let text = |key: &str| found.unwrap()[key].as_str().unwrap().to_string();
    (text("standing"), text("detail"))
}

fn rewrite(test: &Test, run_id: &str, change: impl FnOnce(&mut Value)) {
    let note = test.store().join(format!("{run_id}.manifest.json"));
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&note).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(&note, manifest.to_string()).unwrap();
}

const END: &str = "-- pgseal prelude complete\n";

#[test]
fn the_artifact_vouches_for_its_prelude() {
    let test = Test::of(TABLE);
    each(["deflate", "zstd", "gpg", "none"], |method| {
        let backup = test
            .backup(&["public.a"])
            .arg(format!("--compress={method}"));
        let sealed = test.sealed(&backup.run());
        let report = verify(&test, &sealed, &["--decrypt"]);
        assert_eq!(binding(&report).0, "PROVED", "{method}: {report:#}");
        assert_eq!(
            binding(&verify(&test, &sealed, &[])).0,
            "NOT_PROVED",
            "{method}"
        );
    });
    let alone = test.sealed(&test.backup(&["public.a"]).arg("--no-prelude").run());
    let (standing, detail) = binding(&verify(&test, &alone, &["--decrypt"]));
    assert_eq!(standing, "PROVED");
    assert!(detail.contains("sealed without one"), "{detail}");
}

#[test]
fn another_prelude_is_refused() {
    let test = Test::of("CREATE TABLE a (x int); INSERT INTO a VALUES (1)");
    let refused = |sealed: &Sealed, words: &str| {
        let report = verify(&test, sealed, &["--decrypt"]);
        assert_eq!(report["result"], "FAIL");
        let (standing, detail) = binding(&report);
        assert_eq!(standing, "FAILED");
        assert!(detail.contains(words), "{detail}");
        each([vec![], vec![kept(&test, sealed)]], |option| {
            let target = Target::new();
            let ran = restore(&test, &sealed.path, &target).args(option).run();
            ran.fails(1, &["prelude binding", words, "nothing was changed"]);
            target.is_empty();
        });
    };
    // Somebody who can write the store and has the public key.
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let hostile = format!("DO $$ BEGIN CREATE TABLE taken (x int); END $$;\n{END}");
    forge_prelude(&test, hostile.as_bytes(), &sealed.run_id);
    let other = "it is not the one that was sealed with the artifact";
    refused(&sealed, other);

    // A genuine one, of another run.
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let another = test.sealed(&test.backup(&["public.a"]).run());
    let file = |run_id: &str| test.store().join(format!("{run_id}.prelude.sql.gpg"));
    std::fs::copy(file(&another.run_id), file(&sealed.run_id)).unwrap();
    rewrite(&test, &sealed.run_id, |m| {
        let name = m["prelude"]["file"].clone();
        m["prelude"] = another.manifest["prelude"].clone();
        m["prelude"]["file"] = name;
    });
    refused(&sealed, other);

    // One put beside an artifact that had none, and one taken away.
    let sealed = test.sealed(&test.backup(&["public.a"]).arg("--no-prelude").run());
    forge_prelude(&test, hostile.as_bytes(), &sealed.run_id);
    refused(&sealed, "the artifact was sealed without one");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    std::fs::remove_file(file(&sealed.run_id)).unwrap();
    rewrite(&test, &sealed.run_id, |m| m["prelude"] = Value::Null);
    refused(&sealed, "sealed with one, the manifest names none");
}

/// Each of several recipients can open it alone.
#[test]
fn one_secret_key_of_several_is_enough() {
    let test = Test::of(TABLE);
    let both = [&keys().good, &keys().second];
    let backup = test.backup(&["public.a"]).unset("BACKUP_GPG_FPR");
    let backup = backup.args(both.map(|fpr| format!("--recipient={fpr}")));
    let sealed = test.sealed(&backup.run());
    each(both.into_iter().enumerate(), |(n, fpr)| {
        let home = Home::new(test.dir.join(format!("k{n}")), &Ring::new());
        let mut export = keys().secret.gpg();
        home.import(&tool(export.args(["--export-secret-keys", fpr]), b""));
        let target = Target::new();
        restore(&test, &sealed.path, &target)
            .env("GNUPGHOME", home.path.clone())
            .run()
            .exits(0)
            .prints(&["RESTORE: PASS"]);
    });
    // A recipient that gpg does not name is a lie.
    rewrite(&test, &sealed.run_id, |m| {
        let lie = json!("A".repeat(40));
        m["envelope"]["gpg_fpr"] = lie.clone();
        m["recipients"][0]["fingerprint"] = lie.clone();
        m["recipients"][1]["fingerprint"] = lie;
    });
    let report = verify(&test, &sealed, &["--decrypt"]);
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|c| c["check"] == "decryption").unwrap();
    let said = found["detail"].as_str().unwrap();
    assert!(said.contains("which the manifest does not name"), "{said}");
}

/// The artifact was proved before psql is started: what changes in between is seen by the second
/// reading, and rolled back.
#[test]
fn an_artifact_that_changes_meanwhile_is_rolled_back() {
    let test = Test::of(
        "CREATE TABLE a (x text);
         INSERT INTO a SELECT md5(n::text) FROM generate_series(1, 30000) n",
    );
    let backup = test.backup(&["public.a"]).arg("--compress=none");
    let sealed = test.sealed(&backup.run());
    // More than fits into a pipe: its end is not yet read when gpg starts for it, after the prelude.
    let end = std::fs::metadata(&sealed.path).unwrap().len() - 1000;
    assert!(end > 512 * 1024);
    let script = format!(
        "echo >> $HOME/calls\n\
         if [ $(wc -l < $HOME/calls) = 2 ]; then sleep 0.2; printf x | \
         dd of={} bs=1 seek={end} conv=notrunc 2>/dev/null; fi; exec $real \"$@\"",
        sealed.path.display()
    );
    test.shim("gpg", "*--decrypt*", &script);
    let target = Target::new();
    let ran = restore(&test, &sealed.path, &target).run();
    ran.fails(1, &["rolled back"]);
    target.is_empty();
}

/// A superuser's SQL is a shell: nobody's word is run without its rights.
#[test]
fn what_nobody_vouches_for_runs_no_program() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let marker = tempfile::Builder::new().prefix("pgm").tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(marker.path(), mode).unwrap();
    let marker = marker.path().join("ran");
    let program = format!("COPY (SELECT 1) TO PROGRAM ''touch {}''", marker.display());
    let hostile = format!("DO $$ BEGIN EXECUTE '{program}'; END $$;\n{END}");
    let roles = |manifest: &mut Value| {
        let role =
            |name: &str| json!({"kind": "role", "name": name, "needed_by": "table public.a"});
        // What is not the dump's to have is not given.
        manifest["external_references"] =
            json!([role("pg_execute_server_program"), role("postgres")]);
    };
    let path = forge(
        &test,
        &sealed.manifest,
        sealed.sql.as_bytes(),
        "hostile",
        roles,
    );
    forge_prelude(&test, hostile.as_bytes(), "hostile");
    let ran: Ran = prove(&test, &path).run();
    ran.fails(4, &["without a superuser's rights", "--envelope FILE"]);
    assert!(!marker.exists());
}

/// The manifest is nobody's word, whatever vouches for the artifact.
#[test]
fn a_role_of_any_name_is_only_a_name() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let marker = test.dir.join("marker");
    let touch = format!("\") AS x --' \\! touch {}\n\"", marker.display());
    each(
        [
            (
                vec![touch.as_str(), "\"a'b\"", "\"a\\b\"", "\":x\"", "none"],
                0,
            ),
            (vec!["\"!\0\"", touch.as_str()], 1),
        ],
        |(names, code)| {
            let mut roles = sealed.manifest["external_references"].clone();
            let role = |name| json!({"kind": "role", "name": name, "needed_by": "owner of table public.a"});
            roles
                .as_array_mut()
                .unwrap()
                .extend(names.into_iter().map(role));
            rewrite(&test, &sealed.run_id, |m| m["external_references"] = roles);
            let ran = prove(&test, &sealed.path).arg(kept(&test, &sealed)).run();
            assert!(!marker.exists());
            ran.exits(code);
        },
    );
}

#[test]
fn what_the_caller_vouches_for_may_need_a_superuser() {
    let test = Test::of(
        "CREATE FUNCTION one() RETURNS int4 LANGUAGE internal AS 'pg_backend_pid';
         CREATE TABLE a (x int DEFAULT one()); INSERT INTO a VALUES (7)",
    );
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    prove(&test, &sealed.path)
        .run()
        .fails(4, &["permission denied for language", "--envelope FILE"]);
    prove(&test, &sealed.path)
        .arg(kept(&test, &sealed))
        .run()
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS", "proved: it is the artifact"]);
}

#[test]
fn an_early_artifact_does_not_vouch_for_its_prelude() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let path = forge(
        &test,
        &sealed.manifest,
        sealed.sql.as_bytes(),
        "early",
        |_| {},
    );
    let sha = crate::support::sha256(&std::fs::read(&path).unwrap());
    let target = Target::new();
    let proved = || restore_proved(&test, &path, &target).arg(format!("--sha256={sha}"));
    proved().run().fails(
        1,
        &[
            "nothing proves who sealed the prelude",
            "--no-prelude",
            "--origin-unproved",
        ],
    );
    target.is_empty();
    proved()
        .arg("--origin-unproved")
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS", "says nothing of its prelude"]);

    let target = Target::new();
    let proved = || restore_proved(&test, &path, &target).arg(format!("--sha256={sha}"));
    proved().arg("--no-prelude").run().exits(4);
    target.is_empty();
    target.sql("CREATE TYPE mood AS ENUM ('sad', 'ok')");
    proved()
        .arg("--no-prelude")
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS", "the prelude is left out"]);
}

#[test]
fn a_backup_that_does_not_come_back_by_itself() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).arg("--no-prelude").run());
    prove(&test, &sealed.path).run().exits(1).prints(&[
        "it does not come back by itself",
        "type public.mood",
        "note: Take the backup with its prelude",
        "PROVE_RESTORE: FAIL",
    ]);
}

#[test]
fn a_damaged_artifact_is_a_no_and_no_error() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let mut bytes = std::fs::read(&sealed.path).unwrap();
    let end = bytes.len() - 30;
    bytes[end] ^= 1;
    std::fs::write(&sealed.path, &bytes).unwrap();
    let failed = |wanted: &[&str]| {
        let ran = prove(&test, &sealed.path).arg("--json").run().exits(1);
        let report = ran.json();
        assert_eq!(report["result"], "FAIL");
        assert_eq!(report["server"], Value::Null);
        let checks = report["checks"].as_array().unwrap();
        let failed = checks.iter().find(|c| c["standing"] == "FAILED").unwrap();
        let check = failed["check"].as_str().unwrap();
        assert!(wanted.contains(&check), "{check}");
    };
    failed(&["sha256"]);
    rewrite(&test, &sealed.run_id, |m| {
        m["envelope"]["sha256"] = json!(crate::support::sha256(&bytes));
    });
    // By gpg, or by what it let out before it saw.
    failed(&["restored"]);
}
