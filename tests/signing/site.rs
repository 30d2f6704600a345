//! A database, a store, and a host whose keyring holds a signing key with its secret part.

use crate::support::{Home, Pgseal, Ran, SIGN_ONLY, Sealed, Test, keys, tool};
use serde_json::Value;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

pub const TABLE: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok');
                         CREATE TABLE a (id int PRIMARY KEY, m mood);
                         INSERT INTO a VALUES (1, 'ok'), (2, 'sad')";

/// For signing subkeys below a primary that only certifies.
pub const CERTIFY_ONLY: &str = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: cert\n\
                                Subkey-Type: EDDSA\nSubkey-Curve: ed25519\nSubkey-Usage: sign\n";

pub struct Site {
    // Before the test, which looks for what is left: its agent ends with it.
    pub host: Home,
    pub key: String,
    test: Test,
}

impl Deref for Site {
    type Target = Test;

    fn deref(&self) -> &Test {
        &self.test
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut Test {
        &mut self.test
    }
}

impl Site {
    /// Signs with a key of its own, by PGSEAL_SIGNING_KEY.
    pub fn new() -> Site {
        let mut test = Test::of(TABLE);
        let host = Home::new(test.path("gnupg"), &keys().public);
        let key = host.key("signer", SIGN_ONLY, "Expire-Date: 2y");
        test.set("PGSEAL_SIGNING_KEY", &key);
        Site { host, key, test }
    }

    pub fn signed(&self, run_id: &str) -> Sealed {
        let ran = self.backup(&["public.a"]).arg(format!("--run-id={run_id}"));
        self.sealed(&ran.run())
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.store().join(name)
    }

    pub fn signature(&self, run_id: &str) -> PathBuf {
        self.file(&format!("{run_id}.manifest.json.sig"))
    }

    pub fn manifest(&self, run_id: &str) -> PathBuf {
        self.file(&format!("{run_id}.manifest.json"))
    }

    /// Puts other bytes in the place of a signature.
    pub fn put_signature(&self, run_id: &str, bytes: &[u8]) {
        std::fs::write(self.signature(run_id), bytes).unwrap();
        self.mode(&self.signature(run_id), 0o600);
    }

    /// A signature of a run's manifest by plain gpg, with these options.
    pub fn sign(&self, run_id: &str, key: &str, options: &[&str]) -> Vec<u8> {
        let mut gpg = self.host.gpg();
        gpg.args(options)
            .args(["--detach-sign", "--output=-", "--local-user", key]);
        tool(&mut gpg, &std::fs::read(self.manifest(run_id)).unwrap())
    }

    pub fn envelope(&self, sealed: &Sealed) -> String {
        let line = sealed.manifest["envelope"].to_string();
        let path = self.write(&format!("{}.envelope", sealed.run_id), &line);
        format!("--envelope={}", path.display())
    }

    pub fn verify(&self, run_id: &str) -> Pgseal<'_> {
        self.pgseal("verify").args([run_id, "--json"])
    }
}

/// Standing and detail of a report's first check of this name.
pub fn check(report: &Value, name: &str) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name}: {report:#}"));
    let text = |key: &str| found[key].as_str().unwrap().to_string();
    (text("standing"), text("detail"))
}

/// `verify` ends with this code, and says this of the origin.
#[track_caller]
pub fn origin(ran: Pgseal<'_>, code: i32, standing: &str, words: &str) {
    let ran: Ran = ran.run().exits(code);
    let (found, detail) = check(&ran.json(), "origin");
    let holds = found == standing && detail.contains(words);
    ran.check(holds, &format!("origin must be {standing}, with {words:?}"));
}
