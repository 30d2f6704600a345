//! `verify`, `restore`, `list` and `prune`.

use super::{compare_columns, compare_run};
use crate::restore::forge::{Target, restore_proved, secret};
use crate::support::Test;

pub const SQL: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1);
    CREATE TABLE a (id int PRIMARY KEY, m mood, u int REFERENCES users);
    CREATE TABLE b (x int, y int); CREATE STATISTICS st ON x, y FROM b;
    INSERT INTO a VALUES (1, 'ok', 1), (2, 'sad', NULL); INSERT INTO b SELECT n, n FROM generate_series(1, 1500) n";

fn backup(test: &Test, run_id: &str) -> String {
    let run_id = format!("--run-id={run_id}");
    let ran = test.backup(&["public.a", "public.b"]).arg(run_id).run();
    test.write("envelope.json", &ran.exits(0).stdout);
    format!("--envelope={}", test.path("envelope.json").display())
}

#[test]
fn snapshot_verify() {
    let test = Test::of(SQL);
    let envelope = backup(&test, "r");
    let verify = || test.pgseal("verify").arg("r");
    compare_run("verify", &verify().run());
    let decrypt = verify().args(["--decrypt", envelope.as_str()]);
    compare_run("verify-decrypt", &decrypt.env("GNUPGHOME", secret()).run());
    let artifact = test.store().join("r.sql.gpg");
    let mut bytes = std::fs::read(&artifact).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    std::fs::write(&artifact, bytes).unwrap();
    compare_run("verify-damaged", &verify().run());
}

#[test]
fn snapshot_restore() {
    let test = Test::of(SQL);
    let envelope = backup(&test, "r");
    let target = Target::new();
    let restore = || restore_proved(&test, "r".as_ref(), &target);
    compare_run("restore-unproved", &restore().run());
    compare_run("restore-missing", &restore().arg(&envelope).run());
    let skip = restore().args([&envelope, "--skip-external"]);
    compare_run("restore", &skip.run());
}

#[test]
fn snapshot_list_and_prune() {
    let test = Test::of(SQL);
    for run_id in ["r1", "r2", "r3"] {
        backup(&test, run_id);
    }
    std::fs::remove_file(test.store().join("r3.manifest.json")).unwrap();
    compare_columns("list", &test.pgseal("list").run());
    let prune = || test.pgseal("prune").arg("--keep-last=1");
    compare_columns("prune", &prune().run());
    compare_columns("prune-apply", &prune().arg("--apply").run());
}
