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
            parameters(&shape.primary, KeyUsage::Sign),
            parameters(&shape.subkey, KeyUsage::Encrypt),
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
        let primary = parameters(&self.primary, KeyUsage::Sign).unwrap_or_default();
        let subkey = parameters(&self.subkey, KeyUsage::Encrypt).unwrap_or_default();
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

#[derive(Clone, Copy)]
enum KeyUsage {
    Sign,
    Encrypt,
}

/// `Type: …`, and a second line for size or curve.
fn parameters(algorithm: &str, usage: KeyUsage) -> Option<String> {
    if let Some(bits) = algorithm.strip_prefix("rsa") {
        return Some(format!("Type: RSA\nKey-Length: {bits}"));
    }
    let either = algorithm.starts_with("nistp") || algorithm.starts_with("brainpool");
    let kind = match (algorithm, usage) {
        ("ed25519" | "ed448", KeyUsage::Sign) => "EDDSA",
        ("cv25519" | "cv448", KeyUsage::Encrypt) => "ECDH",
        (_, KeyUsage::Sign) if either => "ECDSA",
        (_, KeyUsage::Encrypt) if either => "ECDH",
        _ => return None,
    };
    Some(format!("Type: {kind}\nKey-Curve: {algorithm}"))
}
