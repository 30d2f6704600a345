//! What can be wrong with a message's framing, and where.

use std::fmt;

pub(crate) const NO_MDC: u8 = 9;
/// A hostile file must not grow our memory.
pub(crate) const MOST_RECIPIENTS: usize = 1000;

/// Offsets count from zero; a fault that lies in a whole packet is at the packet's first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
#[rustfmt::skip]
pub(crate) enum FramingError {
    Empty,
    NotAPacket { at: u64, octet: u8 },
    Unexpected { at: u64, tag: u8 },
    NoIntegrity { at: u64 },
    NoSessionKey { at: u64, tag: u8 },
    NoData { at: u64 },
    Indeterminate { at: u64 },
    Partial { at: u64 },
    Version { at: u64, tag: u8, version: u8 },
    TooShort { at: u64, tag: u8, bytes: u64 },
    TooManyRecipients { at: u64 },
    Truncated { at: u64, tag: u8, start: u64 },
    Trailing { at: u64 },
}

impl fmt::Display for FramingError {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "empty, no OpenPGP message"),
            Self::NotAPacket { at, octet } =>
                write!(f, "no OpenPGP packet: byte {at} is 0x{octet:02x}"),
            Self::Unexpected { at, tag } =>
                write!(f, "a packet of tag {tag} at byte {at}, where none may be"),
            Self::NoIntegrity { at } =>
                write!(f, "the data packet at byte {at} has tag {NO_MDC}: no integrity protection"),
            Self::NoSessionKey { at, tag } =>
                write!(f, "no session key packet before the data packet (tag {tag}) at byte {at}"),
            Self::NoData { at } =>
                write!(f, "no encrypted data packet: the message ends at byte {at}"),
            Self::Indeterminate { at } =>
                write!(f, "the packet at byte {at} has no length: a cut in it would not show"),
            Self::Partial { at } =>
                write!(f, "a session key packet of partial length, at byte {at}"),
            Self::Version { at, tag, version } =>
                write!(f, "unsupported version {version} of packet tag {tag}, at byte {at}"),
            Self::TooShort { at, tag, bytes } =>
                write!(f, "a body of {bytes} bytes is too short for packet tag {tag}, at byte {at}"),
            Self::TooManyRecipients { at } =>
                write!(f, "more than {MOST_RECIPIENTS} session key packets, at byte {at}"),
            Self::Truncated { at, tag, start } =>
                write!(f, "truncated at byte {at}, inside the packet (tag {tag}) from byte {start}"),
            Self::Trailing { at } =>
                write!(f, "bytes after the end of the message, from byte {at}"),
        }
    }
}

impl std::error::Error for FramingError {}
