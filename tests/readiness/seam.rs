//! The seam in front of the write, and the Python bridge.

use super::{BACKUP_RUNNER, Host};
use crate::support::{Cases, ECC, each};

#[test]
fn seams_that_do_not_hold() {
    let mut cases = Cases::new();
    for (argv, state, told) in [
        (
            &["/bin/true"][..],
            "FAILED",
            "accepted an envelope without sha256",
        ),
        (&["/bin/false"], "FAILED", "refused a complete envelope"),
        (&["/nonexistent/accept"], "MISSING", "not there"),
        (
            &["sh", "-c", "kill -9 $$"],
            "FAILED",
            "did not judge a complete envelope",
        ),
        (&["python3", BACKUP_RUNNER], "FAILED", "usage"),
        (
            &["python3", BACKUP_RUNNER, "accept"],
            "READY",
            "refused an envelope without artifact_ref",
        ),
    ] {
        cases.check(argv, || {
            let host = Host::new();
            host.publish(&host.key(ECC, "Expire-Date: 1y"));
            host.seam(argv);
            let report = host.readiness();
            report.says("pre_write_backup_seam", state, &[told]);
            let runner = match state {
                "FAILED" => "READY READY FAILED PARTIAL NONE PASS",
                _ => "READY READY READY READY NONE PASS",
            };
            assert_eq!(report.verdict(), runner, "{argv:?}");
        });
    }
    // One that looks at less than all four.
    each(
        ["sha256", "size_bytes", "gpg_fpr", "artifact_ref"],
        |field| {
            let host = Host::ready();
            host.config(
                "[seam]\ncommand = [",
                "[seam]\ncommand = [\"sh\", \"-c\", \"grep -q $0\", ",
            );
            host.config("\"grep -q $0\", ", &format!("\"grep -q {field}\", "));
            host.readiness().says(
                "pre_write_backup_seam",
                "FAILED",
                &["the seam does not hold"],
            );
        },
    );
}

#[test]
fn the_seam_sees_no_environment_of_ours() {
    let mut host = Host::new();
    host.set("PGPASSWORD", "hunter2");
    host.script("seam", "env > \"$0.$$\"; exec python3 \"$@\"");
    let seam = host.path("bin/seam").display().to_string();
    host.seam(&[&seam, BACKUP_RUNNER, "accept"]);
    host.readiness().says("pre_write_backup_seam", "READY", &[]);
    let entries = std::fs::read_dir(host.path("bin")).unwrap().flatten();
    let seen: Vec<_> = entries
        .filter(|e| e.file_name().to_string_lossy().starts_with("seam."))
        .collect();
    assert_eq!(seen.len(), 5);
    each(seen, |entry| {
        let env = std::fs::read_to_string(entry.path()).unwrap();
        let names: Vec<&str> = env
            .lines()
            .filter_map(|l| Some(l.split_once('=')?.0))
            .collect();
        assert!(
            names
                .iter()
                .all(|n| ["PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"].contains(n)),
            "{env}"
        );
    });
}

/// tests/test_backup_runner_live.py: the bridge against the real binary and cluster.
#[test]
fn the_python_bridge_live() {
    let host = Host::ready();
    let fpr = std::fs::read_to_string(host.path(".env")).unwrap();
    let fpr = fpr.trim().trim_start_matches("BACKUP_GPG_FPR=");
    host.command(&[
        "/usr/bin/python3",
        "-m",
        "unittest",
        "tests.test_backup_runner_live",
    ])
    .through(&["env", "-C", env!("CARGO_MANIFEST_DIR")])
    .env("PGSEAL_BIN", env!("CARGO_BIN_EXE_pgseal"))
    .env("BACKUP_GPG_FPR", fpr)
    .env("PGSEAL_STORE", host.store())
    .env("PYTHONDONTWRITEBYTECODE", "1")
    .run()
    .exits(0);
}
