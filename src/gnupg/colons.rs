//! The machine-readable key listing (GnuPG's doc/DETAILS, `--with-colons`), and which subkey gpg
//! would encrypt to, or sign with.

use crate::gnupg::packet_reader::KeyId;
use jiff::Timestamp;

/// A public key with its subkeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub primary: Part,
    pub user_id: String,
    pub subkeys: Vec<Part>,
    /// `D` among the capabilities: `--trust-model always` encrypts to a disabled key.
    pub disabled: bool,
}

/// A primary key or a subkey. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub fingerprint: String,
    pub key_id: String,
    /// `rsa4096`, `ed25519`, `cv25519`, …
    pub algorithm: String,
    pub bits: u32,
    pub created: i64,
    pub expires: Option<i64>,
    validity: char,
    encrypts: bool,
    signs: bool,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    Expired,
    Revoked,
    Disabled,
    Invalid,
    /// Created in the future: this host's clock or the key is wrong.
    NotYet,
    NoEncryptionSubkey,
    NoSigningKey,
}

impl Unfit {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Unfit::Expired => "has expired",
            Unfit::Revoked => "is revoked",
            Unfit::Disabled => "is disabled",
            Unfit::Invalid => "is not valid",
            Unfit::NotYet => "was created in the future, by this host's clock",
            Unfit::NoEncryptionSubkey => "has no encryption subkey that can be used",
            Unfit::NoSigningKey => "cannot sign: neither it nor a subkey of it may",
        }
    }
}

/// What a key is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    Encrypt,
    Sign,
}

impl KeyUse {
    fn allowed(self, part: &Part) -> bool {
        match self {
            KeyUse::Encrypt => part.encrypts,
            KeyUse::Sign => part.signs,
        }
    }
}

impl Part {
    fn unfit(&self, now: i64) -> Option<Unfit> {
        match self.validity {
            'r' => Some(Unfit::Revoked),
            'e' => Some(Unfit::Expired),
            'd' => Some(Unfit::Disabled),
            'i' | 'n' => Some(Unfit::Invalid),
            _ if self.expires.is_some_and(|at| at <= now) => Some(Unfit::Expired),
            _ if self.created > now => Some(Unfit::NotYet),
            _ => None,
        }
    }

    pub(crate) fn key_id(&self) -> Option<KeyId> {
        hex::decode(&self.key_id).ok()?.try_into().ok().map(KeyId)
    }
}

impl Key {
    /// The subkey that gpg encrypts to: the newest that can be used now, else the primary itself.
    pub(crate) fn encryption_subkey(&self, now: i64) -> Result<&Part, Unfit> {
        self.usable(now, KeyUse::Encrypt, Unfit::NoEncryptionSubkey)
    }

    /// The subkey that gpg signs with, or the primary itself.
    pub(crate) fn signing_part(&self, now: i64) -> Result<&Part, Unfit> {
        self.usable(now, KeyUse::Sign, Unfit::NoSigningKey)
    }

    /// The primary or subkey of this fingerprint.
    pub(crate) fn part(&self, fingerprint: &str) -> Option<&Part> {
        let mut parts = std::iter::once(&self.primary).chain(&self.subkeys);
        parts.find(|part| part.fingerprint == fingerprint)
    }

    fn usable(&self, now: i64, usage: KeyUse, none: Unfit) -> Result<&Part, Unfit> {
        if let Some(unfit) = self.primary.unfit(now) {
            return Err(unfit);
        }
        if self.disabled {
            return Err(Unfit::Disabled);
        }
        let candidates = || self.subkeys.iter().filter(|part| usage.allowed(part));
        // Of two that were made in the same second, gpg takes the first.
        if let Some(part) = candidates()
            .rev()
            .filter(|part| part.unfit(now).is_none())
            .max_by_key(|part| part.created)
        {
            return Ok(part);
        }
        if usage.allowed(&self.primary) {
            return Ok(&self.primary);
        }
        // With one subkey the reason is its own.
        let mut left = candidates();
        match (left.next().and_then(|part| part.unfit(now)), left.next()) {
            (Some(unfit @ (Unfit::Expired | Unfit::Revoked | Unfit::NotYet)), None) => Err(unfit),
            _ => Err(none),
        }
    }

    /// What is to be renewed before the key can be used: the primary, the newest subkey, or both.
    /// gpg shows subkeys of a primary that has expired as expired too, so only their own date counts.
    pub(crate) fn expired(&self, usage: KeyUse, now: i64) -> Vec<&Part> {
        let expired = |part: &&Part| part.expires.is_some_and(|at| at <= now);
        let subkeys = self.subkeys.iter().filter(|part| usage.allowed(part));
        let newest = subkeys.max_by_key(|part| part.created);
        let primary = std::iter::once(&self.primary);
        primary.chain(newest).filter(expired).collect()
    }

    /// The earlier of the primary's and the subkey's, in seconds since 1970.
    pub(crate) fn expires_at(&self, subkey: &Part) -> Option<i64> {
        [self.primary.expires, subkey.expires]
            .into_iter()
            .flatten()
            .min()
    }
}

/// All public keys of a listing.
pub(crate) fn keys(listing: &str) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for line in listing.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let field = |n: usize| fields.get(n - 1).copied().unwrap_or("");
        match field(1) {
            "pub" => keys.push(Key {
                primary: part(&field),
                user_id: String::new(),
                subkeys: Vec::new(),
                disabled: field(12).contains('D'),
            }),
            "sub" => {
                if let Some(key) = keys.last_mut() {
                    key.subkeys.push(part(&field));
                }
            }
            "fpr" => {
                let Some(key) = keys.last_mut() else { continue };
                let part = key.subkeys.last_mut().unwrap_or(&mut key.primary);
                part.fingerprint = field(10).to_string();
            }
            "uid" => {
                if let Some(key) = keys.last_mut()
                    && key.user_id.is_empty()
                {
                    key.user_id = unescaped(field(10));
                }
            }
            _ => {}
        }
    }
    keys
}

/// Names under `private-keys-v1.d`, of a listing with keygrips.
pub(crate) fn keygrips(listing: &str) -> Vec<&str> {
    let grips = listing.lines().filter(|line| line.starts_with("grp:"));
    grips.filter_map(|line| line.split(':').nth(9)).collect()
}

fn part<'a>(field: &dyn Fn(usize) -> &'a str) -> Part {
    let algorithm = match (field(4), field(3), field(17)) {
        (_, _, curve) if !curve.is_empty() => curve.to_string(),
        ("1" | "2" | "3", bits, _) => format!("rsa{bits}"),
        ("16" | "20", bits, _) => format!("elg{bits}"),
        ("17", bits, _) => format!("dsa{bits}"),
        (number, bits, _) => format!("algorithm {number}, {bits} bits"),
    };
    Part {
        fingerprint: String::new(),
        key_id: field(5).to_string(),
        algorithm,
        bits: field(3).parse().unwrap_or(0),
        created: field(6).parse().unwrap_or(i64::MAX),
        expires: match field(7) {
            "" => None,
            text => Some(text.parse().unwrap_or(0)),
        },
        validity: field(2).chars().next().unwrap_or('-'),
        encrypts: field(12).contains('e'),
        signs: field(12).contains('s'),
    }
}

/// A day, of seconds since 1970.
pub(crate) fn day(at: i64) -> String {
    let at = Timestamp::from_second(at).ok();
    at.map_or_else(
        || "at an unknown time".into(),
        |at| at.strftime("%Y-%m-%d").to_string(),
    )
}

/// gpg escapes `:`, control characters and `\` as `\xHH`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let coded = after.strip_prefix(b"x").and_then(|hex| hex.get(..2));
        let byte = coded
            .filter(|_| *first == b'\\')
            .and_then(|digits| hex::decode(digits).ok());
        match byte {
            Some(byte) => {
                bytes.extend(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
