//! What an operator does about a public key that cannot be used.

use crate::base::hint::{Hint, Hints};
use crate::base::text::shell_word;
use crate::gnupg::colons::{Key, KeyUse, Unfit, day};

/// A key, and why it cannot be used for what it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnfitKey<'a> {
    pub key: &'a Key,
    pub why: Unfit,
    pub usage: KeyUse,
    /// Seconds since 1970.
    pub now: i64,
    /// The keyring of this host.
    pub home: &'a str,
}

impl UnfitKey<'_> {
    fn fingerprint(&self) -> &str {
        &self.key.primary.fingerprint
    }

    /// `has expired: its primary key on 2020-02-01`
    pub(crate) fn told(&self) -> String {
        let word = self.why.as_str();
        if self.why != Unfit::Expired {
            return word.into();
        }
        let parts = self
            .key
            .expired(self.usage, self.now)
            .into_iter()
            .map(|part| {
                let name = if part.fingerprint == self.fingerprint() {
                    "its primary key".into()
                } else {
                    format!("its subkey {}", part.fingerprint)
                };
                let at = part
                    .expires
                    .map_or(String::new(), |at| format!(" on {}", day(at)));
                name + &at
            });
        let parts: Vec<String> = parts.collect();
        format!("{word}: {}", parts.join(", "))
    }

    /// Its steps, up to a key that can be used here. The secret key of a recipient is elsewhere,
    /// that of a signer is here.
    pub(crate) fn remedy(&self) -> Hints {
        let fingerprint = self.fingerprint();
        let homedir = format!("--homedir {}", shell_word(self.home));
        let (there, gpg) = match self.usage {
            KeyUse::Encrypt => ("Where the secret key is:", "gpg".to_string()),
            KeyUse::Sign => ("On this host:", format!("gpg {homedir}")),
        };
        let steps: Vec<Hint> = match self.why {
            // `'*'` would leave out subkeys that have expired already.
            Unfit::Expired => {
                let parts = self.key.expired(self.usage, self.now).into_iter();
                let steps = parts.map(|part| {
                    let subkey = match &part.fingerprint {
                        primary if primary == fingerprint => String::new(),
                        subkey => format!(" {subkey}"),
                    };
                    Hint::run(format!("{gpg} --quick-set-expire {fingerprint} 2y{subkey}"))
                });
                steps.collect()
            }
            Unfit::NoEncryptionSubkey => vec![Hint::run(format!(
                "{gpg} --quick-add-key {fingerprint} cv25519 encr 2y"
            ))],
            Unfit::Disabled => {
                let enable = format!("gpg {homedir} --edit-key {fingerprint} enable quit");
                return Hint::run(enable).into();
            }
            Unfit::NotYet => {
                return Hints::from("Is this host's clock right?").then(Hint::run("timedatectl"));
            }
            Unfit::Revoked | Unfit::Invalid | Unfit::NoSigningKey => return self.successor(),
        };
        let hints = Hints::from(there).then(steps);
        match self.usage {
            KeyUse::Sign => hints.then("Or a new key:").then(self.successor()),
            KeyUse::Encrypt => hints
                .then(Hint::run(format!(
                    "gpg --export --armor {fingerprint} > KEYFILE"
                )))
                .then("Here, the public key that was exported:")
                .then(Hint::run(format!("gpg {homedir} --import KEYFILE"))),
        }
    }

    fn successor(&self) -> Hints {
        match self.usage {
            KeyUse::Encrypt => Hint::pgseal(&["operator-package"])
                .note("steps that make a new key")
                .into(),
            KeyUse::Sign => Hints::from(
                Hint::pgseal(&["operator-package", "--signing"])
                    .note("steps that make a signing key"),
            )
            .then(sign_anew("RUN_ID")),
        }
    }
}

/// How a run gets a signature that can be trusted, in place of one whose key cannot.
pub(crate) fn sign_anew(run_id: &str) -> Hints {
    Hints::from("Runs that are there, with the envelopes that you kept, by a key that is good:")
        .then(Hint::pgseal(&[
            "sign",
            run_id,
            "--envelope=FILE",
            "--sign-with=NEW_FPR",
        ]))
        .then("Then trust that key: --signed-by=NEW_FPR, or [signing] trusted.")
}
