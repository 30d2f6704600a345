//! Artifacts of earlier releases: every later one must still verify, open and restore them.

use super::bench::*;
use crate::restore::forge::Target;
use crate::support::{Ring, SIGN_ONLY, cluster};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(id: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(id)
}

/// The run in a store, and a keyring that is still empty.
fn frozen(id: &str) -> Bench {
    let bench = Bench::new(&[], &Ring::new());
    for ending in ["sql.gpg", "prelude.sql.gpg", "manifest.json"] {
        let name = format!("{id}.{ending}");
        if let Ok(bytes) = std::fs::read(fixture(id).join(&name)) {
            bench.put(&name, &bytes);
        }
    }
    bench
}

fn import_the_key(bench: &Bench) {
    let key = std::fs::read(fixture("frozen-v1").join("THROW-AWAY-SECRET-KEY.asc")).unwrap();
    bench.home.import(&key);
}

/// The report of `verify --decrypt`.
fn verifies(id: &str, relations: &str) -> Value {
    let bench = frozen(id);
    let envelope = std::fs::read(fixture(id).join("envelope.json")).unwrap();
    let verify = |more: &[&str]| {
        let args = [&["verify", id, "--envelope=-"], more].concat();
        let (code, report) = bench.json(&args, &envelope);
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(report["result"], "PASS", "{report:#}");
        report
    };
    assert_eq!(check(&verify(&[]), "origin").unwrap().0, "PROVED");
    import_the_key(&bench);
    let report = verify(&["--decrypt"]);
    assert_eq!(check(&report, "rows"), Some(("PROVED", relations)));
    let (_, listing) = bench.json(&["list"], b"");
    assert_eq!(listing["runs"][0]["state"], "complete");
    report
}

/// Into a database of its own, with the SQL that the fixture's README names.
fn restores(id: &str, kept: &[&str], before: &str, count: &str, rows: &str) {
    let bench = frozen(id);
    import_the_key(&bench);
    let target = Target::new();
    let conninfo = format!(
        "host={} user=postgres dbname={}",
        cluster().dir.display(),
        target.db
    );
    target.sql(before);
    let envelope = std::fs::read(fixture(id).join("envelope.json")).unwrap();
    let args = [&["restore", id, "--dbname", &conninfo], kept].concat();
    let ran = bench.pgseal(&args, &envelope);
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(target.sql(count), rows);
}

#[test]
fn frozen_v1_verifies() {
    verifies("frozen-v1", "7 in 5 tables");
}

#[test]
fn frozen_v1_restores() {
    restores(
        "frozen-v1",
        &["--envelope=-"],
        "CREATE SCHEMA frozen; CREATE TYPE frozen.mood AS ENUM ('sad', 'ok', 'happy');",
        "SELECT sum((xpath('/row/c/text()', query_to_xml(format('SELECT count(*) c FROM ONLY %s', oid::regclass), false, true, '')))[1]::text::int) \
         FROM pg_class WHERE relkind = 'r' AND relnamespace = 'frozen'::regnamespace;",
        "7",
    );
}

#[test]
fn what_gpg_2_4_sealed_verifies() {
    verifies("frozen-gpg-2.4", "10 in 3 tables");
}

#[test]
fn what_gpg_2_4_sealed_restores() {
    restores(
        "frozen-gpg-2.4",
        // It does not name its prelude, so an envelope cannot vouch for that.
        &["--envelope=-", "--origin-unproved"],
        "SELECT 1;",
        "SELECT count(*) || ' ' || min(name COLLATE \"C\") FROM sealed.visit JOIN sealed.guest ON guest = id;",
        "7 Zoë",
    );
}

#[test]
fn what_gpg_2_4_sealed_restores_by_its_envelope_without_its_prelude() {
    restores(
        "frozen-gpg-2.4",
        &["--envelope=-", "--no-prelude"],
        "CREATE SCHEMA sealed; CREATE TYPE sealed.mood AS ENUM ('sad', 'ok', 'happy');
         CREATE FUNCTION sealed.shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';",
        "SELECT count(*) || ' ' || min(name COLLATE \"C\") FROM sealed.visit JOIN sealed.guest ON guest = id;",
        "7 Zoë",
    );
}

/// A signed manifest vouches for the hash of the prelude too.
#[test]
fn what_gpg_2_4_sealed_restores_by_a_signature_with_its_prelude() {
    let id = "frozen-gpg-2.4";
    let bench = frozen(id);
    import_the_key(&bench);
    let key = bench.home.key("signer", SIGN_ONLY, "Expire-Date: 1y");
    let envelope = std::fs::read(fixture(id).join("envelope.json")).unwrap();
    let sign = ["sign", id, "--envelope=-", "--sign-with", &key];
    assert_eq!(bench.pgseal(&sign, &envelope).code(), 0);
    let target = Target::new();
    let host = cluster().dir.display();
    let conninfo = format!("host={host} user=postgres dbname={}", target.db);
    let args = ["restore", id, "--dbname", &conninfo, "--signed-by", &key];
    bench.pgseal(&args, b"").exits(0);
    assert_eq!(target.sql("SELECT count(*) FROM sealed.visit"), "7");
}

#[test]
fn what_is_tied_to_its_prelude_verifies() {
    let report = verifies("frozen-bond", "7 in 2 tables");
    assert_eq!(check(&report, "prelude binding").unwrap().0, "PROVED");
}

#[test]
fn what_is_tied_to_its_prelude_restores() {
    restores(
        "frozen-bond",
        &["--envelope=-"],
        "SELECT 1;",
        "SELECT count(*) || ' ' || min(name COLLATE \"C\") || ' ' || min(area) FROM inn.bed JOIN inn.room ON room = id;",
        "4 Løvesalen 27.0",
    );
}
