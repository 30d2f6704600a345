//! The real gpg, with a key that lives as long as the test.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const KEY: &str = "\
%no-protection
Key-Type: EDDSA
Key-Curve: ed25519
Key-Usage: sign,cert
Subkey-Type: ECDH
Subkey-Curve: cv25519
Subkey-Usage: encrypt
Name-Real: pgseal test
Expire-Date: 1d
";

pub(crate) struct Gpg {
    home: TempDir,
    pub(crate) fingerprint: String,
    /// Of the encryption subkey, as gpg spells it.
    pub(crate) key_id: String,
}

impl Gpg {
    pub(crate) fn new() -> Self {
        let home = tempfile::Builder::new().prefix("gpg").tempdir().unwrap();
        let mut gpg = Self {
            home,
            fingerprint: String::new(),
            key_id: String::new(),
        };
        let made = gpg.run(&["--pinentry-mode", "error", "--gen-key"], KEY.as_bytes());
        assert!(made.status.success(), "{made:?}");
        let listed = gpg.run(&["--with-colons", "--list-keys"], b"");
        let listed = String::from_utf8(listed.stdout).unwrap();
        let field = |kind: &str, n: usize| {
            let line = listed
                .lines()
                .find(|line| line.split(':').next() == Some(kind));
            line.unwrap().split(':').nth(n).unwrap().to_owned()
        };
        gpg.fingerprint = field("fpr", 9);
        gpg.key_id = field("sub", 4);
        gpg
    }

    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let stdin = self.home.path().join("input");
        fs::write(&stdin, input).unwrap();
        command("gpg", self.home.path())
            .args(["--batch", "--no-tty", "--no-options", "--status-fd", "2"])
            .args(args)
            .stdin(File::open(&stdin).unwrap())
            .output()
            .unwrap()
    }

    pub(crate) fn encrypt(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let to = [
            "--trust-model",
            "always",
            "--encrypt",
            "--recipient",
            &self.fingerprint,
        ];
        let sealed = self.run(&[args, &to[..]].concat(), input);
        assert!(
            sealed.status.success(),
            "{:?}",
            String::from_utf8_lossy(&sealed.stderr)
        );
        sealed.stdout
    }

    pub(crate) fn decrypt(&self, sealed: &[u8]) -> OpenFile {
        let opened = self.run(&["--pinentry-mode", "error", "--decrypt"], sealed);
        let stderr = String::from_utf8_lossy(&opened.stderr);
        let said = |word: &str| stderr.contains(&format!("[GNUPG:] {word}"));
        OpenFile {
            code: opened.status.code(),
            vouched: said("DECRYPTION_OKAY\n") && said("PLAINTEXT "),
            data: opened.stdout,
        }
    }
}

pub(crate) struct OpenFile {
    pub(crate) code: Option<i32>,
    /// By the status lines, which alone may lie as well as the exit code alone.
    pub(crate) vouched: bool,
    pub(crate) data: Vec<u8>,
}

impl Drop for Gpg {
    fn drop(&mut self) {
        for ask in [["--kill", "all"].as_slice(), &["--remove-socketdir"]] {
            let _ = command("gpgconf", self.home.path()).args(ask).output();
        }
    }
}

fn command(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("GNUPGHOME", home);
    command
}
