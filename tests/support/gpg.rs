//! Homes of GnuPG, and what is done to them by plain gpg.

use super::{names, tool};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const ECC: &str = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\n\
                       Subkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt\n";
pub const RSA: &str = "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\n\
                       Subkey-Type: RSA\nSubkey-Length: 2048\nSubkey-Usage: encrypt\n";
pub const SIGN_ONLY: &str = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\n";
/// Dates of a key that has expired.
pub const PAST: &str = "Creation-Date: 20200101T000000\nExpire-Date: 20200201T000000";

/// The files of a keyring, to put down elsewhere.
pub type Ring = BTreeMap<String, Vec<u8>>;

pub fn put_down(ring: &Ring, home: &Path) {
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    std::fs::create_dir_all(home).unwrap();
    mode(home, 0o700);
    for (name, bytes) in ring {
        let file = home.join(name);
        let folder = file.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        mode(folder, 0o700);
        std::fs::write(&file, bytes).unwrap();
        mode(&file, 0o600);
    }
}

/// A GNUPGHOME, whose agent ends with it.
pub struct Home {
    pub path: PathBuf,
}

impl Home {
    /// In a folder that is there or is made, with this keyring.
    pub fn new(path: PathBuf, ring: &Ring) -> Home {
        put_down(ring, &path);
        Home { path }
    }

    pub fn gpg(&self) -> Command {
        gpg(&self.path)
    }

    /// Makes a key without a passphrase; its fingerprint.
    pub fn key(&self, name: &str, shape: &str, dates: &str) -> String {
        let block = format!("%no-protection\n{shape}Name-Real: {name}\n{dates}\n%commit\n");
        self.generate(&[], &block)
    }

    pub fn protected_key(&self, passphrase: &str) -> String {
        // Here it need not be slow to guess.
        let quick = "s2k-count 65536\n";
        std::fs::write(self.path.join("gpg-agent.conf"), quick).unwrap();
        let block = format!("{ECC}Name-Real: protected\nExpire-Date: 2y\n%commit\n");
        let by_fd = ["--pinentry-mode=loopback", "--passphrase-fd=0"];
        self.generate(&by_fd, &format!("{passphrase}\n{block}"))
    }

    fn generate(&self, options: &[&str], input: &str) -> String {
        let mut gpg = self.gpg();
        gpg.args(options).args(["--status-fd=1", "--gen-key"]);
        let out = String::from_utf8(tool(&mut gpg, input.as_bytes())).unwrap();
        let line = out.lines().find(|line| line.contains("KEY_CREATED"));
        line.unwrap().split_whitespace().nth(3).unwrap().to_string()
    }

    /// Primary key and subkeys.
    pub fn fingerprints(&self, key: &str) -> Vec<String> {
        let listing = tool(self.gpg().args(["--with-colons", "--list-keys", key]), b"");
        let listing = String::from_utf8(listing).unwrap();
        let lines = listing.lines().filter(|line| line.starts_with("fpr:"));
        lines
            .map(|line| line.split(':').nth(9).unwrap().to_string())
            .collect()
    }

    /// The public part.
    pub fn export(&self, key: &str) -> Vec<u8> {
        tool(self.gpg().args(["--export", key]), b"")
    }

    pub fn import(&self, bytes: &[u8]) {
        tool(self.gpg().arg("--import"), bytes);
    }

    pub fn delete(&self, key: &str) {
        tool(self.gpg().args(["--yes", "--delete-keys", key]), b"");
    }

    pub fn disable(&self, key: &str) {
        let edit = ["--command-fd=0", "--edit-key", key];
        tool(self.gpg().args(edit), b"disable\nsave\n");
    }

    /// What revokes a key that was made here.
    pub fn revocation(&self, key: &str) -> Vec<u8> {
        let file = self.path.join(format!("openpgp-revocs.d/{key}.rev"));
        let text = std::fs::read_to_string(file).unwrap();
        // It is stored with a colon in front, so that nobody imports it by accident.
        text.replace(":-----BEGIN", "-----BEGIN").into_bytes()
    }

    pub fn public(&self) -> Ring {
        let files = ["pubring.kbx", "trustdb.gpg"].iter();
        files
            .filter_map(|name| Some((name.to_string(), std::fs::read(self.path.join(name)).ok()?)))
            .collect()
    }

    /// With the secret keys.
    pub fn secret(&self) -> Ring {
        let mut ring = self.public();
        for name in names(&self.path.join("private-keys-v1.d")) {
            let name = format!("private-keys-v1.d/{name}");
            ring.insert(name.clone(), std::fs::read(self.path.join(name)).unwrap());
        }
        ring
    }
}

pub fn gpg(home: &Path) -> Command {
    let mut gpg = Command::new("gpg");
    gpg.env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .arg("--homedir")
        .arg(home)
        .args(["--batch", "--no-tty"]);
    gpg
}

/// In a home that pgseal or a script used.
pub fn end_agent(home: &Path) {
    for ask in [["--kill", "all"].as_slice(), &["--remove-socketdir"]] {
        let mut gpgconf = Command::new("gpgconf");
        let _ = gpgconf.arg("--homedir").arg(home).args(ask).output();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        end_agent(&self.path);
    }
}
