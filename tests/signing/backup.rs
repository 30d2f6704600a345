//! Backups that are signed, and keys that cannot sign.

use super::site::{CERTIFY_ONLY, Site, TABLE, check, origin};
use crate::support::{Cases, ECC, Home, PAST, Ring, SIGN_ONLY, Test, each, end_agent, keys, tool};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[test]
fn a_backup_is_signed_and_gpg_alone_verifies_it() {
    let site = Site::new();
    site.signed("r");
    let files = [
        "manifest.json",
        "manifest.json.sig",
        "prelude.sql.gpg",
        "sql.gpg",
    ];
    assert_eq!(site.files(), files.map(|ending| format!("r.{ending}")));
    let mode = std::fs::metadata(site.signature("r")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
    // A rename sets it: the manifest, which makes the run complete, had its name last.
    let named = |path: &Path| {
        let meta = std::fs::metadata(path).unwrap();
        (meta.ctime(), meta.ctime_nsec())
    };
    assert!(named(&site.signature("r")) <= named(&site.manifest("r")));
    let mut gpg = site.host.gpg();
    gpg.args(["--status-fd=1", "--verify"])
        .args([site.signature("r"), site.manifest("r")]);
    let said = String::from_utf8(tool(&mut gpg, b"")).unwrap();
    assert!(
        said.contains("GOODSIG") && said.contains(&site.key),
        "{said}"
    );
    let told = format!("proved: the manifest is signed by {}", site.key);
    origin(site.verify("r"), 0, "PROVED", &told);
    // Not signed, and nothing of it in the store.
    let plain = site.backup(&["public.a"]).unset("PGSEAL_SIGNING_KEY");
    plain.arg("--run-id=u").run().exits(0);
    assert!(!site.signature("u").exists());
    let list = site.pgseal("list").run().exits(0).stdout;
    let cells = |run: &str| -> Vec<String> {
        let line = list
            .lines()
            .find(|line| line.trim_start().starts_with(run))
            .unwrap();
        line.split_whitespace().take(3).map(String::from).collect()
    };
    assert_eq!(cells("RUN"), ["RUN", "STATE", "SIGNED"]);
    assert_eq!(cells("r "), ["r", "complete", "yes"]);
    assert_eq!(cells("u "), ["u", "complete", "no"]);
    let listing = site.pgseal("list").arg("--json").run().json();
    let signed = |at: usize| listing["runs"][at]["signed"].as_bool().unwrap();
    assert!(signed(0) && !signed(1), "{listing:#}");
}

#[test]
fn the_key_comes_from_flag_environment_and_file() {
    let mut site = Site::new();
    let other = site.host.key("other", SIGN_ONLY, "Expire-Date: 2y");
    let third = site.host.key("third", SIGN_ONLY, "Expire-Date: 2y");
    let config = site.write("pgseal.toml", &format!("[signing]\nkey = \"{third}\"\n"));
    site.set("PGSEAL_CONFIG", &config);
    let signer = |run: &str| {
        let (_, detail) = check(
            &site
                .verify(run)
                .arg("--signed-by")
                .arg(match run {
                    "flag" => &other,
                    "env" => &site.key,
                    _ => &third,
                })
                .run()
                .exits(0)
                .json(),
            "origin",
        );
        detail
    };
    let backup = |run: &str| site.backup(&["public.a"]).arg(format!("--run-id={run}"));
    backup("flag")
        .arg(format!("--sign-with={}", other.to_lowercase()))
        .run()
        .exits(0);
    backup("env").run().exits(0);
    backup("file").unset("PGSEAL_SIGNING_KEY").run().exits(0);
    assert!(signer("flag").contains(&other));
    assert!(signer("env").contains(&site.key));
    assert!(signer("file").contains(&third));
}

#[test]
fn settings_that_are_wrong() {
    let mut site = Site::new();
    let backup = || site.backup(&["public.a"]);
    let mut cases = Cases::new();
    for (value, words) in [
        ("", "the fingerprint is empty"),
        ("ABCD", "has 4 hex digits"),
        ("signer@example.org", "is not a fingerprint"),
    ] {
        cases.check(value, || {
            let ran = backup().env("PGSEAL_SIGNING_KEY", value).run();
            ran.fails(3, &["environment PGSEAL_SIGNING_KEY", words]);
            backup().arg(format!("--sign-with={value}")).run().exits(2);
        });
    }
    let trusted = format!("--signed-by={}", keys().good);
    backup().arg(trusted).run().fails(
        3,
        &[
            "the signing key",
            &site.key,
            "is not among the keys that are trusted",
        ],
    );
    let twice = format!("--signed-by={}", site.key);
    backup()
        .args([&twice, &twice])
        .run()
        .fails(2, &["is named twice"]);
    let twice_in_file = format!("[signing]\ntrusted = [\"{0}\", \"{0}\"]", site.key);
    let mut cases = Cases::new();
    for (text, words) in [
        ("[signing]\nkeys = \"x\"", "Did you mean `key`?"),
        (
            "[signing]\nkey = \"x\"",
            "[signing] key: \"x\" is not a fingerprint",
        ),
        (
            "[signing]\ntrusted = [\"x\"]",
            "[signing] trusted: \"x\" is not",
        ),
        (&*twice_in_file, "is named twice"),
    ] {
        cases.check(text, || {
            let config = site.write("pgseal.toml", text);
            let ran = site.backup(&["public.a"]).env("PGSEAL_CONFIG", config);
            ran.unset("PGSEAL_SIGNING_KEY").run().fails(3, &[words]);
        });
    }
    site.store_is_empty();
    site.set("PGSEAL_SIGNING_KEY", "x");
    let report = site
        .pgseal("readiness")
        .args(["--json", "--table=public.a"]);
    let report = report.run().exits(1).json();
    assert_eq!(report["verdict"]["backup_key"], "FAILED", "{report:#}");
}

/// Refused before a dump starts, dry or not, with the key's name and what to do.
#[test]
fn keys_that_cannot_sign() {
    let site = Site::new();
    let elsewhere = Home::new(site.path("elsewhere"), &Ring::new());
    let make = |shape: &str, dates: &str| site.host.key("unfit", shape, dates);
    let year = "Expire-Date: 1y";
    let encrypt_only = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: cert\n\
                        Subkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt\n";
    let revoked = make(SIGN_ONLY, year);
    site.host.import(&site.host.revocation(&revoked));
    let disabled = make(SIGN_ONLY, year);
    site.host.disable(&disabled);
    let public_only = elsewhere.key("elsewhere", SIGN_ONLY, year);
    site.host.import(&elsewhere.export(&public_only));
    let with_subkey = make(CERTIFY_ONLY, year);
    let subkey = site.host.fingerprints(&with_subkey).pop().unwrap();
    let import = format!("gpg --homedir {} --import", site.host.path.display());
    site.shim_dump("echo started >> $HOME/dumped; exec $real \"$@\"");
    let mut cases = Cases::new();
    for (key, words) in [
        ("A".repeat(40), ["no public key AAAA", import.as_str()]),
        (
            public_only,
            ["its secret key is not on this host", "--sign-with"],
        ),
        (
            make(encrypt_only, year),
            ["cannot sign", "operator-package --signing"],
        ),
        (
            make(SIGN_ONLY, PAST),
            ["has expired", "operator-package --signing"],
        ),
        (revoked, ["is revoked", "operator-package --signing"]),
        (disabled, ["is disabled", "enable quit"]),
        (subkey, ["is a subkey of", with_subkey.as_str()]),
    ] {
        cases.check(words, || {
            each([&[][..], &["--dry-run"]], |dry| {
                let run = site.backup(&["public.a"]).args(dry.iter().copied());
                let run = run.env("PGSEAL_SIGNING_KEY", &key);
                run.run().fails(3, &[&key[..16], words[0], words[1]]);
            });
            let run = site
                .pgseal("guard")
                .args(["--table=public.a", "--", "true"]);
            let ran = run.env("PGSEAL_SIGNING_KEY", &key).run().exits(125);
            ran.says(&words);
            let report = site
                .pgseal("readiness")
                .args(["--json", "--table=public.a"]);
            let report = report.env("PGSEAL_SIGNING_KEY", &key).run().exits(1).json();
            assert_eq!(report["verdict"]["backup_key"], "FAILED", "{report:#}");
            let row = &report["rows"][2];
            assert!(row.to_string().contains(words[0]), "{row:#}");
            // Each command once.
            let list = site.pgseal("preflight").arg("--table=public.a");
            let list = list.env("PGSEAL_SIGNING_KEY", &key).run().exits(1).stdout;
            let make = "pgseal operator-package --signing";
            assert!(list.matches(make).count() <= 1, "{list}");
        });
    }
    site.store_is_empty();
    assert!(!site.path("home/dumped").exists(), "no dump was started");
}

/// A signing subkey under a primary that only certifies and one that could sign itself, where the
/// primary's secret key is elsewhere.
#[test]
fn a_subkey_signs() {
    let site = Site::new();
    let offline = Home::new(site.path("offline"), &Ring::new());
    let both = CERTIFY_ONLY.replacen("Key-Usage: cert", "Key-Usage: sign,cert", 1);
    each([("cert", CERTIFY_ONLY), ("both", &both)], |(run, shape)| {
        let key = offline.key(run, shape, "Expire-Date: 2y");
        let export = tool(offline.gpg().args(["--export-secret-subkeys", &key]), b"");
        site.host.import(&export);
        let ran = site.backup(&["public.a"]).arg(format!("--run-id={run}"));
        ran.env("PGSEAL_SIGNING_KEY", &key).run().exits(0);
        let told = format!("signed by {key}");
        let verify = site.verify(run).env("PGSEAL_SIGNING_KEY", &key);
        origin(verify, 0, "PROVED", &told);
    });
}

const PASSPHRASE: &str = "open sesame";

/// Unlocks a key in the agent, as an operator does it.
fn unlock(host: &Home, key: &str) {
    let mut gpg = host.gpg();
    gpg.args(["--pinentry-mode=loopback", "--passphrase-fd=0"])
        .args(["--local-user", key, "--output=-", "--sign"]);
    tool(&mut gpg, format!("{PASSPHRASE}\nx").as_bytes());
}

#[test]
fn a_locked_key_is_refused_and_one_that_the_agent_forgets_leaves_nothing() {
    let site = Site::new();
    let key = site.host.protected_key(PASSPHRASE);
    let backup = || {
        let run = site.backup(&["public.a"]);
        run.env("PGSEAL_SIGNING_KEY", &key)
    };
    end_agent(&site.host.path);
    let locked = ["it is locked", "default-cache-ttl", "without a passphrase"];
    backup().run().fails(3, &locked);
    backup().arg("--dry-run").run().fails(3, &locked);
    unlock(&site.host, &key);
    backup().arg("--run-id=r").run().exits(0);
    let kept = site.files();
    assert_eq!(kept.len(), 4);
    // The agent ends while the dump runs.
    site.shim_dump("gpgconf --homedir $HOME/../gnupg --kill gpg-agent; exec $real \"$@\"");
    unlock(&site.host, &key);
    let ran = backup().run();
    ran.fails(
        4,
        &[
            "cannot back up `public.a` (database `",
            "): cannot sign",
            "nothing was written",
            locked[0],
            locked[1],
            locked[2],
        ],
    );
    assert_eq!(site.files(), kept);
}

/// What gpg hands out is verified before anything gets its name.
#[test]
fn a_signature_that_would_prove_nothing_is_not_kept() {
    let site = Site::new();
    let other = site.host.key("other", SIGN_ONLY, "Expire-Date: 2y");
    let wrong = |script: &str| site.shim("gpg", "*--detach-sign*", script);
    let mut cases = Cases::new();
    for (script, words) in [
        // Lines of /etc/gnupg/gpg.conf can do this.
        (
            format!("exec $real --local-user={other} \"$@\""),
            "is not alone: its file has 2",
        ),
        (
            "exec $real --digest-algo=SHA1 \"$@\"".into(),
            "rests on MD5, SHA-1",
        ),
        ("cat >/dev/null; exit 0".into(), "gpg found none"),
        (
            "sed s/pgseal/other/ | $real \"$@\"".into(),
            "does not fit these bytes",
        ),
    ] {
        cases.check(words, || {
            wrong(&script);
            site.backup(&["public.a"])
                .run()
                .fails(3, &["cannot sign with", words]);
            site.store_is_empty();
        });
    }
    // Right before the dump, wrong after it.
    let later = "if [ -e $HOME/before ]; then sed s/pgseal/other/ | $real \"$@\"; \
                 else touch $HOME/before; exec $real \"$@\"; fi";
    wrong(later);
    site.backup(&["public.a"])
        .run()
        .fails(4, &["does not fit these bytes", "nothing was written"]);
    site.store_is_empty();
}

#[test]
fn what_else_takes_a_backup_signs_and_judges_it() {
    let site = Site::new();
    let guard = |command: &[&str]| {
        let run = site
            .pgseal("guard")
            .args(["--run-id=g", "--table=public.a", "--"]);
        run.args(command.to_vec()).run()
    };
    guard(&["true"]).exits(0).says(&["it verifies"]);
    assert!(site.signature("g").exists());
    let ran = site
        .pgseal("prove-backup")
        .args(["--table=public.a", "--json"])
        .run();
    let report = ran.exits(0).json();
    let told = format!("signed by {}", site.key);
    let checks = report["checks"].as_array().unwrap().iter();
    let proved = checks.filter(|check| check["check"] == "origin" && check["standing"] == "PROVED");
    assert_eq!(proved.count(), 2, "{report:#}");
    assert!(report.to_string().contains(&told));
}

/// Somebody puts a file of that name there while the dump runs.
#[test]
fn a_signature_that_cannot_get_its_name_ends_the_run() {
    let site = Site::new();
    site.shim_dump("echo x > $HOME/../store/r.manifest.json.sig; exec $real \"$@\"");
    let backup = || site.backup(&["public.a"]).arg("--run-id=r");
    backup()
        .run()
        .fails(5, &["cannot publish", "manifest.json.sig", "--run-id"]);
    assert_eq!(site.files(), ["r.manifest.json.sig"]);
    backup().run().fails(5, &["run id `r` is taken"]);
    assert_eq!(std::fs::read_to_string(site.signature("r")).unwrap(), "x\n");
}

/// Stopped at any moment: four files or none, and never a manifest without its signature.
#[test]
fn killed_at_any_moment_a_run_with_a_manifest_is_signed() {
    let site = Site::new();
    each((0..300).step_by(23).enumerate(), |(at, milliseconds)| {
        let run = site
            .backup(&["public.a"])
            .arg(format!("--run-id=r{at}"))
            .start();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        run.signal(rustix::process::Signal::KILL);
        run.wait();
        let complete = site.manifest(&format!("r{at}")).exists();
        assert!(!complete || site.signature(&format!("r{at}")).exists());
    });
    site.signed("last");
    origin(site.verify("last"), 0, "PROVED", &site.key);
    let left = site
        .files()
        .into_iter()
        .filter(|name| name.ends_with(".partial"));
    assert_eq!(left.count(), 0);
}

#[test]
fn readiness_tells_of_the_signing_key() {
    let site = Site::new();
    let row = |key: &str| {
        let run = site
            .pgseal("readiness")
            .args(["--json", "--table=public.a"]);
        let report = run.env("PGSEAL_SIGNING_KEY", key).run().json();
        let row = report["rows"][2].clone();
        assert_eq!(
            (&row["component"], &row["state"]),
            (&"backup_key".into(), &"READY".into()),
            "{row:#}"
        );
        row.to_string()
    };
    let fit = row(&site.key);
    each(
        [
            &site.key,
            "signs",
            "expires 20",
            "environment PGSEAL_SIGNING_KEY",
        ],
        |words| {
            assert!(fit.contains(words), "{words}: {fit}");
        },
    );
    assert!(!fit.contains("can also decrypt"), "{fit}");
    let both = site.host.key("both", ECC, "Expire-Date: 9d");
    let told = row(&both);
    assert!(
        told.contains("can also decrypt") && told.contains("expires in"),
        "{told}"
    );
}

/// Who signs nothing has no agent started and no key asked for.
#[test]
fn without_a_signing_key_nothing_of_it_is_asked() {
    let test = Test::of(TABLE);
    test.shim("gpg", "*--detach-sign*|*--verify*", "exit 9");
    test.backup(&["public.a"]).arg("--run-id=r").run().exits(0);
    let verify = test.pgseal("verify").args(["r", "--json"]);
    origin(verify, 0, "NOT_PROVED", "it is not signed");
    assert!(!Path::new(&test.path("gnupg/S.gpg-agent")).exists());
}

/// For people: the line of JSON has what it always had.
#[test]
fn a_dry_run_shows_what_signs() {
    let site = Site::new();
    let dry = || site.backup(&["public.a"]).arg("--dry-run");
    let ran = dry().run().exits(0);
    let sign = ran.stderr.lines().find(|line| line.starts_with("  sign: "));
    let sign = sign.unwrap_or_else(|| panic!("{}", ran.stderr));
    assert!(
        sign.contains("--detach-sign") && sign.contains(&site.key),
        "{sign}"
    );
    let unsigned = dry().unset("PGSEAL_SIGNING_KEY").run().exits(0);
    assert!(!unsigned.stderr.contains("  sign: "), "{}", unsigned.stderr);
}
