//! Each way in which the store can be unfit.

use super::{Host, Report};
use crate::support::{each, unshare};

#[test]
fn stores_that_cannot_be_used() {
    let host = Host::ready();
    host.mode(&host.store(), 0o777);
    let report = host.readiness();
    report.says("store", "FAILED", &["everybody may write", "chmod go-w"]);
    assert_eq!(report.verdict(), "READY READY FAILED PARTIAL NONE PASS");
    host.mode(&host.store(), 0o770);
    let report = host.readiness();
    report.says("store", "FAILED", &["its group may write", "chmod g-w"]);
    host.mode(&host.store(), 0o755);
    let report = host.readiness();
    report.says("store", "READY", &["so hold its lock", "chmod go-rwx"]);
    // The file that was tried is gone.
    assert!(host.files().is_empty());

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
    each(
        [
            ("mode=0700,size=64k", "too full"),
            ("ro,mode=0700,size=8m", "Read-only file system"),
        ],
        |(mount, told)| {
            let script =
                format!("mount -t tmpfs -o {mount} none {store} && exec {pgseal} readiness --json");
            let output = host
                .command(&["/bin/sh", "-c", &script])
                .through(unshare())
                .run();
            Report::of(&output).says("store", "FAILED", &[told]);
        },
    );
}

#[test]
fn what_is_in_the_store() {
    let host = Host::ready();
    host.run(&["backup", "--run-id=first"]).exits(0);
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
    // Ours; what pgseal leaves is looked for after the test.
    std::fs::remove_file(host.path("store/left.sql.gpg.partial")).unwrap();
    // What was cut is no good backup.
    std::fs::write(host.path("store/first.sql.gpg"), "cut").unwrap();
    host.readiness()
        .says("store", "READY", &["no backup yet", "first.manifest.json"]);
}
