//! verify without the secret key, on artifacts of the real pg_dump and gpg: take, yes; mutilate one way;
//! must say no, with its own message.

use super::bench::*;
use crate::support::{Cases, Ran, Ring, Running, each, eventually};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn yes_without_a_key() {
    let bench = Bench::new(&["a", "b"], &Ring::new());
    let ran = bench.pgseal(&["verify", "a"], b"");
    assert_eq!((ran.code(), ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    each(
        [
            "--",
            "origin:",
            "not proved",
            "content:",
            "recovery:",
            "VERIFY: PASS\n",
        ],
        |words| {
            assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
        },
    );
    assert!(!ran.stdout.contains("FAIL"), "{}", ran.stdout);

    let path = bench.path("a.sql.gpg").display().to_string();
    let (code, report) = bench.json(&["verify", &path], b"");
    assert_eq!((code, &report["result"]), (0, &"PASS".into()), "{report:#}");
    assert_eq!(report["schema"], "pgseal/verify/1");
    assert_eq!(report["run_id"], "a");
    assert_eq!(check(&report, "origin").unwrap().0, "NOT_PROVED");
    each(
        [
            "manifest",
            "artifact",
            "size",
            "sha256",
            "framing",
            "recipients",
        ],
        |proved| {
            assert_eq!(check(&report, proved).unwrap().0, "PROVED", "{proved}");
        },
    );
    // Elsewhere, and looked up beside itself.
    let far = Bench::new(&[], &Ring::new());
    for name in ["a.sql.gpg", "a.manifest.json"] {
        far.put(name, &bench.get(name));
    }
    let path = far.path("a.sql.gpg").display().to_string();
    assert_eq!(far.pgseal(&["verify", &path], b"").code(), 0);
}

#[test]
fn origin() {
    let bench = Bench::new(&["a", "b"], &Ring::new());
    let envelope = &taken().envelope;
    let kept: Value = serde_json::from_str(envelope).unwrap();
    let hash = kept["sha256"].as_str().unwrap();
    let file = bench.place.write("envelope", envelope);
    let file = file.to_str().unwrap();
    each(
        [
            (vec!["verify", "a", "--sha256", hash], ""),
            (vec!["verify", "a", "--envelope", "-"], envelope.as_str()),
            (
                vec!["verify", "a", "--envelope", file, "--sha256", hash],
                "",
            ),
        ],
        |(args, input)| {
            let (code, report) = bench.json(&args, input.as_bytes());
            assert_eq!(code, 0, "{report:#}");
            assert_eq!(check(&report, "origin").unwrap().0, "PROVED");
        },
    );
    // Another run of the same store is whole, and not the one.
    refused(&bench, &["b", "--sha256", hash], "origin", "was given");
    refused(
        &bench,
        &["b", "--envelope", file],
        "origin",
        "; it is of `a.sql.gpg`",
    );
    // Whoever can write the store writes artifact and manifest: only the kept hash tells.
    bench.put("a.sql.gpg", &bench.get("b.sql.gpg"));
    bench.put("a.manifest.json", &bench.get("b.manifest.json"));
    bench.manifest("a", |m| {
        m["run_id"] = "a".into();
        m["envelope"]["artifact_ref"] = "/x/a.sql.gpg".into();
    });
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code(), 0);
    refused(
        &bench,
        &["a", "--envelope", file],
        "origin",
        "the envelope says",
    );

    each(
        [
            &["--sha256", "abc"][..],
            &["--passphrase-fd", "3"],
            &["--no-such"],
        ],
        |args| {
            let ran = bench.pgseal(&[&["verify", "a"], args].concat(), b"");
            assert_eq!((ran.code(), ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        },
    );
    let both = [
        "verify",
        "a",
        "--decrypt",
        "--passphrase-fd=0",
        "--envelope=-",
    ];
    assert_eq!(bench.pgseal(&both, b"").code(), 2);
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
    let mut cases = Cases::new();
    for (bytes, name, words) in [
        (whole[..end - 1].to_vec(), "framing", "truncated at byte"),
        (whole[..end / 2].to_vec(), "framing", "truncated at byte"),
        (whole[..50].to_vec(), "framing", "truncated at byte 50"),
        (Vec::new(), "framing", "empty, no OpenPGP message"),
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
        cases.check((name, words), || {
            bench.put("a.sql.gpg", &bytes);
            refused(&bench, &["a"], name, words);
            refused(&bench, &["a"], "sha256", "the manifest says");
            if bytes.len() != end {
                refused(&bench, &["a"], "size", "the manifest says");
            }
        });
    }
    each(
        [("b.sql.gpg", "sha256"), ("c.sql.gpg", "recipients")],
        |(other, name)| {
            let bytes = &taken().files[other];
            bench.put("a.sql.gpg", bytes);
            // Of that size, or it might not be read.
            bench.manifest("a", |m| m["envelope"]["size_bytes"] = bytes.len().into());
            refused(&bench, &["a"], name, "the manifest says");
        },
    );

    bench.put("a.sql.gpg", &whole);
    bench.manifest("a", |m| m["envelope"]["size_bytes"] = end.into());
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code(), 0);
    let artifact = bench.path("a.sql.gpg");
    fs::set_permissions(&artifact, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&bench, &["a"], "artifact", "mode 0644");
    fs::rename(&artifact, bench.path("else")).unwrap();
    refused(&bench, &["a"], "artifact", "it is missing");
    std::os::unix::fs::symlink("else", &artifact).unwrap();
    refused(&bench, &["a"], "artifact", "symbolic link");
}

/// A sparse file costs its maker nothing; to hash it would take an hour.
#[test]
fn what_is_larger_than_the_manifest_says_is_not_read() {
    let bench = Bench::new(&["a"], &taken().ring);
    let hash = "0".repeat(64);
    let grow = |name: &str, size: u64| {
        let file = fs::OpenOptions::new().write(true).open(bench.path(name));
        file.unwrap().set_len(size).unwrap();
    };
    let not_read = |checks: [&str; 3], args: &[&str]| {
        let ran = bench.pgseal(&[&["verify", "a", "--json"], args].concat(), b"");
        ran.check(ran.took.as_secs() < 10, "it must not be read");
        let report = ran.exits(1).json();
        each(checks, |name| {
            let (standing, detail) = check(&report, name).unwrap();
            assert_eq!(standing, "NOT_PROVED", "{name}: {report:#}");
            assert!(detail.starts_with("not read: "), "{name}: {report:#}");
        });
        report
    };
    let artifact = ["sha256", "framing", "recipients"];
    let end = bench.get("a.sql.gpg").len() as u64;
    each([1 << 40, end + 1], |size| {
        grow("a.sql.gpg", size);
        refused(&bench, &["a"], "size", "bytes, the manifest says");
        let report = not_read(artifact, &["--decrypt"]);
        assert_eq!(report["sha256"], Value::Null);
        assert_eq!(report["size_bytes"], size);
        assert_eq!(check(&report, "content").unwrap().0, "NOT_PROVED");
        let report = not_read(artifact, &["--sha256", &hash]);
        assert_eq!(check(&report, "origin").unwrap().0, "FAILED");
    });
    // Without a manifest nothing says how large it should be.
    let manifest = bench.get("a.manifest.json");
    fs::remove_file(bench.path("a.manifest.json")).unwrap();
    refused(&bench, &["a"], "framing", "bytes after the end");

    grow("a.sql.gpg", end);
    bench.put("a.manifest.json", &manifest);
    bench.put("a.prelude.sql.gpg", &bench.get("a.sql.gpg"));
    bench.manifest("a", |m| {
        m["prelude"] = serde_json::json!({
            "file": "a.prelude.sql.gpg", "sha256": m["envelope"]["sha256"], "size_bytes": end,
        });
    });
    assert_eq!(bench.pgseal(&["verify", "a"], b"").code(), 0);
    grow("a.prelude.sql.gpg", 1 << 40);
    refused(&bench, &["a"], "prelude size", "bytes, the manifest says");
    not_read(
        ["prelude sha256", "prelude framing", "prelude recipients"],
        &[],
    );
}

#[test]
fn manifests_that_are_not() {
    let bench = Bench::new(&["a", "b"], &Ring::new());
    let manifest = bench.get("a.manifest.json");
    let mut cases = Cases::new();
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
        cases.check(words, || {
            bench.put("a.manifest.json", &bytes);
            refused(&bench, &["a"], "manifest", words);
        });
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
    let mut cases = Cases::new();
    for (lie, name, words) in lies {
        cases.check((name, words), || {
            bench.put("a.manifest.json", &manifest);
            bench.manifest("a", lie);
            refused(&bench, &["a"], name, words);
        });
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

    each(
        [("nope", 1), ("./nope", 3), ("b.manifest.json/", 3)],
        |(unknown, code)| {
            bench.pgseal(&["verify", unknown], b"").fails(code, &[]);
        },
    );
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
    let (code, report) = bench.json(&["verify", "a"], b"");
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(check(&report, "prelude binding").unwrap().0, "NOT_PROVED");
    // The manifest vouches for it, the artifact does not.
    let (_, report) = bench.json(&["verify", "a", "--decrypt"], b"");
    assert_eq!(check(&report, "prelude decryption").unwrap().0, "PROVED");
    refused(
        &bench,
        &["a", "--decrypt"],
        "prelude binding",
        "sealed without one",
    );

    bench.put("a.prelude.sql.gpg", &prelude[..prelude.len() - 1]);
    refused(&bench, &["a"], "prelude size", "the manifest says");
    refused(&bench, &["a"], "prelude framing", "truncated");
    let other = &taken().files["c.sql.gpg"];
    bench.put("a.prelude.sql.gpg", other);
    bench.manifest("a", |m| m["prelude"]["size_bytes"] = other.len().into());
    refused(&bench, &["a"], "prelude recipients", "the manifest says");
    fs::remove_file(bench.path("a.prelude.sql.gpg")).unwrap();
    refused(&bench, &["a"], "prelude", "it is missing");
    bench.manifest("a", |m| m["prelude"]["file"] = "../../etc/passwd".into());
    refused(&bench, &["a"], "manifest", "its prelude is");
}

/// Runs with an idle FIFO as standard input and as descriptor 3. `disturb` is called once it takes
/// signals.
fn idle(bench: &Bench, args: &[&str], disturb: impl FnOnce(&Running)) -> Ran {
    let never = fifo(bench, "idle");
    let run = bench.place.pgseal(args[0]).args(&args[1..]);
    let mut run = run
        .shell(&format!("exec \"$@\" 0<>{never} 3<>{never}"))
        .start();
    eventually("it takes signals", || run.is_over() || caught(run.pid()));
    disturb(&run);
    let ran = run.wait();
    ran.check(ran.took.as_secs() < 10, "it must not hang");
    ran
}

/// Has it taken over the last of its signals, SIGXFSZ?
fn caught(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let pgseal = status.starts_with("Name:\tpgseal\n");
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:\t"));
    pgseal && u64::from_str_radix(mask.unwrap(), 16).unwrap() >> 24 & 1 == 1
}

fn fifo(bench: &Bench, name: &str) -> String {
    let path = bench.place.path(name);
    let _ = fs::remove_file(&path);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    path.display().to_string()
}

/// Whatever a caller forgets to send: a signal and the limit end the wait.
#[test]
fn what_never_comes() {
    let bench = Bench::new(&["a"], &taken().ring);
    let fifo = format!("--envelope={}", fifo(&bench, "fifo"));
    each(
        [
            &["verify", "a", "--envelope=-"][..],
            &["verify", "a", &fifo],
            &["verify", "a", "--decrypt", "--passphrase-fd=0"],
            &["verify", "a", "--decrypt", "--passphrase-fd=3"],
            &["restore", "a", "--dbname=dbname=x", "--envelope=-"],
            &["prove-restore", "a", "--passphrase-fd=3"],
        ],
        |args| {
            each(
                [(Signal::INT, 130), (Signal::TERM, 143)],
                |(signal, code)| {
                    let ran = idle(&bench, args, |run| run.signal(signal));
                    ran.exits(code).says(&["interrupted by SIG"]);
                },
            );
            let ran = idle(&bench, &[args, &["--timeout=300ms"]].concat(), |_| {});
            ran.exits(4).says(&["not done within --timeout 300ms"]);
        },
    );
}

/// A FIFO's writer may come after us.
#[test]
fn what_comes_late() {
    let bench = Bench::new(&["a"], &Ring::new());
    let path = fifo(&bench, "fifo");
    let args = ["verify", "a", "--envelope", &path];
    let writer = path.clone();
    let ran = idle(&bench, &args, |_| {
        std::thread::spawn(|| fs::write(writer, &taken().envelope).unwrap());
    });
    assert_eq!(ran.exits(0).stderr, "");
}
