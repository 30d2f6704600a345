//! The keys of the tests: made once, without passphrases, in a home that no test's pgseal sees unless
//! the test says so. What pgseal sees is a copy of the public keyring.

use super::gpg::{ECC, Home, PAST, RSA, Ring, SIGN_ONLY};
use super::{cluster, tool};
use std::path::Path;
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
    /// Where all of them were made. The cluster's supervisor ends its agent.
    pub secret: Home,
    /// What a test's pgseal is given.
    pub public: Ring,
}

/// The public keyring and the fingerprints in it.
pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let year = "Expire-Date: 1y";
        let secret = Home::new(cluster().dir.join("secret"), &Ring::new());
        let make = |name: &str, shape: &str, dates: &str| secret.key(name, shape, dates);
        let absent = make("absent", ECC, year);
        let good = make("good", ECC, year);
        let good_subkey = secret.fingerprints(&good).pop().unwrap();
        let subkey_expired = make(
            "subkey expired",
            SIGN_ONLY,
            "Creation-Date: 20200101T000000",
        );
        let mut add = secret.gpg();
        add.args(["--pinentry-mode=loopback", "--passphrase", ""])
            .args(["--faked-system-time", "20200102T000000!", "--quick-add-key"])
            .args([&subkey_expired, "cv25519", "encr", "1d"]);
        tool(&mut add, b"");
        let mut keys = Keys {
            good,
            good_subkey,
            second: make("second", ECC, year),
            rsa2048: make("rsa", RSA, year),
            sign_only: make("sign only", SIGN_ONLY, year),
            expired: make("expired", ECC, PAST),
            subkey_expired,
            revoked: make("revoked", ECC, year),
            disabled: make("disabled", ECC, year),
            expires_soon: make("soon", ECC, "Expire-Date: 9d"),
            absent,
            secret,
            public: Ring::new(),
        };
        keys.secret.import(&keys.secret.revocation(&keys.revoked));

        let public = Home::new(cluster().dir.join("public"), &Ring::new());
        public.import(&tool(keys.secret.gpg().arg("--export"), b""));
        public.delete(&keys.absent);
        public.disable(&keys.disabled);
        keys.public = public.public();
        keys
    })
}

/// As the owner of the secret key does it, by plain gpg.
pub fn decrypt(artifact: &Path) -> Vec<u8> {
    tool(keys().secret.gpg().arg("--decrypt").arg(artifact), b"")
}
