//! What kind of key the proof is made with.

use crate::base::error::{Code, Error, Result};
use crate::gnupg::keyring::Recipient;
use std::fmt;

/// Algorithms of a throw-away key, as a parameter block names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyType {
    primary: String,
    subkey: String,
}

impl Default for KeyType {
    fn default() -> KeyType {
        KeyType {
            primary: "ed25519".into(),
            subkey: "cv25519".into(),
        }
    }
}

impl KeyType {
    pub(crate) fn like(recipient: &Recipient) -> Result<KeyType> {
        let shape = KeyType {
            primary: recipient.key.primary.algorithm.clone(),
            subkey: recipient.subkey.algorithm.clone(),
        };
        match (
            parameters(&shape.primary, true),
            parameters(&shape.subkey, false),
        ) {
            (Some(_), Some(_)) => Ok(shape),
            _ => Err(Error::new(
                Code::KeyUnfit,
                format!("cannot make a throw-away key like {shape}"),
            )
            .hint("Run the proof without --like-recipient.")),
        }
    }

    pub(crate) fn block(&self, dates: &str) -> String {
        let primary = parameters(&self.primary, true).unwrap_or_default();
        let subkey = parameters(&self.subkey, false).unwrap_or_default();
        format!(
            "Key-{primary}\nKey-Usage: sign,cert\nSubkey-{}\nSubkey-Usage: encrypt\n\
             Name-Real: pgseal throw-away\n{dates}\n%commit\n",
            subkey.replace("\nKey-", "\nSubkey-")
        )
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} for encryption", self.primary, self.subkey)
    }
}

/// `Type: …`, and a second line for size or curve.
fn parameters(algorithm: &str, signs: bool) -> Option<String> {
    if let Some(bits) = algorithm.strip_prefix("rsa") {
        return Some(format!("Type: RSA\nKey-Length: {bits}"));
    }
    let kind = match (algorithm, signs) {
        ("ed25519" | "ed448", true) => "EDDSA",
        ("cv25519" | "cv448", false) => "ECDH",
        (name, _) if name.starts_with("nistp") || name.starts_with("brainpool") => {
            if signs {
                "ECDSA"
            } else {
                "ECDH"
            }
        }
        _ => return None,
    };
    Some(format!("Type: {kind}\nKey-Curve: {algorithm}"))
}
