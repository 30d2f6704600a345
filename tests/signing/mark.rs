//! The second mark of a signed run.

use super::site::{Site, check};
use serde_json::Value;

#[test]
fn a_second_mark_is_proved_by_its_own_signature_alone() {
    let site = Site::new();
    let guard = ["--table=public.a", "--run-id=m", "--", "true"];
    let ran = site.pgseal("guard").args(guard).run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let look = || {
        let ran = site.verify("m").run();
        assert_eq!(ran.code(), 0, "{}{}", ran.stdout, ran.stderr);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(check(&report, "origin").0, "PROVED");
        let (standing, detail) = check(&report, "second mark");
        assert_eq!(report["command_ended_at"].is_null(), standing != "PROVED");
        format!("{standing} {detail}")
    };
    let told = look();
    assert!(told.starts_with("PROVED COMMAND had ended at"), "{told}");
    assert!(told.ends_with(&format!("signed by {}", site.key)), "{told}");

    let (mark, signature) = (site.file("m.after.json"), site.file("m.after.json.sig"));
    let (text, signed) = (
        std::fs::read_to_string(&mark).unwrap(),
        std::fs::read(&signature).unwrap(),
    );
    let later = text.replace("\"lsn\": \"", "\"lsn\": \"1");
    assert_ne!(later, text);
    std::fs::write(&mark, later).unwrap();
    let told = look();
    assert!(told.contains("the second mark's signature"), "{told}");
    std::fs::write(&mark, &text).unwrap();
    // The manifest's says nothing of it.
    std::fs::copy(site.signature("m"), &signature).unwrap();
    assert!(look().contains("counts as absent"));
    std::fs::remove_file(&signature).unwrap();
    let told = look();
    assert!(
        told.ends_with("counts as absent: it is not signed"),
        "{told}"
    );
    std::fs::write(&signature, &signed).unwrap();
    site.mode(&signature, 0o600);
    assert!(look().starts_with("PROVED"));
}

/// Only the manifest is read, so its signature is all that vouches for the counts.
#[test]
fn counts_by_a_mark_are_proved_by_the_manifests_signature() {
    let site = Site::new();
    site.signed("m");
    let counts = || site.pgseal("diff").args(["m", "--counts", "--json"]).run();
    let standing = || {
        let ran = counts();
        check(&serde_json::from_str(&ran.stdout).unwrap(), "origin").0
    };
    assert_eq!(standing(), "PROVED");
    let text = std::fs::read_to_string(site.manifest("m")).unwrap();
    let later = text.replace("\"lsn\": \"", "\"lsn\": \"0");
    assert_ne!(later, text);
    std::fs::write(site.manifest("m"), later).unwrap();
    counts()
        .exits(1)
        .says(&["of no use: origin: the manifest's signature"]);
    std::fs::write(site.manifest("m"), text).unwrap();
    std::fs::remove_file(site.signature("m")).unwrap();
    assert_eq!(standing(), "NOT_PROVED");
}
