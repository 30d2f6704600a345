//! What a signature proves, and what it does not: every way in which one can be wrong.

use super::site::{CERTIFY_ONLY, Site, check, origin};
use crate::restore::forge::{Prints, Target, forge, forge_prelude, prove, restore_proved, secret};
use crate::support::{Cases, Home, Ring, SIGN_ONLY, cluster, each, keys, tool};
use serde_json::{Value, json};

/// Once there is something to hold signatures against, a run that nobody signed is a "no".
#[test]
fn changed_or_taken_away() {
    let site = Site::new();
    let sealed = site.signed("r");
    let envelope = site.envelope(&sealed);
    let manifest = std::fs::read(site.manifest("r")).unwrap();
    let lie = |m: &mut Value| m["host"] = json!("elsewhere");
    let mut changed: Value = serde_json::from_slice(&manifest).unwrap();
    lie(&mut changed);
    std::fs::write(site.manifest("r"), changed.to_string()).unwrap();
    let words = "does not fit these bytes";
    origin(site.verify("r"), 1, "FAILED", words);
    origin(site.verify("r").arg(&envelope), 1, "FAILED", words);
    // With other line ends: JSON is the same.
    let text = String::from_utf8(manifest.clone()).unwrap();
    std::fs::write(site.manifest("r"), text.replace('\n', "\r\n")).unwrap();
    origin(site.verify("r"), 1, "FAILED", words);
    std::fs::write(site.manifest("r"), &manifest).unwrap();
    origin(site.verify("r"), 0, "PROVED", "signed by");

    let taken = std::fs::read(site.signature("r")).unwrap();
    std::fs::remove_file(site.signature("r")).unwrap();
    origin(
        site.verify("r"),
        1,
        "FAILED",
        "not proved: no hash that was kept",
    );
    origin(
        site.verify("r").arg(&envelope),
        0,
        "PROVED",
        "of the envelope",
    );
    let nobody = || site.verify("r").unset("PGSEAL_SIGNING_KEY");
    origin(nobody(), 0, "NOT_PROVED", "it is not signed");
    site.put_signature("r", &taken);
    origin(
        nobody(),
        0,
        "NOT_PROVED",
        "it is signed, but no key is trusted, see --signed-by",
    );
    origin(
        nobody().arg(format!("--signed-by={}", site.key)),
        0,
        "PROVED",
        "signed by",
    );
    // Another run's, of the same key.
    site.signed("s");
    site.put_signature("r", &std::fs::read(site.signature("s")).unwrap());
    origin(site.verify("r"), 1, "FAILED", words);
}

/// gpg exits 0 for some of these.
#[test]
fn signatures_that_prove_nothing() {
    let site = Site::new();
    site.signed("r");
    let good = std::fs::read(site.signature("r")).unwrap();
    let other = site.host.key("other", SIGN_ONLY, "Expire-Date: 2y");
    let unknown = Home::new(site.path("unknown"), &Ring::new());
    let stranger = unknown.key("stranger", SIGN_ONLY, "Expire-Date: 2y");
    let manifest = std::fs::read(site.manifest("r")).unwrap();
    let sign = |options: &[&str]| site.sign("r", &site.key, options);
    let mut gpg = unknown.gpg();
    gpg.args(["--detach-sign", "--output=-", "--local-user", &stranger]);
    let by_stranger = tool(&mut gpg, &manifest);
    let mut gpg = site.host.gpg();
    gpg.args(["--clear-sign", "--output=-", "--local-user", &site.key]);
    let clear = tool(&mut gpg, &manifest);
    let by_other = site.sign("r", &other, &[]);
    let mut cases = Cases::new();
    for (signature, words) in [
        (
            [&good[..], &by_other].concat(),
            "is not alone: its file has 2",
        ),
        ([&good[..], &good].concat(), "is not alone: its file has 2"),
        (
            by_other,
            &*format!("is by {other}, a key that is not trusted"),
        ),
        (
            by_stranger,
            &format!("is by {stranger}, a key that is not trusted"),
        ),
        (sign(&["--textmode"]), "is of class 01"),
        (sign(&["--digest-algo=SHA1"]), "rests on MD5, SHA-1"),
        (
            sign(&["--faked-system-time=20270601T000000"]),
            "was made in the future, on 2027-06-01",
        ),
        ([&good[..], b"garbage"].concat(), "gpg reported NODATA"),
        (good[..good.len() - 1].to_vec(), "cannot be read"),
        (b"garbage".to_vec(), "cannot be read"),
        (Vec::new(), "cannot be read"),
        (clear, "cannot be read"),
        (vec![0; 65 * 1024], "too many to be one"),
    ] {
        cases.check(words, || {
            site.put_signature("r", &signature);
            origin(site.verify("r"), 1, "FAILED", words);
        });
    }
    std::fs::remove_file(site.signature("r")).unwrap();
    site.write("elsewhere.sig", "");
    std::fs::write(site.path("elsewhere.sig"), &good).unwrap();
    std::os::unix::fs::symlink(site.path("elsewhere.sig"), site.signature("r")).unwrap();
    origin(site.verify("r"), 1, "FAILED", "it is a symbolic link");
    std::fs::remove_file(site.signature("r")).unwrap();
    // In armor, and as gpg verifies it, it is one.
    site.put_signature("r", &sign(&["--armor"]));
    origin(site.verify("r"), 0, "PROVED", "signed by");
}

/// A key that expires does not take the proof from what it signed before.
#[test]
fn keys_that_ended() {
    let site = Site::new();
    let at = |time: &str| format!("--faked-system-time={time}");
    let expired = {
        let parameters =
            format!("%no-protection\n{SIGN_ONLY}Name-Real: short\nExpire-Date: 30d\n%commit\n");
        let mut gpg = site.host.gpg();
        gpg.args([&at("20260101T000000"), "--status-fd=1", "--gen-key"]);
        let out = String::from_utf8(tool(&mut gpg, parameters.as_bytes())).unwrap();
        let line = out
            .lines()
            .find(|line| line.contains("KEY_CREATED"))
            .unwrap();
        line.split_whitespace().nth(3).unwrap().to_string()
    };
    site.signed("r");
    let trusting = |key: &str| site.verify("r").arg(format!("--signed-by={key}"));
    let before = site.sign("r", &expired, &[&at("20260110T000000")]);
    let short_lived = ["--default-sig-expire=1d", &at("20260110T000000")];
    let ends = site.sign("r", &expired, &short_lived);
    // The verifier has the key as it was before its owner gave it more time.
    let verifier = Home::new(site.path("verifier"), &Ring::new());
    verifier.import(&site.host.export(&expired));
    let mut extend = site.host.gpg();
    extend.args([
        &at("20260111T000000"),
        "--quick-set-expire",
        &expired,
        "20y",
    ]);
    tool(&mut extend, b"");
    let after = site.sign("r", &expired, &[&at("20260301T000000")]);
    let late = || trusting(&expired).env("GNUPGHOME", &verifier.path);
    site.put_signature("r", &before);
    origin(
        late(),
        0,
        "PROVED",
        "signed 2026-01-10; the key expired 2026-01-31",
    );
    site.put_signature("r", &after);
    origin(
        late(),
        1,
        "FAILED",
        "was made on 2026-03-01, after its key expired on 2026-01-31",
    );
    origin(trusting(&expired), 0, "PROVED", "signed 2026-03-01");
    site.put_signature("r", &ends);
    origin(trusting(&expired), 1, "FAILED", "has expired");

    let revoked = site.host.key("revoked", SIGN_ONLY, "Expire-Date: 2y");
    site.put_signature("r", &site.sign("r", &revoked, &[]));
    origin(trusting(&revoked), 0, "PROVED", "signed by");
    site.host.import(&site.host.revocation(&revoked));
    origin(
        trusting(&revoked),
        1,
        "FAILED",
        "is by a key that is revoked",
    );
    let trust = format!("--signed-by={revoked}");
    let dbname = format!("--dbname={}", cluster().conninfo("x", "postgres"));
    let restore = site.pgseal("restore").args(["r", &dbname, &trust]);
    let sign = format!("pgseal sign r --envelope=FILE --sign-with=NEW_FPR {trust}");
    restore.run().fails(
        1,
        &[
            "is by a key that is revoked",
            &sign,
            "Then trust that key: --signed-by=NEW_FPR",
        ],
    );
}

/// What cannot be looked at is no answer: exit 3, with what to do.
#[test]
fn trusted_keys_that_are_not_here() {
    let site = Site::new();
    site.signed("r");
    let import = format!(
        "gpg --homedir {} --import KEYFILE",
        site.host.path.display()
    );
    let unknown = "A".repeat(40);
    let both = [
        format!("--signed-by={}", site.key),
        format!("--signed-by={unknown}"),
    ];
    each([&both[..], &both[1..]], |flags| {
        let words = ["no public key AAAA", "manifest's signature", &import];
        site.verify("r").args(flags).run().exits(3).says(&words);
    });
    let cut = site
        .host
        .key("with a subkey", CERTIFY_ONLY, "Expire-Date: 2y");
    let subkey = site.host.fingerprints(&cut).pop().unwrap();
    let run = site.verify("r").arg(format!("--signed-by={subkey}")).run();
    run.exits(3).says(&["is a subkey of", &cut]);
    site.verify("r").arg("--signed-by=ABCD").run().exits(2);
    // Only where there is a signature to look at.
    std::fs::remove_file(site.signature("r")).unwrap();
    origin(
        site.verify("r").arg(&both[1]),
        1,
        "FAILED",
        "it is not signed",
    );
    site.script("gpg", "exit 9");
    origin(
        site.verify("r").unset("PGSEAL_SIGNING_KEY"),
        0,
        "NOT_PROVED",
        "not signed",
    );
}

/// The recipient's secret key, and of the signer the public key alone.
#[test]
fn restored_elsewhere_by_the_signature() {
    let site = Site::new();
    let sealed = site.signed("r");
    let elsewhere = Home::new(site.path("elsewhere"), &Ring::new());
    let mut export = keys().secret.gpg();
    elsewhere.import(&tool(
        export.args(["--export-secret-keys", &keys().good]),
        b"",
    ));
    let target = Target::new();
    let restore = || {
        let run = restore_proved(&site, &sealed.path, &target);
        run.unset("PGSEAL_SIGNING_KEY")
            .env("GNUPGHOME", &elsewhere.path)
    };
    let by = |key: &str| format!("--signed-by={key}");
    restore()
        .run()
        .fails(1, &["nothing proves who sealed", "--signed-by FPR"]);
    let import = format!("gpg --homedir {} --import", elsewhere.path.display());
    restore()
        .arg(by(&site.key))
        .run()
        .fails(3, &["no public key", &import]);
    elsewhere.import(&site.host.export(&site.key));
    let foreign = restore()
        .args([by(&keys().good), "--origin-unproved".into()])
        .run();
    foreign.fails(1, &["a key that is not trusted", "nothing was decrypted"]);
    target.is_empty();
    let prove = prove(&site, &sealed.path).env("GNUPGHOME", &elsewhere.path);
    let proved = prove.unset("PGSEAL_SIGNING_KEY").arg(by(&site.key)).run();
    proved
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS", "signed by"]);
    let ran = restore().arg(by(&site.key)).run();
    ran.exits(0)
        .prints(&["RESTORE: PASS", "proved: the manifest is signed by"]);
    assert_eq!(
        target.sql("SELECT string_agg(m::text, ' ' ORDER BY id) FROM a"),
        "ok sad"
    );
}

/// An unsigned run under a config that trusts keys comes back by its envelope, or where the user
/// says so; what is signed wrongly does not.
#[test]
fn yesterdays_runs_come_back_by_their_envelopes() {
    let site = Site::new();
    let backup = site.backup(&["public.a"]).unset("PGSEAL_SIGNING_KEY");
    let sealed = site.sealed(&backup.arg("--run-id=old").run());
    let envelope = site.envelope(&sealed);
    let restore = |target: &Target| {
        let run = restore_proved(&site, &sealed.path, target);
        run.arg(format!("--signed-by={}", site.key))
    };
    let target = Target::new();
    restore(&target)
        .run()
        .fails(1, &["nothing proves who sealed", "--envelope FILE"]);
    target.is_empty();
    restore(&target).arg(&envelope).run().exits(0);
    let target = Target::new();
    restore(&target).arg("--origin-unproved").run().exits(0);
    let ran = prove(&site, &sealed.path).arg("--json").run().exits(1);
    assert_eq!(check(&ran.json(), "origin").0, "FAILED");
    prove(&site, &sealed.path).arg(&envelope).run().exits(0);

    site.put_signature("old", b"garbage");
    let target = Target::new();
    let keyring = Home::new(site.path("both"), &Ring::new());
    keyring.import(&site.host.export(&site.key));
    let mut export = keys().secret.gpg();
    keyring.import(&tool(
        export.args(["--export-secret-keys", &keys().good]),
        b"",
    ));
    let ran = restore(&target).args([&envelope, "--origin-unproved"]);
    ran.env("GNUPGHOME", &keyring.path)
        .run()
        .fails(1, &["origin: the manifest's signature cannot be read"]);
    target.is_empty();
}

/// A prelude that nothing binds to its artifact is proved by the manifest's hash of it.
#[test]
fn a_signed_manifest_vouches_for_an_early_prelude() {
    let site = Site::new();
    let sealed = site.signed("r");
    let path = forge(
        &site,
        &sealed.manifest,
        sealed.sql.as_bytes(),
        "early",
        |_| {},
    );
    let keyring = Home::new(site.path("both"), &Ring::new());
    keyring.import(&site.host.export(&site.key));
    keyring.import(&tool(
        keys()
            .secret
            .gpg()
            .args(["--export-secret-keys", &keys().good]),
        b"",
    ));
    site.put_signature("early", &site.sign("early", &site.key, &[]));
    let restore =
        |target: &Target| restore_proved(&site, &path, target).env("GNUPGHOME", &keyring.path);
    let target = Target::new();
    restore(&target)
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS", "says nothing of its prelude"]);
    // Another prelude in its place.
    let manifest = std::fs::read(site.manifest("early")).unwrap();
    forge_prelude(&site, b"SELECT 1;\n-- pgseal prelude complete\n", "early");
    std::fs::write(site.manifest("early"), manifest).unwrap();
    let target = Target::new();
    restore(&target).run().fails(1, &["prelude sha256"]);
    target.is_empty();
    assert_ne!(keyring.path, secret());
}
