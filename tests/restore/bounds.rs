//! Whom the throw-away server runs as.

use super::forge::prove;
use crate::support::{Sealed, Test, eventually, is_root, names, processes};
use rustix::process::Signal;
use std::collections::BTreeSet;
use tempfile::TempDir;

fn small() -> (Test, Sealed) {
    let test = Test::of("CREATE TABLE a (id int); INSERT INTO a VALUES (1)");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    (test, sealed)
}

/// Where everybody may go, whoever runs the server.
fn scratch() -> TempDir {
    let scratch = tempfile::Builder::new().prefix("pgb").tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(scratch.path(), mode).unwrap();
    scratch
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

/// As root a number that no user has, another one for each proof; else our own.
#[test]
fn the_server_runs_as_nobody_else() {
    let (test, sealed) = small();
    let wait = "touch \"$HOME/restoring-$PPID\"; exec sleep 60";
    test.shim("psql", "*AUTOCOMMIT=off*", wait);
    let runs = [(); 2].map(|()| {
        let scratch = scratch();
        let option = format!("--scratch-dir={}", scratch.path().display());
        (prove(&test, &sealed.path).arg(option).start(), scratch)
    });
    eventually("both restore", || {
        names(&test.path("home"))
            .iter()
            .filter(|name| name.starts_with("restoring"))
            .count()
            == 2
    });
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
