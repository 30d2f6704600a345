//! Each way in which the store can be unfit.

use super::support::{Host, Report, done, text};
use std::process::Command;

#[test]
fn stores_that_cannot_be_used() {
    let host = Host::ready();
    done(Command::new("chmod").arg("0777").arg(host.path("store")));
    let report = host.readiness();
    report.says("store", "FAILED", &["everybody may write", "chmod o-w"]);
    assert_eq!(report.verdict(), "READY READY FAILED PARTIAL NONE PASS");
    done(Command::new("chmod").arg("0770").arg(host.path("store")));
    host.readiness().says("store", "READY", &["chmod g-w"]);

    std::fs::remove_dir(host.path("store")).unwrap();
    let report = host.readiness();
    report.says("store", "MISSING", &["No such file", "install -d -m 0700"]);
    assert_eq!(report.verdict(), "READY READY MISSING PARTIAL NONE PASS");
    host.write("store", "");
    host.readiness().says("store", "FAILED", &["not a folder"]);
}

/// In a mount namespace of its own: full, and read-only.
#[test]
fn stores_on_file_systems_that_say_no() {
    let host = Host::ready();
    let store = host.path("store").display().to_string();
    let pgseal = env!("CARGO_BIN_EXE_pgseal");
    for (mount, told) in [
        ("mode=0700,size=64k", "too full"),
        ("ro,mode=0700,size=8m", "Read-only file system"),
    ] {
        let script =
            format!("mount -t tmpfs -o {mount} none {store} && exec {pgseal} readiness --json");
        let flags = if rustix::process::geteuid().is_root() {
            "-m"
        } else {
            "-rm"
        };
        let output = host
            .command(&["/usr/bin/unshare", flags, "/bin/sh", "-c", &script])
            .output()
            .unwrap();
        Report::of(&output).says("store", "FAILED", &[told]);
    }
}

#[test]
fn what_is_in_the_store() {
    let host = Host::ready();
    let told = host.pgseal(&["backup", "--run-id=first"]);
    assert!(told.status.success(), "{}", text(&told));
    for name in ["left.sql.gpg.partial", "orphan.sql.gpg"] {
        std::fs::write(host.path("store").join(name), "x").unwrap();
    }
    let manifest = std::fs::read_to_string(host.path("store/first.manifest.json")).unwrap();
    std::fs::write(host.path("store/other.manifest.json"), manifest).unwrap();
    host.readiness().says(
        "store",
        "READY",
        &[
            "1 complete; the last good one is first",
            "0 minutes ago",
            "left.sql.gpg.partial",
            "without a manifest, so not a backup: orphan.sql.gpg",
            "other.manifest.json",
        ],
    );
    assert!(
        host.path("store/left.sql.gpg.partial").exists(),
        "it only looks"
    );
    // What was cut is no good backup.
    std::fs::write(host.path("store/first.sql.gpg"), "cut").unwrap();
    host.readiness()
        .says("store", "READY", &["no backup yet", "first.manifest.json"]);
}
