//! What an artifact may take that nobody vouches for, and whom its server runs as.

use super::forge::{Prints, forge, forge_prelude, prove};
use crate::support::{Cases, Sealed, Test, each, is_root, names, processes, unshare};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn small() -> (Test, Sealed) {
    let test = Test::of("CREATE TABLE a (id int); INSERT INTO a VALUES (1)");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    (test, sealed)
}

/// Its table has one more column than its rows have, which the server fills.
fn forged(test: &Test, sealed: &Sealed, default: &str, rows: usize) -> PathBuf {
    let data: String = (0..rows).map(|row| format!("{row}\n")).collect();
    let mut sql = sealed.sql.clone();
    for (from, to) in [
        (
            "    id integer\n);",
            format!(
                "    id integer, x text DEFAULT {default}\n);\n\
                 ALTER TABLE ONLY public.a ALTER COLUMN x SET STORAGE EXTERNAL;"
            ),
        ),
        ("stdin;\n1\n", format!("stdin;\n{data}")),
    ] {
        assert_eq!(sql.matches(from).count(), 1, "{sql}");
        sql = sql.replace(from, &to);
    }
    let path = forge(
        test,
        &sealed.manifest,
        sql.as_bytes(),
        "forged",
        |manifest| {
            manifest["tables"][0]["rows"] = rows.into();
            manifest["tables"][0]["bytes"] = data.len().into();
        },
    );
    assert!(std::fs::metadata(&path).unwrap().len() < 100_000);
    path
}

/// Where everybody may go, whoever runs the server.
fn scratch() -> TempDir {
    let scratch = tempfile::Builder::new().prefix("pgb").tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(scratch.path(), mode).unwrap();
    scratch
}

/// Of all of them, at one time: the answer is no; it says why and what helps, and nothing is left.
#[track_caller]
fn refused<const N: usize>(test: &Test, paths: [&Path; N], words: &str) {
    let runs = paths.map(|path| {
        let scratch = scratch();
        let option = format!("--scratch-dir={}", scratch.path().display());
        (prove(test, path).arg(option).start(), scratch)
    });
    let mut cases = Cases::new();
    for (run, scratch) in runs {
        cases.check(scratch.path().to_owned(), || {
            run.wait().exits(1).prints(&[
                words,
                "that its manifest's sizes justify",
                "--envelope FILE",
                "PROVE_RESTORE: FAIL",
            ]);
            assert_eq!(names(scratch.path()), [""; 0]);
            assert_eq!(processes(scratch.path().to_str().unwrap()), [""; 0]);
        });
    }
}

#[test]
fn a_default_of_a_gigabyte_gets_no_memory() {
    let (test, sealed) = small();
    let path = forged(&test, &sealed, "repeat('x', 1000000000)", 1);
    let words = "the artifact needs more memory than the";
    refused(&test, [&path], words);
}

/// Each value is small, all of them would take a gigabyte.
#[test]
fn rows_that_multiply_get_no_room() {
    let (test, sealed) = small();
    let path = forged(&test, &sealed, "repeat('x', 100000)", 10_000);
    refused(&test, [&path], "the artifact needs more room than the");
}

/// Takes the whole minute that every artifact has.
#[test]
fn what_sleeps_gets_no_more_than_a_minute() {
    let (test, sealed) = small();
    let path = forged(&test, &sealed, "(pg_sleep(100000))::text", 1);
    // A client that cancels is not listened to.
    let stubborn = "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(100000);
                    EXCEPTION WHEN query_canceled THEN END; END LOOP; END $$;
                    \n-- pgseal prelude complete\n";
    let sql = sealed.sql.as_bytes();
    let other = forge(&test, &sealed.manifest, sql, "stubborn", |_| {});
    forge_prelude(&test, stubborn.as_bytes(), "stubborn");
    let words = "the artifact needs more than the 60s";
    refused(&test, [&path, &other], words);
}

/// The last of a file system is not taken, whoever vouches.
#[test]
fn a_file_system_is_not_filled() {
    // Who may mount only as the mapped root of a namespace has no other user for the server.
    if !is_root() {
        return;
    }
    let test = Test::of(
        "CREATE TABLE a (id int, x text);
         INSERT INTO a SELECT n, md5(n::text) FROM generate_series(1, 500000) n",
    );
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let place = scratch();
    let folder = place.path().display();
    let sha256 = sealed.manifest["envelope"]["sha256"].as_str().unwrap();
    let vouched = format!("--sha256={sha256}");
    // That fills while rows come, and that is full at the start.
    each(
        [
            ("60m", ""),
            ("60m", &*vouched),
            ("2m", ""),
            ("2m", &vouched),
        ],
        |(size, vouched)| {
            let script = format!(
                "mount -t tmpfs -o size={size},mode=0755 none {folder} || exit 99
                 [ {size} = 60m ] || head -c 1900K /dev/zero >{folder}/others
                 \"$@\"; code=$?; rm -f {folder}/others; ls -A {folder} | sed 's/^/left: /' >&2; exit $code"
            );
            let run = prove(&test, &sealed.path).arg(format!("--scratch-dir={folder}"));
            let words = [unshare(), &["bash", "-c", &script, "bash"]].concat();
            let run = run.args((!vouched.is_empty()).then_some(vouched));
            let ran = run.through(&words).run();
            let said = match size {
                "2m" => "No space left on device",
                _ => "bytes are left",
            };
            let ran = ran.fails(5, &[said, "--scratch-dir"]);
            ran.check(!ran.stderr.contains("left: "), "nothing is left");
        },
    );
}

/// In a user namespace that has no number but root's.
#[test]
fn root_that_cannot_step_down_says_what_to_run() {
    let (test, sealed) = small();
    prove(&test, &sealed.path)
        .through(&["unshare", "--user", "--map-root-user"])
        .run()
        .fails(3, &["root cannot run", "sudo -u USER pgseal prove-restore"]);
}

#[test]
fn an_honest_table_is_far_from_every_limit() {
    let test = Test::of(
        "CREATE TABLE a (id serial PRIMARY KEY, at timestamptz DEFAULT now(), x text UNIQUE);
         INSERT INTO a (x) SELECT 'row ' || n FROM generate_series(1, 200000) n;
         CREATE INDEX ON a (at, x); CREATE INDEX ON a (id, at);
         CREATE TABLE narrow (b bool);
         INSERT INTO narrow SELECT true FROM generate_series(1, 200000)",
    );
    let sealed = test.sealed(&test.backup(&["public.a", "public.narrow"]).run());
    prove(&test, &sealed.path)
        .run()
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS"]);
}

/// As root a number that no user has, another one for each proof; else our own.
#[test]
fn the_server_runs_as_nobody_else() {
    let (test, sealed) = small();
    let wait = "touch \"$HOME/restoring-$PPID\"; exec sleep 60";
    test.server_with_psql_of_path();
    test.shim("psql", "*AUTOCOMMIT=off*", wait);
    let mut runs = [(); 2].map(|()| {
        let scratch = scratch();
        let option = format!("--scratch-dir={}", scratch.path().display());
        (prove(&test, &sealed.path).arg(option).start(), scratch)
    });
    // A cluster is made first, which takes a while on a busy host.
    let restoring = || {
        let files = names(&test.path("home")).into_iter();
        files.filter(|name| name.starts_with("restoring")).count()
    };
    while restoring() < 2 {
        assert!(!runs.iter_mut().any(|(run, _)| run.is_over()));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let mut all = BTreeSet::new();
    for (run, scratch) in &runs {
        let folder = format!("{}/pgseal-cluster-", scratch.path().display());
        let servers = processes(&folder);
        let server = servers.iter().find(|line| line.contains("postgres -D"));
        let server = server.unwrap().split(':').next().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{server}/status")).unwrap();
        let ids = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let ids = line.unwrap().split_whitespace();
            ids.map(|id| id.parse::<u32>().unwrap())
                .collect::<BTreeSet<_>>()
        };
        let uids = ids("Uid:");
        let uid = *uids.first().unwrap();
        assert_eq!(uids.len(), 1);
        if is_root() {
            assert!((60706..=61183).contains(&uid), "{uid}");
            assert!(!passwd.contains(&format!(":{uid}:")));
            assert_eq!(ids("Gid:"), uids);
            assert_eq!(ids("Groups:"), BTreeSet::new());
            assert!(all.insert(uid), "{uid} has two servers");
        } else {
            assert_eq!(uid, rustix::process::geteuid().as_raw());
        }
        // Its rows are for this user alone.
        for entry in scratch.path().read_dir().unwrap() {
            let meta = entry.unwrap().metadata().unwrap();
            let (mode, owner) = (
                std::os::unix::fs::MetadataExt::mode(&meta) & 0o7777,
                std::os::unix::fs::MetadataExt::uid(&meta),
            );
            assert_eq!((mode, owner), (0o700, uid));
        }
        run.signal(Signal::TERM);
    }
    for (run, scratch) in runs {
        run.wait().exits(143);
        assert_eq!(names(scratch.path()), [""; 0]);
    }
}
