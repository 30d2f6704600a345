//! verify --decrypt: what only the holder of the secret key can tell.

use super::bench::*;
use crate::support::{Cases, Ring, each, sha256, tool};
use serde_json::Value;
use std::fs;

#[test]
fn yes_with_the_key() {
    let bench = Bench::new(&["a"], &taken().ring);
    let (code, report) = bench.json(&["verify", "a", "--decrypt"], b"");
    assert_eq!(code, 0, "{report:#}");
    each(["decryption", "content", "plaintext", "rows"], |proved| {
        assert_eq!(check(&report, proved).unwrap().0, "PROVED", "{proved}");
    });
    assert_eq!(check(&report, "rows").unwrap().1, "304 in 4 tables");
    assert_eq!(check(&report, "recovery").unwrap().0, "NOT_PROVED");
    assert_eq!(bench.names(), ["a.manifest.json", "a.sql.gpg"]);
}

/// gpg's group is not the terminal's foreground one; its agent's pinentry reads the terminal all the
/// same.
#[test]
fn a_passphrase_typed_on_a_terminal() {
    let bench = Bench::new(&["p"], &taken().protected);
    let conf = bench.home.path.join("gpg-agent.conf");
    fs::write(conf, "pinentry-program /usr/bin/pinentry-curses\n").unwrap();
    let log = bench.place.path("log");
    let script = format!(
        "(until grep --quiet --ignore-case 'passphrase' {log}; do sleep 0.1; done
          sleep 1; printf '%s\\r' '{PASSPHRASE}'; sleep 5) |
         exec script --quiet --return --flush \
             --command \"stty rows 40 cols 100; $(printf '%q ' \"$@\")\" {log}",
        log = log.display()
    );
    let verify = bench.place.pgseal("verify").args(["p", "--decrypt"]);
    let ran = verify.env("TERM", "xterm").shell(&script).run().exits(0);
    let said = ran.stdout.contains("304 in 4 tables");
    ran.check(said, "it must be opened");
}

#[test]
fn every_compression() {
    let bench = Bench::new(&["deflate", "none", "zstd"], &taken().ring);
    each(["deflate", "none", "zstd"], |run| {
        let (code, report) = bench.json(&["verify", run, "--decrypt"], b"");
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(check(&report, "rows").unwrap().1, "304 in 4 tables");
    });
    // The manifest says that there is no zstd inside, or that there is.
    bench.put("zstd.sql.gpg", &bench.get("zstd.sql.zst.gpg"));
    fs::remove_file(bench.path("zstd.sql.zst.gpg")).unwrap();
    bench.manifest("zstd", |m| {
        m["compression"] = "none".into();
        m["envelope"]["artifact_ref"] = "/x/zstd.sql.gpg".into();
    });
    let (code, report) = bench.json(&["verify", "zstd", "--decrypt"], b"");
    assert_eq!(code, 1, "{report:#}");
    assert_eq!(check(&report, "content").unwrap().0, "FAILED");
    bench.put("none.sql.zst.gpg", &bench.get("none.sql.gpg"));
    fs::remove_file(bench.path("none.sql.gpg")).unwrap();
    bench.manifest("none", |m| {
        m["compression"] = "zstd".into();
        m["envelope"]["artifact_ref"] = "/x/none.sql.zst.gpg".into();
    });
    refused(
        &bench,
        &["none", "--decrypt"],
        "content",
        "zstd frame is broken",
    );
}

/// What only decryption finds: a manifest that lies, or an artifact with a manifest to fit it.
#[test]
fn lies_that_only_the_key_finds() {
    let bench = Bench::new(&["a"], &taken().ring);
    let manifest = bench.get("a.manifest.json");
    type Lie = fn(&mut Value);
    let lies: [(Lie, &str, &str); 5] = [
        (
            |m| m["tables"][0]["rows"] = 1.into(),
            "rows",
            "the manifest says 1 in",
        ),
        (
            |m| m["plaintext"]["sha256"] = "0".repeat(64).into(),
            "plaintext",
            "the manifest says 0000",
        ),
        (
            |m| m["plaintext"]["size_bytes"] = 9_999_999.into(),
            "plaintext",
            "the manifest says 9999999",
        ),
        (
            |m| m["tables"][0]["name"] = "zzz".into(),
            "content",
            "which was not asked for",
        ),
        (
            |m| {
                let mut more = m["tables"][0].clone();
                more["name"] = "zzz".into();
                more["rows"] = 0.into();
                more["bytes"] = 0.into();
                m["tables"].as_array_mut().unwrap().push(more);
            },
            "content",
            "the rows of `public.zzz` are missing",
        ),
    ];
    each(lies, |(lie, name, words)| {
        bench.put("a.manifest.json", &manifest);
        bench.manifest("a", lie);
        assert_eq!(bench.pgseal(&["verify", "a"], b"").code(), 0);
        refused(&bench, &["a", "--decrypt"], name, words);
    });
    // A flipped bit whose hash the manifest was made to fit.
    let mut bytes = bench.get("a.sql.gpg");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bench.put("a.sql.gpg", &bytes);
    let hash = sha256(&bytes);
    bench.put("a.manifest.json", &manifest);
    bench.manifest("a", |m| m["envelope"]["sha256"] = hash.into());
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code(), 0);
    let (code, report) = bench.json(&["verify", "a", "--decrypt"], b"");
    assert_eq!(code, 1, "{report:#}");
    assert_eq!(report["result"], "FAIL");

    // Made by somebody who has the public key and nothing else, with a manifest to fit it.
    let out = bench.home.path.join("forged");
    let mut forge = bench.home.gpg();
    forge
        .args(["--trust-model=always", "--encrypt", "--recipient"])
        .arg(&taken().fingerprint)
        .arg("--output")
        .arg(&out);
    tool(&mut forge, b"\\! touch /tmp/x\nDROP TABLE public.a;\n");
    let bytes = fs::read(&out).unwrap();
    let hash = sha256(&bytes);
    bench.put("a.sql.gpg", &bytes);
    bench.manifest("a", |m| {
        m["envelope"]["sha256"] = hash.into();
        m["envelope"]["size_bytes"] = bytes.len().into();
    });
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code(), 0);
    refused(&bench, &["a", "--decrypt"], "content", "a psql command");
}

#[test]
fn keys_and_passphrases() {
    each([&taken().public, &taken().other], |ring| {
        let bench = Bench::new(&["a"], ring);
        let ran = bench.pgseal(&["verify", "a", "--decrypt"], b"");
        ran.fails(3, &["no secret key"]);
    });
    let bench = Bench::new(&["a"], &Ring::new());
    let ran = bench.pgseal(&["verify", "a", "--decrypt"], b"");
    assert_eq!(ran.code(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("no keyring in"), "{}", ran.stderr);

    let bench = Bench::new(&["p"], &taken().protected);
    // Nobody to ask: no terminal, no descriptor.
    let ran = bench.pgseal(&["verify", "p", "--decrypt"], b"");
    assert_eq!((ran.code(), ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("--passphrase-fd N"), "{}", ran.stderr);
    let by_fd = ["verify", "p", "--decrypt", "--passphrase-fd=0"];
    let ran = bench.pgseal(&by_fd, b"wrong\n");
    ran.fails(3, &["the passphrase is wrong"]);
    let mut cases = Cases::new();
    for (input, words) in [
        (&b""[..], "holds no passphrase"),
        (&[b'x'; 9000], "too long"),
    ] {
        cases.check(words, || {
            let ran = bench.pgseal(&by_fd, input);
            assert_eq!(ran.code(), 3);
            assert!(ran.stderr.contains(words), "{}", ran.stderr);
        });
    }
    let ran = bench.pgseal(&["verify", "p", "--decrypt", "--passphrase-fd=77"], b"");
    assert_eq!(ran.code(), 3);
    assert!(
        ran.stderr.contains("--passphrase-fd 77: is not open"),
        "{}",
        ran.stderr
    );

    let (code, report) = bench.json(&by_fd, format!("{PASSPHRASE}\n").as_bytes());
    assert_eq!(code, 0, "{report:#}");

    // Another descriptor, with a fresh agent that has not seen the passphrase.
    let bench = Bench::new(&["p"], &taken().protected);
    let ran = bench
        .place
        .pgseal("verify")
        .args(["p", "--decrypt", "--passphrase-fd", "3"])
        .shell(&format!("exec \"$@\" 3<<<'{PASSPHRASE}'"))
        .run();
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains(PASSPHRASE) && !ran.stderr.contains(PASSPHRASE));
}
