//! Artifacts taken once from a real server; every test mutilates its own copy.

use crate::support::{ECC, Home, Place, Ran, Ring, Test};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

pub const SQL: &str = r#"
CREATE TABLE public.a (id int PRIMARY KEY, x text);
INSERT INTO public.a SELECT n, repeat('row ', 50) FROM generate_series(1, 300) n;
CREATE TABLE public."Odd ""T" (x text, y text);
INSERT INTO public."Odd ""T" VALUES (E'\\.', E'a\nb'), ('COPY x FROM stdin;', NULL);
CREATE TABLE public.part (id int) PARTITION BY RANGE (id);
CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES FROM (0) TO (10);
INSERT INTO public.part VALUES (1), (2);
CREATE TABLE public.none (x int);
"#;
pub const TABLES: [&str; 4] = [
    "--table=public.a",
    "--table=public.\"Odd \"\"T\"",
    "--table=public.part",
    "--table=public.none",
];

pub const PASSPHRASE: &str = "open sesame";

/// Two runs for one key and one for each other compression, named like it; one run for a second
/// key, one for a protected third.
pub struct Taken {
    pub files: BTreeMap<String, Vec<u8>>,
    pub envelope: String,
    pub fingerprint: String,
    pub ring: Ring,
    pub public: Ring,
    pub other: Ring,
    pub protected: Ring,
}

pub fn taken() -> &'static Taken {
    static TAKEN: OnceLock<Taken> = OnceLock::new();
    TAKEN.get_or_init(|| {
        let test = Test::of(SQL);
        let homes =
            ["own", "other", "protected"].map(|name| Home::new(test.path(name), &Ring::new()));
        let [own, other, protected] = &homes;
        let fingerprint = own.key("own", ECC, "Expire-Date: 2y");
        let mut envelope = String::new();
        for id in ["a", "b", "deflate", "none", "zstd"] {
            let ran = backup(&test, own, &fingerprint, id);
            if id == "a" {
                envelope = ran.stdout;
            }
        }
        backup(
            &test,
            other,
            &other.key("other", ECC, "Expire-Date: 2y"),
            "c",
        );
        backup(&test, protected, &protected.protected_key(PASSPHRASE), "p");
        let files = test.files().into_iter();
        Taken {
            files: files
                .map(|name| (name.clone(), fs::read(test.store().join(name)).unwrap()))
                .collect(),
            envelope,
            fingerprint,
            ring: own.secret(),
            public: own.public(),
            other: other.secret(),
            protected: protected.secret(),
        }
    })
}

fn backup(test: &Test, home: &Home, fingerprint: &str, id: &str) -> Ran {
    let compress = match id {
        "deflate" | "none" | "zstd" => id,
        _ => "gpg:6",
    };
    test.pgseal("backup")
        .args(["--no-prelude", "--compress", compress, "--run-id", id])
        .args(TABLES)
        .env("GNUPGHOME", &home.path)
        .env("BACKUP_GPG_FPR", fingerprint)
        .run()
        .exits(0)
}

/// A store with copies of some runs, and a keyring. No server.
pub struct Bench {
    // Before the place, which looks for what is left: its agent ends with it.
    pub home: Home,
    pub place: Place,
}

impl Bench {
    pub fn new(runs: &[&str], ring: &Ring) -> Bench {
        let place = Place::new();
        let bench = Bench {
            home: Home::new(place.path("gnupg"), ring),
            place,
        };
        for (name, bytes) in &taken().files {
            if runs.iter().any(|id| name.starts_with(&format!("{id}."))) {
                bench.put(name, bytes);
            }
        }
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.store().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        self.place.mode(&self.path(name), 0o600);
    }

    pub fn get(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        self.place.files()
    }

    pub fn manifest(&self, id: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let name = format!("{id}.manifest.json");
        let mut value = serde_json::from_slice(&self.get(&name)).unwrap();
        change(&mut value);
        self.put(&name, value.to_string().as_bytes());
    }

    pub fn pgseal(&self, args: &[&str], input: &[u8]) -> Ran {
        let run = self.place.pgseal(args[0]).args(&args[1..]);
        run.input(input).run()
    }

    /// The one document on standard output.
    pub fn json(&self, args: &[&str], input: &[u8]) -> (i32, serde_json::Value) {
        let ran = self.pgseal(&[args, &["--json"]].concat(), input);
        (ran.code(), ran.json())
    }
}

/// Standing and detail of one check of a report.
pub fn check<'a>(report: &'a serde_json::Value, check: &str) -> Option<(&'a str, &'a str)> {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|finding| finding["check"] == check)?;
    Some((
        found["standing"].as_str().unwrap(),
        found["detail"].as_str().unwrap(),
    ))
}

/// verify says no, and this check says why.
pub fn refused(bench: &Bench, args: &[&str], name: &str, words: &str) {
    let (code, report) = bench.json(&[&["verify"], args].concat(), b"");
    let found = check(&report, name);
    let (standing, detail) = found.unwrap_or_else(|| panic!("{name}: {report:#}"));
    assert_eq!((code, standing), (1, "FAILED"), "{name}: {report:#}");
    assert_eq!(report["result"], "FAIL");
    assert!(
        detail.contains(words),
        "{name}: {detail:?} has no {words:?}"
    );
}
