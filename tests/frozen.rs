//! An artifact of the first release: every later one must still verify it.

#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code)]
mod verify_support;

use std::path::Path;
use verify_support::*;

#[test]
fn frozen_v1() {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/frozen-v1");
    let read = |name: &str| std::fs::read(frozen.join(name)).unwrap();
    let home = Home::new(&Ring::new());
    let store = folder();
    let bench = Bench { store, home };
    for name in ["frozen-v1.sql.gpg", "frozen-v1.manifest.json"] {
        bench.put(name, &read(name));
    }
    let envelope = read("envelope.json");
    let (code, report) = bench.json(&["verify", "frozen-v1", "--envelope=-"], &envelope);
    assert_eq!(
        (code, &report["result"]),
        (Some(0), &"PASS".into()),
        "{report:#}"
    );
    assert_eq!(check(&report, "origin").unwrap().0, "PROVED");

    let imported = bench
        .home
        .gpg(&["--import"], &read("THROW-AWAY-SECRET-KEY.asc"));
    assert_eq!(imported.code, Some(0), "{}", imported.err);
    let (code, report) = bench.json(
        &["verify", "frozen-v1", "--decrypt", "--envelope=-"],
        &envelope,
    );
    assert_eq!(
        (code, &report["result"]),
        (Some(0), &"PASS".into()),
        "{report:#}"
    );
    let rows = check(&report, "rows").unwrap();
    assert_eq!(rows, ("PROVED", "7 in 5 tables"));
    let (_, listing) = bench.json(&["list"], b"");
    assert_eq!(listing["runs"][0]["state"], "complete");
}
