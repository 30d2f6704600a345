//! verify, list and prune on artifacts of the real pg_dump and gpg: take, yes; mutilate one way;
//! must say no, with its own message.

#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code)]
mod verify_support;

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use verify_support::*;

/// Says no, and this check says why.
fn refused(bench: &Bench, args: &[&str], name: &str, words: &str) {
    let (code, report) = bench.json(&[&["verify"], args].concat(), b"");
    let found = check(&report, name);
    let (standing, detail) = found.unwrap_or_else(|| panic!("{name}: {report:#}"));
    assert_eq!((code, standing), (Some(1), "FAILED"), "{name}: {report:#}");
    assert_eq!(report["result"], "FAIL");
    assert!(
        detail.contains(words),
        "{name}: {detail:?} has no {words:?}"
    );
}

#[test]
fn yes_without_a_key() {
    let bench = Bench::new(&["a", "b"], &Ring::new());
    let ran = bench.pgseal(&["verify", "a"], b"");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    for words in [
        "--",
        "origin:",
        "not proved",
        "content:",
        "recovery:",
        "VERIFY: PASS\n",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    assert!(!ran.out.contains("FAIL"), "{}", ran.out);

    let path = bench.path("a.sql.gpg").display().to_string();
    let (code, report) = bench.json(&["verify", &path], b"");
    assert_eq!(
        (code, &report["result"]),
        (Some(0), &"PASS".into()),
        "{report:#}"
    );
    assert_eq!(report["schema"], "pgseal/verify/1");
    assert_eq!(report["run_id"], "a");
    assert_eq!(check(&report, "origin").unwrap().0, "NOT_PROVED");
    for proved in [
        "manifest",
        "artifact",
        "size",
        "sha256",
        "framing",
        "recipients",
    ] {
        assert_eq!(check(&report, proved).unwrap().0, "PROVED", "{proved}");
    }
    // Elsewhere, and looked up beside itself.
    let far = Bench::new(&[], &Ring::new());
    for name in ["a.sql.gpg", "a.manifest.json"] {
        far.put(name, &bench.get(name));
    }
    let path = far.path("a.sql.gpg").display().to_string();
    assert_eq!(far.pgseal(&["verify", &path], b"").code, Some(0));
}

#[test]
fn yes_with_the_key() {
    let bench = Bench::new(&["a"], &taken().ring);
    let (code, report) = bench.json(&["verify", "a", "--decrypt"], b"");
    assert_eq!(code, Some(0), "{report:#}");
    for proved in ["decryption", "content", "plaintext", "rows"] {
        assert_eq!(check(&report, proved).unwrap().0, "PROVED", "{proved}");
    }
    assert_eq!(check(&report, "rows").unwrap().1, "304 in 4 tables");
    assert_eq!(check(&report, "recovery").unwrap().0, "NOT_PROVED");
    assert_eq!(bench.names(), ["a.manifest.json", "a.sql.gpg"]);
}

#[test]
fn origin() {
    let bench = Bench::new(&["a", "b"], &Ring::new());
    let envelope = &taken().envelope;
    let kept: Value = serde_json::from_str(envelope).unwrap();
    let hash = kept["sha256"].as_str().unwrap();
    let file = folder();
    let file = file.path().join("envelope");
    fs::write(&file, envelope).unwrap();
    let file = file.to_str().unwrap();
    for (args, input) in [
        (vec!["verify", "a", "--sha256", hash], ""),
        (vec!["verify", "a", "--envelope", "-"], envelope.as_str()),
        (
            vec!["verify", "a", "--envelope", file, "--sha256", hash],
            "",
        ),
    ] {
        let (code, report) = bench.json(&args, input.as_bytes());
        assert_eq!(code, Some(0), "{report:#}");
        assert_eq!(check(&report, "origin").unwrap().0, "PROVED");
    }
    // Another run of the same store is whole, and not the one.
    refused(&bench, &["b", "--sha256", hash], "origin", "was given");
    refused(
        &bench,
        &["b", "--envelope", file],
        "origin",
        "the envelope says",
    );
    refused(
        &bench,
        &["a", "--envelope", "/nonexistent"],
        "origin",
        "cannot be read",
    );
    // Whoever can write the store writes artifact and manifest: only the kept hash tells.
    bench.put("a.sql.gpg", &bench.get("b.sql.gpg"));
    bench.put("a.manifest.json", &bench.get("b.manifest.json"));
    bench.manifest("a", |m| {
        m["run_id"] = "a".into();
        m["envelope"]["artifact_ref"] = "/x/a.sql.gpg".into();
    });
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code, Some(0));
    refused(
        &bench,
        &["a", "--envelope", file],
        "origin",
        "the envelope says",
    );

    for args in [
        &["--sha256", "abc"][..],
        &["--passphrase-fd", "3"],
        &["--no-such"],
    ] {
        let ran = bench.pgseal(&[&["verify", "a"], args].concat(), b"");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    }
    let both = [
        "verify",
        "a",
        "--decrypt",
        "--passphrase-fd=0",
        "--envelope=-",
    ];
    assert_eq!(bench.pgseal(&both, b"").code, Some(2));
}

#[test]
fn mutilated() {
    let bench = Bench::new(&["a"], &Ring::new());
    let whole = bench.get("a.sql.gpg");
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x01;
        bytes
    };
    let end = whole.len();
    for (bytes, name, words) in [
        (whole[..end - 1].to_vec(), "framing", "truncated at byte"),
        (whole[..end / 2].to_vec(), "framing", "truncated at byte"),
        (whole[..50].to_vec(), "framing", "truncated at byte 50"),
        (Vec::new(), "framing", "empty, no OpenPGP message"),
        (
            [&whole[..], b"\n"].concat(),
            "framing",
            "bytes after the end",
        ),
        (
            [&whole[..], &whole[..]].concat(),
            "framing",
            "bytes after the end",
        ),
        (flipped(0), "framing", ""),
        (flipped(5), "recipients", "the manifest says"),
        (flipped(40), "sha256", "the manifest says"),
        (flipped(end / 2), "sha256", "the manifest says"),
        (flipped(end - 1), "sha256", "the manifest says"),
        (
            b"COPY public.a FROM stdin;\n".to_vec(),
            "framing",
            "no OpenPGP packet",
        ),
    ] {
        bench.put("a.sql.gpg", &bytes);
        refused(&bench, &["a"], name, words);
        refused(&bench, &["a"], "sha256", "the manifest says");
        if bytes.len() != end {
            refused(&bench, &["a"], "size", "the manifest says");
        }
    }
    bench.put("a.sql.gpg", &taken().files["b.sql.gpg"]);
    refused(&bench, &["a"], "sha256", "the manifest says");
    bench.put("a.sql.gpg", &taken().files["c.sql.gpg"]);
    refused(&bench, &["a"], "recipients", "the manifest says");

    bench.put("a.sql.gpg", &whole);
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code, Some(0));
    let artifact = bench.path("a.sql.gpg");
    fs::set_permissions(&artifact, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&bench, &["a"], "artifact", "mode 0644");
    fs::rename(&artifact, bench.path("else")).unwrap();
    refused(&bench, &["a"], "artifact", "it is missing");
    std::os::unix::fs::symlink("else", &artifact).unwrap();
    refused(&bench, &["a"], "artifact", "symbolic link");
}

#[test]
fn manifests_that_are_not() {
    let bench = Bench::new(&["a", "b"], &Ring::new());
    let manifest = bench.get("a.manifest.json");
    for (bytes, words) in [
        (b"".to_vec(), "it is empty"),
        (b"{}".to_vec(), "it is not a manifest"),
        (
            manifest[..manifest.len() / 2].to_vec(),
            "it is not a manifest",
        ),
        (
            br#"{"schema":"pgseal/manifest/9"}"#.to_vec(),
            "its schema is",
        ),
        (bench.get("b.manifest.json"), "it is of run `b`, not `a`"),
    ] {
        bench.put("a.manifest.json", &bytes);
        refused(&bench, &["a"], "manifest", words);
    }
    type Lie = fn(&mut Value);
    let lies: [(Lie, &str, &str); 10] = [
        (
            |m| m["envelope"]["size_bytes"] = 7.into(),
            "size",
            "the manifest says 7",
        ),
        (
            |m| m["envelope"]["sha256"] = "0".repeat(64).into(),
            "sha256",
            "the manifest says 0000",
        ),
        (
            |m| m["envelope"]["sha256"] = "x".into(),
            "manifest",
            "sha256 is \"x\"",
        ),
        (
            |m| m["recipients"][0]["encryption_subkey"] = "A".repeat(40).into(),
            "recipients",
            "the manifest says AAAAAAAAAAAAAAAA",
        ),
        (
            |m| m["recipients"][0]["fingerprint"] = "A".repeat(40).into(),
            "manifest",
            "is not its first recipient",
        ),
        (
            |m| m["recipients"] = Value::Array(Vec::new()),
            "manifest",
            "not its first",
        ),
        (
            |m| m["tables"] = Value::Array(Vec::new()),
            "manifest",
            "it names no table",
        ),
        (
            |m| m["tables"][1] = m["tables"][0].clone(),
            "manifest",
            "is in it twice",
        ),
        (
            |m| m["compression"] = "rot13".into(),
            "manifest",
            "not a compression method",
        ),
        (
            |m| m["envelope"]["artifact_ref"] = "/x/b.sql.gpg".into(),
            "manifest",
            "its artifact is `/x/b.sql.gpg`",
        ),
    ];
    for (lie, name, words) in lies {
        bench.put("a.manifest.json", &manifest);
        bench.manifest("a", lie);
        refused(&bench, &["a"], name, words);
    }
    // An orphan: what can be said without a manifest is said, and it is not enough.
    fs::remove_file(bench.path("a.manifest.json")).unwrap();
    refused(&bench, &["a"], "manifest", "an orphan");
    let (_, report) = bench.json(&["verify", "a"], b"");
    assert_eq!(check(&report, "framing").unwrap().0, "PROVED");
    assert_eq!(report["manifest"], Value::Null);
    let stray = bench.path("stray").display().to_string();
    bench.put("stray", &bench.get("a.sql.gpg"));
    refused(&bench, &[&stray], "manifest", "none can be looked up");

    for unknown in ["nope", "./nope", "b.manifest.json/"] {
        let ran = bench.pgseal(&["verify", unknown], b"");
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    }
}

/// The second file of a run is held to the same.
#[test]
fn preludes() {
    let bench = Bench::new(&["a"], &taken().ring);
    let prelude = taken().files["b.sql.gpg"].clone();
    let envelope: Value = serde_json::from_slice(&taken().files["b.manifest.json"]).unwrap();
    let hash = envelope["envelope"]["sha256"].clone();
    bench.put("a.prelude.sql.gpg", &prelude);
    refused(&bench, &["a"], "prelude", "the manifest names none");
    bench.manifest("a", |m| {
        m["prelude"] = serde_json::json!({
            "file": "a.prelude.sql.gpg", "sha256": hash, "size_bytes": prelude.len(),
        });
    });
    let (code, report) = bench.json(&["verify", "a", "--decrypt"], b"");
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(check(&report, "prelude decryption").unwrap().0, "PROVED");

    bench.put("a.prelude.sql.gpg", &prelude[..prelude.len() - 1]);
    refused(&bench, &["a"], "prelude size", "the manifest says");
    refused(&bench, &["a"], "prelude framing", "truncated");
    bench.put("a.prelude.sql.gpg", &taken().files["c.sql.gpg"]);
    refused(&bench, &["a"], "prelude recipients", "the manifest says");
    fs::remove_file(bench.path("a.prelude.sql.gpg")).unwrap();
    refused(&bench, &["a"], "prelude", "it is missing");
    bench.manifest("a", |m| m["prelude"]["file"] = "../../etc/passwd".into());
    refused(&bench, &["a"], "manifest", "its prelude is");
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
    for (lie, name, words) in lies {
        bench.put("a.manifest.json", &manifest);
        bench.manifest("a", lie);
        assert_eq!(bench.pgseal(&["verify", "a"], b"").code, Some(0));
        refused(&bench, &["a", "--decrypt"], name, words);
    }
    // A flipped bit whose hash the manifest was made to fit.
    let mut bytes = bench.get("a.sql.gpg");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bench.put("a.sql.gpg", &bytes);
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    bench.put("a.manifest.json", &manifest);
    bench.manifest("a", |m| m["envelope"]["sha256"] = hash.into());
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code, Some(0));
    let (code, report) = bench.json(&["verify", "a", "--decrypt"], b"");
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(report["result"], "FAIL");

    // Made by somebody who has the public key and nothing else, with a manifest to fit it.
    let out = bench.home.0.path().join("forged");
    let forged = bench.home.gpg(
        &[
            "--trust-model=always",
            "--encrypt",
            "--recipient",
            &taken().fingerprint,
            "--output",
            out.to_str().unwrap(),
        ],
        b"\\! touch /tmp/x\nDROP TABLE public.a;\n",
    );
    assert_eq!(forged.code, Some(0), "{}", forged.err);
    let bytes = fs::read(&out).unwrap();
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    bench.put("a.sql.gpg", &bytes);
    bench.manifest("a", |m| {
        m["envelope"]["sha256"] = hash.into();
        m["envelope"]["size_bytes"] = bytes.len().into();
    });
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code, Some(0));
    refused(&bench, &["a", "--decrypt"], "content", "a psql command");
}

#[test]
fn keys_and_passphrases() {
    let bench = Bench::new(&["a"], &taken().public);
    refused(&bench, &["a", "--decrypt"], "decryption", "no secret key");
    let bench = Bench::new(&["a"], &taken().other);
    refused(&bench, &["a", "--decrypt"], "decryption", "no secret key");
    let bench = Bench::new(&["a"], &Ring::new());
    let ran = bench.pgseal(&["verify", "a", "--decrypt"], b"");
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("no keyring in"), "{}", ran.err);

    let bench = Bench::new(&["p"], &taken().protected);
    // Nobody to ask: no terminal, no descriptor.
    let ran = bench.pgseal(&["verify", "p", "--decrypt"], b"");
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{}", ran.err);
    assert!(ran.err.contains("--passphrase-fd N"), "{}", ran.err);
    let by_fd = ["verify", "p", "--decrypt", "--passphrase-fd=0"];
    let (code, report) = bench.json(&by_fd, b"wrong\n");
    let why = check(&report, "decryption").unwrap();
    assert_eq!(
        (code, why),
        (Some(1), ("FAILED", "the passphrase is wrong"))
    );
    for (input, words) in [
        (&b""[..], "holds no passphrase"),
        (&[b'x'; 9000], "too long"),
    ] {
        let ran = bench.pgseal(&by_fd, input);
        assert_eq!(ran.code, Some(3));
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    let ran = bench.pgseal(&["verify", "p", "--decrypt", "--passphrase-fd=77"], b"");
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.err.contains("--passphrase-fd 77: is not open"),
        "{}",
        ran.err
    );

    let (code, report) = bench.json(&by_fd, format!("{PASSPHRASE}\n").as_bytes());
    assert_eq!(code, Some(0), "{report:#}");

    // Another descriptor, with a fresh agent that has not seen the passphrase.
    let bench = Bench::new(&["p"], &taken().protected);
    let mut shell = std::process::Command::new("bash");
    let inner = pgseal(bench.home.0.path(), bench.store.path(), &[]);
    shell.args([
        "-c",
        &format!("exec \"$0\" verify p --decrypt --passphrase-fd 3 3<<<'{PASSPHRASE}'"),
    ]);
    shell.arg(inner.get_program()).env_clear();
    shell.envs(
        inner
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let ran = run(&mut shell, b"");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains(PASSPHRASE) && !ran.err.contains(PASSPHRASE));
}

#[test]
fn list() {
    let bench = Bench::new(&[], &Ring::new());
    let ran = bench.pgseal(&["list"], b"");
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.ends_with("is empty\n"), "{}", ran.out);
    let (_, listing) = bench.json(&["list"], b"");
    assert_eq!(
        (&listing["schema"], &listing["runs"]),
        (&"pgseal/list/1".into(), &serde_json::json!([]))
    );

    let bench = Bench::new(&["a", "b", "c"], &Ring::new());
    bench.put("b.sql.gpg", b"short");
    fs::remove_file(bench.path("c.manifest.json")).unwrap();
    bench.put("d.sql.gpg.partial", b"x");
    bench.put("e.manifest.json", b"{");
    bench.put("f.manifest.json", &bench.get("a.manifest.json"));
    bench.put("g.prelude.sql.gpg", b"x");
    fs::create_dir(bench.path("h.sql.gpg")).unwrap();
    bench.put("README", b"not ours");
    let (code, listing) = bench.json(&["list"], b"");
    assert_eq!(code, Some(0));
    let mut states: Vec<(&str, &str)> = listing["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            (
                run["run_id"].as_str().unwrap(),
                run["state"].as_str().unwrap(),
            )
        })
        .collect();
    states.sort_unstable();
    assert_eq!(
        states,
        [
            ("a", "complete"),
            ("b", "broken"),
            ("c", "orphan"),
            ("d", "partial"),
            ("e", "broken"),
            ("f", "broken"),
            ("g", "orphan"),
            ("h", "broken"),
        ]
    );
    let runs = listing["runs"].as_array().unwrap();
    let a = runs.iter().find(|run| run["run_id"] == "a").unwrap();
    assert_eq!((&a["rows"], &a["tables"]), (&304.into(), &5.into()));
    assert_eq!(a["recipients"], serde_json::json!([taken().fingerprint]));
    let text = bench.pgseal(&["list"], b"").out;
    for words in [
        "RUN",
        "complete",
        "`f` is",
        "its manifest is of run `a`",
        &taken().fingerprint,
    ] {
        assert!(text.contains(words) || words == "`f` is", "{words}: {text}");
    }
    assert_eq!(
        bench.pgseal(&["list", "--store", "/nonexistent"], b"").code,
        Some(5)
    );
}

/// Complete runs of the given ages in hours.
fn aged(ages: &[i64]) -> Bench {
    let bench = Bench::new(&[], &Ring::new());
    let now = jiff::Timestamp::now();
    for age in ages {
        let id = format!("r{age}");
        bench.put(&format!("{id}.sql.gpg"), &taken().files["a.sql.gpg"]);
        bench.put(
            &format!("{id}.manifest.json"),
            &taken().files["a.manifest.json"],
        );
        bench.manifest(&id, |m| {
            m["run_id"] = id.clone().into();
            m["envelope"]["artifact_ref"] = format!("/x/{id}.sql.gpg").into();
            let made = now.as_second() - age * 3600;
            m["created_at"] = jiff::Timestamp::from_second(made)
                .unwrap()
                .to_string()
                .into();
        });
    }
    bench
}

fn left(bench: &Bench) -> Vec<String> {
    let names = bench.names().into_iter();
    names
        .filter_map(|name| Some(name.strip_suffix(".sql.gpg")?.to_string()))
        .collect()
}

#[test]
fn prune() {
    let bench = aged(&[1, 2, 30, 400]);
    let all = bench.names();
    let (code, pruning) = bench.json(&["prune", "--keep-last", "1", "--keep-within", "40d"], b"");
    assert_eq!(
        (code, &pruning["remove"]),
        (Some(0), &serde_json::json!([])),
        "{pruning:#}"
    );
    let (_, pruning) = bench.json(&["prune", "--keep-last", "2"], b"");
    let ids = |list: &Value| -> Vec<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|run| run["run_id"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(pruning["schema"], "pgseal/prune/1");
    assert_eq!(
        (ids(&pruning["remove"]), &pruning["applied"]),
        (vec!["r400".into(), "r30".into()], &false.into())
    );
    // Dry by default.
    assert_eq!(bench.names(), all);
    let said = bench.pgseal(&["prune", "--keep-last", "2"], b"").out;
    assert!(said.contains("nothing was, give --apply"), "{said}");

    // What is not complete stays, and so does what is not ours.
    bench.put("orphan.sql.gpg", b"x");
    bench.put("old.sql", b"not ours");
    let (_, pruning) = bench.json(
        &[
            "prune",
            "--keep-last",
            "1",
            "--keep-within",
            "36h",
            "--apply",
        ],
        b"",
    );
    assert_eq!(
        (ids(&pruning["remove"]), ids(&pruning["reported"])),
        (vec!["r400".into()], vec!["orphan".into()])
    );
    assert_eq!(left(&bench), ["orphan", "r1", "r2", "r30"]);
    assert!(!bench.path("r400.manifest.json").exists() && bench.path("old.sql").exists());

    // Never the newest good one, however old.
    let ran = bench.pgseal(
        &[
            "prune",
            "--keep-last",
            "0",
            "--keep-within",
            "1s",
            "--apply",
        ],
        b"",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(left(&bench), ["orphan", "r1"]);
    for args in [
        &["prune", "--keep-last", "0"][..],
        &["prune"],
        &["prune", "--keep-last", "x"],
    ] {
        assert_eq!(bench.pgseal(args, b"").code, Some(2));
    }
    let empty = Bench::new(&[], &Ring::new());
    let ran = empty.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "nothing to remove\n")
    );
}

#[test]
fn prune_keeps_the_newest_that_verifies() {
    let bench = aged(&[1, 2, 3]);
    let mut rotten = bench.get("r1.sql.gpg");
    rotten[200] ^= 1;
    bench.put("r1.sql.gpg", &rotten);
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert!(ran.out.contains("does not verify: sha256"), "{}", ran.out);
    assert_eq!(
        (ran.code, left(&bench)),
        (Some(0), vec!["r1".into(), "r2".into()])
    );
    bench.put("r2.sql.gpg", &rotten);
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains("no run in the store verifies"),
        "{}",
        ran.err
    );
    assert_eq!(left(&bench), ["r1", "r2"]);
}

#[test]
fn prune_takes_the_lock() {
    let bench = aged(&[1, 2]);
    let held = fs::File::open(bench.store.path()).unwrap();
    held.lock().unwrap();
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    assert_eq!(left(&bench), ["r1", "r2"]);
    assert_eq!(
        bench.pgseal(&["prune", "--keep-last", "1"], b"").code,
        Some(0)
    );
}
