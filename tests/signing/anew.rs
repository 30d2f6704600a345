//! `pgseal sign`: runs get a new signature, by their envelopes and by nothing less.

use super::site::{Site, check, origin};
use crate::restore::forge::Prints;
use crate::support::{Cases, Pgseal, SIGN_ONLY, Sealed, each, keys};
use serde_json::{Value, json};

fn line(sealed: &Sealed) -> String {
    format!("{}\n", sealed.manifest["envelope"])
}

fn sign<'t>(site: &'t Site, runs: &[&str], envelopes: &str) -> Pgseal<'t> {
    let run = site.pgseal("sign").args(runs.to_vec());
    run.arg("--envelope=-").input(envelopes.as_bytes())
}

#[test]
fn after_a_key_was_revoked() {
    let mut site = Site::new();
    let (a, b, c) = (site.signed("a"), site.signed("b"), site.signed("c"));
    site.host.import(&site.host.revocation(&site.key));
    origin(site.verify("a"), 1, "FAILED", "is by a key that is revoked");
    let new = site.host.key("new", SIGN_ONLY, "Expire-Date: 2y");
    site.set("PGSEAL_SIGNING_KEY", &new);
    origin(site.verify("a"), 1, "FAILED", "is by a key that is revoked");
    let old = std::fs::read(site.signature("c")).unwrap();
    let kept = site.write(
        "envelopes",
        &[line(&a), "\n".into(), line(&b), line(&b)].concat(),
    );

    let run = site.pgseal("sign").args(["a", "b", "--json"]);
    let report = run.arg("--envelope").arg(&kept).run().exits(0).json();
    assert_eq!(report["schema"], "pgseal/sign/1");
    assert_eq!(report["result"], "PASS");
    assert_eq!(report["signing_key"], new.as_str());
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    each(runs.iter().zip(["a", "b"]), |(run, id)| {
        assert_eq!(
            (&run["run_id"], &run["result"]),
            (&id.into(), &"PASS".into())
        );
        assert_eq!(run["signature"], json!(site.signature(id)));
        assert_eq!(check(run, "origin").0, "PROVED");
        let (standing, detail) = check(run, "signature");
        assert!(
            standing == "PROVED" && detail.contains("the artifact alone"),
            "{detail}"
        );
        origin(site.verify(id), 0, "PROVED", &format!("signed by {new}"));
    });
    assert_eq!(std::fs::read(site.signature("c")).unwrap(), old);
    assert_eq!(site.files().len(), 12, "nothing is left over");
    // A run that was never signed, and one that lost its signature.
    let plain = site.backup(&["public.a"]).unset("PGSEAL_SIGNING_KEY");
    let plain = site.sealed(&plain.arg("--run-id=plain").run());
    std::fs::remove_file(site.signature("c")).unwrap();
    let ran = sign(&site, &["plain", "c"], &(line(&c) + &line(&plain))).run();
    ran.exits(0)
        .prints(&["run plain: signed, ", "run c: signed, ", "SIGN: PASS\n"]);
    each(["plain", "c"], |id| {
        origin(site.verify(id), 0, "PROVED", &new);
    });
}

#[test]
fn what_is_not_proved_is_not_signed() {
    let site = Site::new();
    let (a, b) = (site.signed("a"), site.signed("b"));
    let before = |id: &str| std::fs::read(site.signature(id)).unwrap();
    let old_a = before("a");
    let of = |sealed: &Sealed, key: &str, value: Value| {
        let mut envelope = sealed.manifest["envelope"].clone();
        envelope[key] = value;
        format!("{envelope}\n")
    };
    let other = of(&a, "sha256", json!("0".repeat(64)));
    let mut cases = Cases::new();
    for (envelopes, words) in [
        (line(&b), "no envelope was given of `a.sql.gpg`"),
        (String::new(), "no envelope was given of `a.sql.gpg`"),
        (other.clone(), "the envelope says 0000"),
        (of(&a, "size_bytes", json!(1)), "the envelope says 1"),
        (line(&a) + &other, "two envelopes that differ were given"),
    ] {
        cases.check(words, || {
            let ran = sign(&site, &["a", "--json"], &envelopes).run().exits(1);
            let report = ran.json();
            assert_eq!(report["result"], "FAIL");
            let run = &report["runs"][0];
            assert_eq!(
                (&run["result"], &run["signature"]),
                (&"FAIL".into(), &Value::Null)
            );
            let (standing, detail) = check(run, "origin");
            assert!(
                standing == "FAILED" && detail.contains(words),
                "{words}: {detail}"
            );
        });
    }
    // One that is proved is signed, whatever is wrong with another.
    std::fs::remove_file(site.signature("b")).unwrap();
    let ran = sign(&site, &["a", "b"], &line(&b)).run().exits(1);
    ran.prints(&["run a: not signed", "run b: signed, ", "SIGN: FAIL\n"]);
    assert_eq!(before("a"), old_a);
    origin(site.verify("b"), 0, "PROVED", "signed by");
    // The artifact is as it was; the manifest beside it is not its own.
    let manifest = std::fs::read_to_string(site.manifest("a")).unwrap();
    let lie = manifest.replacen("\"run_id\": \"a\"", "\"run_id\": \"b\"", 1);
    std::fs::write(site.manifest("a"), lie).unwrap();
    sign(&site, &["a"], &line(&a))
        .run()
        .exits(1)
        .prints(&["it is of run `b`"]);
    std::fs::remove_file(site.manifest("a")).unwrap();
    sign(&site, &["a"], &line(&a))
        .run()
        .exits(1)
        .prints(&["an orphan"]);
    assert_eq!(before("a"), old_a);
}

#[test]
fn what_cannot_be_signed() {
    let site = Site::new();
    let a = site.signed("a");
    let old = std::fs::read(site.signature("a")).unwrap();
    site.pgseal("sign").arg("a").run().exits(2);
    site.pgseal("sign").arg("--envelope=-").run().exits(2);
    sign(&site, &["a", "nope"], &line(&a))
        .run()
        .fails(1, &["no run `nope`"]);
    let unset = sign(&site, &["a"], &line(&a)).unset("PGSEAL_SIGNING_KEY");
    unset
        .run()
        .fails(3, &["no signing key is set", "--sign-with"]);
    let public = sign(&site, &["a"], &line(&a)).arg(format!("--sign-with={}", keys().good));
    public
        .run()
        .fails(3, &["its secret key is not on this host"]);
    let broken = format!("{}{{}}\n", line(&a));
    sign(&site, &["a"], &broken)
        .run()
        .fails(3, &["line 2", "not an envelope"]);
    let missing = site.pgseal("sign").args(["a", "--envelope=/nonexistent"]);
    missing.run().fails(3, &["/nonexistent", "cannot be read"]);
    let held = std::fs::File::open(site.store()).unwrap();
    held.lock().unwrap();
    sign(&site, &["a"], &line(&a))
        .run()
        .fails(5, &["another run holds the store"]);
    drop(held);
    assert_eq!(std::fs::read(site.signature("a")).unwrap(), old);
    // What is in the way is not overwritten half, and what a killed one left is swept.
    std::fs::write(site.file("a.manifest.json.sig.partial"), "x").unwrap();
    std::fs::remove_file(site.signature("a")).unwrap();
    std::fs::create_dir(site.signature("a")).unwrap();
    sign(&site, &["a"], &line(&a))
        .run()
        .fails(5, &["cannot replace", "no run was signed"]);
    std::fs::remove_dir(site.signature("a")).unwrap();
    std::fs::write(site.file("a.manifest.json.sig.partial"), "x").unwrap();
    let ran = sign(&site, &["a"], &line(&a)).run().exits(0);
    ran.says(&["removed what an earlier run left behind: a.manifest.json.sig.partial"]);
    origin(site.verify("a"), 0, "PROVED", "signed by");
}
