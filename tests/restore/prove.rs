//! The proofs: that an artifact comes back, and that a backup changes nothing.

use super::forge::{Prints, Target, forge, prove, restore, secret};
use crate::support::{Test, bin, each, eventually, names, processes};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;

const TABLE: &str = "CREATE TABLE a (id serial PRIMARY KEY, at timestamptz DEFAULT now(), x text);
                     INSERT INTO a (x) SELECT 'row ' || n FROM generate_series(1, 500) n";

/// There is nothing to compare, so nothing is proved; a restore brings back what there is.
#[test]
fn a_partitioned_table_without_partitions() {
    let test = Test::of("CREATE TABLE a (id int) PARTITION BY LIST (id)");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    prove(&test, &sealed.path).run().exits(1).prints(&[
        "[FAIL] restored:           no table holds rows",
        "PROVE_RESTORE: FAIL",
    ]);
    let target = Target::new();
    restore(&test, &sealed.path, &target)
        .run()
        .exits(0)
        .prints(&[
            "[ -- ] restored:           no table holds rows: nothing to compare",
            "RESTORE: PASS",
        ]);
    assert_eq!(
        target.sql("SELECT relkind FROM pg_class WHERE relname = 'a'"),
        "p"
    );
}

#[test]
fn what_comes_back_is_equal() {
    let test = Test::of(TABLE);
    each(["deflate", "zstd", "none"], |method| {
        let ran = test
            .backup(&["public.a"])
            .arg(format!("--compress={method}"))
            .run()
            .exits(0);
        let path = ran.envelope()["artifact_ref"].as_str().unwrap().to_string();
        let report = test
            .pgseal("prove-restore")
            .args([path.as_str(), "--json"])
            .env("GNUPGHOME", secret())
            .run()
            .exits(0)
            .json();
        assert_eq!(report["schema"], "pgseal/prove-restore/1");
        assert_eq!(report["result"], "PASS");
        let table = &report["tables"][0];
        assert_eq!(table["sealed_rows"], 500);
        assert_eq!(table["restored_rows"], 500);
        assert_eq!(table["content_equal"], true);
        let checks = report["checks"].as_array().unwrap();
        let cleaned = checks
            .iter()
            .find(|check| check["check"] == "cleaned up")
            .unwrap();
        assert_eq!(cleaned["standing"], "PROVED");
        let folder = cleaned["detail"]
            .as_str()
            .unwrap()
            .split('`')
            .nth(1)
            .unwrap();
        assert!(folder.starts_with("/dev/shm/pgs") && !Path::new(folder).exists());
        assert_eq!(processes(folder), [""; 0]);
    });
}

/// The count is right and one row is not: only the digest tells.
#[test]
fn one_row_that_comes_back_changed_is_a_no() {
    let test = Test::of(TABLE);
    test.sql("CREATE TABLE b AS SELECT 1 AS x");
    let sealed = test.sealed(&test.backup(&["public.a", "public.b"]).run());
    let script = "sed -u 's/\\trow 7$/\\trow 8/' | $real \"$@\"; exit";
    test.server_with_psql_of_path();
    test.shim("psql", "*AUTOCOMMIT=off*", script);
    let report = test
        .pgseal("prove-restore")
        .args([sealed.path.to_str().unwrap(), "--json"])
        .env("GNUPGHOME", secret())
        .run()
        .exits(1)
        .json();
    assert_eq!(report["result"], "FAIL");
    let equal = |at: usize| &report["tables"][at]["content_equal"];
    assert_eq!((equal(0), equal(1)), (&json!(false), &json!(true)));
    assert_eq!(report["tables"][0]["restored_rows"], 500);
    let checks = report["checks"].as_array().unwrap();
    let failed = checks.iter().find(|check| check["standing"] == "FAILED");
    assert_eq!(failed.unwrap()["detail"], "differs: public.a");
}

#[test]
fn roles_that_are_missing_are_made_and_the_rest_is_left_out() {
    let test = Test::of(
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1);
         CREATE TABLE a (id int REFERENCES users); INSERT INTO a VALUES (1)",
    );
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let owner = "ALTER TABLE public.a OWNER TO postgres;";
    let sql = sealed
        .sql
        .replacen(owner, "ALTER TABLE public.a OWNER TO \"it's \\ me\";", 1);
    let path = forge(
        &test,
        &sealed.manifest,
        sql.as_bytes(),
        "roles",
        |manifest| {
            manifest["external_references"] = json!([
                {"kind": "foreign_key", "name": "public.users", "needed_by": "table constraint a_id_fkey on public.a"},
                {"kind": "role", "name": "\"it's \\ me\"", "needed_by": "owner of table public.a"},
            ]);
        },
    );
    let ran = prove(&test, &path).run();
    ran.exits(0)
        .prints(&["PROVE_RESTORE: PASS", "needs table public.users"]);
}

#[test]
fn the_nine_tables_come_back_by_themselves() {
    let test = Test::cutter();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cutter/pgseal.toml");
    let config = std::fs::read_to_string(config).unwrap();
    let tables = config
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"'));
    let tables: Vec<&str> = tables.map(|line| line.trim_end_matches("\",")).collect();
    let sealed = test.sealed(&test.backup(&tables).run());
    let ran = prove(&test, &sealed.run_id).run();
    ran.exits(0)
        .prints(&["PROVE_RESTORE: PASS", "rows in 9 tables, each equal"]);
}

#[test]
fn a_disk_is_used_only_where_it_was_named() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let huge = |manifest: &mut Value| manifest["plaintext"]["size_bytes"] = json!(u64::MAX / 4);
    let path = forge(&test, &sealed.manifest, sealed.sql.as_bytes(), "huge", huge);
    let prove = |what: &Path| prove(&test, what);
    prove(&path)
        .run()
        .fails(3, &["/dev/shm has", "--scratch-dir DIR"]);
    let absent = test.path("absent");
    let make = format!("install -d -m 0700 {}", absent.display());
    prove(&sealed.path)
        .arg(format!("--scratch-dir={}", absent.display()))
        .run()
        .fails(5, &["No such file or directory", &make]);
    let disk = tempfile::Builder::new()
        .prefix("pgd")
        .tempdir_in("/tmp")
        .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(disk.path(), mode).unwrap();
    let option = format!("--scratch-dir={}", disk.path().display());
    prove(&sealed.path)
        .arg(option)
        .run()
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS"]);
    assert_eq!(names(disk.path()), [""; 0]);
}

#[test]
fn a_signal_leaves_no_server_and_no_folder() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    test.server_with_psql_of_path();
    // A psql that never ends: the cluster is up by then.
    test.shim(
        "psql",
        "*AUTOCOMMIT=off*",
        "touch \"$HOME/restoring\"; exec sleep 60",
    );
    for signal in [Signal::INT, Signal::TERM] {
        let marker = test.dir.join("home/restoring");
        let mut running = prove(&test, &sealed.path).start();
        // A cluster is made first, which takes a while on a busy host.
        while !marker.exists() {
            if running.is_over() {
                running.wait().exits(0);
                panic!("it ended before psql ran");
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        running.signal(signal);
        let ran = running.wait();
        ran.check(ran.code() == 128 + signal.as_raw(), "ended by the signal");
        std::fs::remove_file(marker).unwrap();
    }
}

/// While the server starts, a psql that hangs neither makes us deaf nor is the last.
#[test]
fn a_look_at_the_server_that_hangs() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    // The tools of the throw-away server, with a psql of our own among them.
    let tools = test.dir.join("tools");
    std::fs::create_dir(&tools).unwrap();
    for tool in ["initdb", "postgres", "pg_dump"] {
        std::os::unix::fs::symlink(bin().join(tool), tools.join(tool)).unwrap();
    }
    let script = |name: &str, text: &str| {
        let path = test.write(name, &format!("#!/bin/sh\n{text}\n"));
        test.mode(&path, 0o755);
    };
    script("bin/pg_config", &format!("echo {}", tools.display()));
    // Its owner is another user, where we are root.
    test.mode(&test.dir, 0o755);
    let asked = test.dir.join("asked");
    let marker = asked.display();
    let prove = || prove(&test, &sealed.path);

    script("tools/psql", &format!("touch {marker}; exec sleep 100"));
    let mut running = prove().start();
    // A cluster is made first, which takes a while on a busy host.
    while !asked.exists() {
        assert!(!running.is_over(), "it ended before psql ran");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running.signal(Signal::TERM);
    running.wait().fails(143, &["interrupted by SIGTERM"]);
    std::fs::remove_file(&asked).unwrap();

    // One that is killed while it makes the database is no server that has not the locale.
    script(
        "tools/psql",
        &format!(
            "input=$(cat)
             case $input in *'CREATE DATABASE'*) [ -e {marker} ] || {{ touch {marker}; kill -KILL $$; }};; esac
             printf '%s\\n' \"$input\" | exec {} \"$@\"",
            bin().join("psql").display()
        ),
    );
    prove().run().fails(
        4,
        &["cannot prepare the throw-away database: signal 9 (SIGKILL)"],
    );
    std::fs::remove_file(&asked).unwrap();

    let real = bin().join("psql");
    let once = format!(
        "[ -e {marker} ] && exec {} \"$@\"\ntouch {marker}; exec sleep 100",
        real.display()
    );
    script("tools/psql", &once);
    prove().run().exits(0).prints(&["PROVE_RESTORE: PASS"]);
    assert!(asked.exists());
}

/// Its folder stays then, with rows in the clear, until the next proof removes it.
#[test]
fn no_server_outlives_a_kill() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let place = tempfile::Builder::new().prefix("pgk").tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path(), mode).unwrap();
    let script = "touch \"$HOME/restoring\"; exec tail --pid=$PPID -f /dev/null";
    test.server_with_psql_of_path();
    test.shim("psql", "*AUTOCOMMIT=off*", script);
    let mut running = prove(&test, &sealed.path)
        .arg(format!("--scratch-dir={}", place.path().display()))
        .start();
    let marker = test.dir.join("home/restoring");
    // A cluster is made first, which takes a while on a busy host.
    while !marker.exists() {
        assert!(!running.is_over(), "it ended before psql ran");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let scratch = format!("{}/pgs", place.path().display());
    assert!(processes(&scratch).iter().any(|p| p.contains("postgres")));
    running.signal(Signal::KILL);
    eventually("the server ends", || {
        !processes(&scratch).iter().any(|p| p.contains("postgres"))
    });
    drop(running.wait());
    std::fs::remove_file(test.dir.join("bin/psql")).unwrap();
    let left = names(place.path());
    let again = || {
        prove(&test, &sealed.path)
            .arg(format!("--scratch-dir={}", place.path().display()))
            .run()
            .exits(0)
            .stdout
    };
    // It might be another's that has only just begun.
    assert!(!again().contains("a killed proof left"));
    assert_eq!(names(place.path()), left);
    let folder = std::fs::File::open(place.path().join(&left[0])).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(90);
    folder.set_modified(old).unwrap();
    assert!(again().contains("removed what a killed proof left"));
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn a_missing_server_is_named_with_its_package() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let newer = |manifest: &mut Value| manifest["tools"]["pg_dump"]["version"] = json!("99.1");
    let path = forge(
        &test,
        &sealed.manifest,
        sealed.sql.as_bytes(),
        "newer",
        newer,
    );
    prove(&test, &path).run().fails(
        3,
        &[
            "no PostgreSQL server of version 99",
            "apt-get install postgresql-99",
        ],
    );
}

#[test]
fn a_backup_changes_nothing() {
    let test = Test::of(TABLE);
    let report = test
        .pgseal("prove-backup")
        .args(["--table=public.a", "--run-id=proof", "--json"])
        .run()
        .exits(0)
        .json();
    assert_eq!(report["schema"], "pgseal/prove-backup/1");
    assert_eq!(report["result"], "PASS");
    assert_eq!(report["our_writes"], 0);
    assert_eq!(report["session"]["default_transaction_read_only"], "on");
    assert_eq!(report["session"]["transaction_id"], Value::Null);
    assert_eq!(report["tables"][0]["rows_before"], 500);
    assert_eq!(report["tables"][0]["rows_changed"], 0);
    assert_eq!(
        test.files(),
        [
            "proof.manifest.json",
            "proof.prelude.sql.gpg",
            "proof.sql.gpg"
        ]
    );
}

#[test]
fn another_session_that_writes_is_named() {
    let test = Test::of(TABLE);
    test.sql("CREATE TABLE b (x int)");
    // It writes while gpg encrypts, so between the two looks.
    let path = test.write("write.sh", &format!(
        "#!/bin/sh\nPGHOST={} PGUSER=postgres psql -Xq -d {} -c \"UPDATE a SET x = 'changed' WHERE id = 7\"\n",
        crate::support::cluster().dir.display(),
        test.db
    ));
    test.mode(&path, 0o755);
    test.shim_encrypt(&format!("{} >/dev/null; exec $real \"$@\"", path.display()));
    let report = test
        .pgseal("prove-backup")
        .args(["--table=public.a", "--table=public.b", "--json"])
        .run()
        .exits(1)
        .json();
    assert_eq!(report["result"], "FAIL");
    assert_eq!(report["our_writes"], 0);
    assert_eq!(report["tables"][0]["rows_changed"], Value::Null);
    assert_eq!(report["tables"][1]["rows_changed"], 0);
    let checks = report["checks"].as_array().unwrap();
    let rows = checks
        .iter()
        .find(|check| check["check"] == "rows unchanged")
        .unwrap();
    let said = rows["detail"].as_str().unwrap();
    assert!(
        said.contains("another session wrote to public.a between"),
        "{said}"
    );
}

#[test]
fn a_search_for_a_server_that_is_stopped() {
    let test = Test::of("CREATE TABLE a (x int)");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    test.script("pg_config", "exec sleep 20");
    test.pgseal("prove-restore")
        .arg(&sealed.path)
        .arg("--timeout=2s")
        .env("GNUPGHOME", secret())
        .run()
        .fails(4, &["not done within --timeout 2s"]);
}

/// What reads every row before and after is no part of the backup's time.
#[test]
fn the_time_in_the_manifest_is_the_backups_own() {
    let test = Test::of("CREATE TABLE a (x int)");
    let slow = "case \"$(cat | tee $HOME/asked)\" in *COPY*) sleep 3;; esac; exec $real \"$@\" < $HOME/asked";
    test.shim("psql", "*", slow);
    let run = test.pgseal("prove-backup").table("public.a");
    run.arg("--run-id=slow").run().exits(0);
    let manifest = test.store().join("slow.manifest.json");
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    assert!(manifest["timing"]["seconds"].as_f64().unwrap() < 3.0);
}
