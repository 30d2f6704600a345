//! What a whole message says of itself.

use std::fmt;

/// `Display` is the form in which gpg lists it: 16 upper-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyId(pub(crate) [u8; 8]);

impl KeyId {
    /// A version 4 fingerprint ends in its key id, one of version 5 begins with it.
    pub(crate) fn of_fingerprint(fingerprint: &str) -> Option<KeyId> {
        let bytes = hex::decode(fingerprint).ok()?;
        let id = match bytes.len() {
            20 => &bytes[12..],
            32 => &bytes[..8],
            _ => return None,
        };
        id.try_into().ok().map(KeyId)
    }
}

/// A whole message: session keys, then one encrypted data packet, then nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// In the order of the file, and as often as they are there.
    pub(crate) recipients: Vec<KeyId>,
    /// 18 (MDC) or 20 (OCB).
    pub(crate) tag: u8,
    pub(crate) bytes: u64,
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_be_bytes(self.0))
    }
}
