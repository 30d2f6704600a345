//! The keys of the tests: made once, without passphrases, in a keyring that no test's pgseal sees.
//! What pgseal sees is a copy of the public one.

use super::{cluster, tool};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Primary fingerprints.
pub struct Keys {
    pub good: String,
    /// Of `good`: its encryption subkey.
    pub good_subkey: String,
    pub second: String,
    pub rsa2048: String,
    pub sign_only: String,
    pub expired: String,
    pub subkey_expired: String,
    pub revoked: String,
    pub disabled: String,
    /// In a few days.
    pub expires_soon: String,
    /// Not in the public keyring.
    pub absent: String,
}

const ECC: &str = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\n\
                   Subkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt\n";

pub(super) fn make_folders(dir: &Path) {
    for name in ["secret", "public"] {
        let path = dir.join(name);
        std::fs::create_dir(&path).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, mode).unwrap();
    }
}

fn gpg(home: &str) -> Command {
    let mut gpg = Command::new("gpg");
    gpg.env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .arg("--homedir")
        .arg(cluster().dir.join(home))
        .args(["--batch", "--no-tty"]);
    gpg
}

fn make(name: &str, shape: &str, dates: &str) -> String {
    let block = format!("%no-protection\n{shape}Name-Real: {name}\n{dates}\n%commit\n");
    let out = tool(
        gpg("secret").args(["--status-fd=1", "--gen-key"]),
        block.as_bytes(),
    );
    let out = String::from_utf8(out).unwrap();
    let line = out
        .lines()
        .find(|line| line.contains("KEY_CREATED"))
        .unwrap();
    line.split_whitespace().nth(3).unwrap().to_string()
}

/// The public keyring and the fingerprints in it.
pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let year = "Expire-Date: 1y";
        let rsa = "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\n\
                   Subkey-Type: RSA\nSubkey-Length: 2048\nSubkey-Usage: encrypt\n";
        let sign = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\n";
        let past = "Creation-Date: 20200101T000000\nExpire-Date: 20200201T000000";
        let absent = make("absent", ECC, year);
        let mut keys = Keys {
            good: make("good", ECC, year),
            good_subkey: String::new(),
            second: make("second", ECC, year),
            rsa2048: make("rsa", rsa, year),
            sign_only: make("sign only", sign, year),
            expired: make("expired", ECC, past),
            subkey_expired: make("subkey expired", sign, "Creation-Date: 20200101T000000"),
            revoked: make("revoked", ECC, year),
            disabled: make("disabled", ECC, year),
            expires_soon: make("soon", ECC, "Expire-Date: 9d"),
            absent,
        };
        tool(
            gpg("secret")
                .args(["--pinentry-mode=loopback", "--passphrase", ""])
                .args(["--faked-system-time", "20200102T000000!", "--quick-add-key"])
                .args([&keys.subkey_expired, "cv25519", "encr", "1d"]),
            b"",
        );
        let secret = cluster().dir.join("secret");
        let certificate = format!("openpgp-revocs.d/{}.rev", keys.revoked);
        let certificate = std::fs::read_to_string(secret.join(certificate)).unwrap();
        // It is stored with a colon in front, so that nobody imports it by accident.
        let certificate = certificate.replace(":-----BEGIN", "-----BEGIN");
        tool(gpg("secret").arg("--import"), certificate.as_bytes());

        let listing = tool(
            gpg("secret").args(["--with-colons", "--list-keys", &keys.good]),
            b"",
        );
        let listing = String::from_utf8(listing).unwrap();
        let mut fingerprints = listing.lines().filter(|line| line.starts_with("fpr:"));
        let subkey = fingerprints.next_back().unwrap().split(':').nth(9).unwrap();
        keys.good_subkey = subkey.to_string();

        let all = tool(gpg("secret").arg("--export"), b"");
        tool(gpg("public").arg("--import"), &all);
        tool(
            gpg("public").args(["--yes", "--delete-keys", &keys.absent]),
            b"",
        );
        let disable = ["--command-fd=0", "--edit-key", &keys.disabled];
        tool(gpg("public").args(disable), b"disable\nsave\n");
        keys
    })
}

/// As the owner of the secret key does it, by plain gpg.
pub fn decrypt(artifact: &Path) -> Vec<u8> {
    tool(gpg("secret").arg("--decrypt").arg(artifact), b"")
}
