//! The compression methods by name: what a user may ask for and what the manifest records.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// A standard OpenPGP ZLIB packet of our own making.
    Deflate,
    /// A Zstandard frame of this level, which gpg does not undo: OpenPGP has no packet for it.
    Zstd(u8),
    /// gpg's own zlib, of this level.
    Gpg(u8),
    None,
}

const USE: &str = "use deflate, zstd[:1-19], gpg[:1-9] or none";

impl Compression {
    pub(crate) const DEFAULT: Compression = Compression::Deflate;

    pub(crate) fn parse(text: &str) -> Result<Compression, String> {
        let (method, level) = match text.split_once(':') {
            Some((method, level)) => (method, level.parse::<u8>().ok().or(Some(0))),
            None => (text, None),
        };
        match (method, level) {
            ("deflate", None) => Ok(Compression::Deflate),
            ("none", None) => Ok(Compression::None),
            ("zstd", None) => Ok(Compression::Zstd(3)),
            ("zstd", Some(level @ 1..=19)) => Ok(Compression::Zstd(level)),
            ("gpg", None) => Ok(Compression::Gpg(6)),
            ("gpg", Some(level @ 1..=9)) => Ok(Compression::Gpg(level)),
            _ => Err(format!("{text:?} is not a compression method: {USE}")),
        }
    }

    /// For a file whose name is fixed: its few bytes are for gpg alone to open.
    pub(crate) fn of_prelude(self) -> Compression {
        match self {
            Compression::Zstd(_) => Compression::Deflate,
            method => method,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compression::Deflate => f.write_str("deflate"),
            Compression::Zstd(level) => write!(f, "zstd:{level}"),
            Compression::Gpg(level) => write!(f, "gpg:{level}"),
            Compression::None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn what_is_shown_is_what_is_read() {
        each(
            [
                ("deflate", "deflate"),
                ("none", "none"),
                ("zstd", "zstd:3"),
                ("zstd:19", "zstd:19"),
                ("gpg", "gpg:6"),
                ("gpg:1", "gpg:1"),
            ],
            |(text, shown)| {
                let method = Compression::parse(text).unwrap();
                assert_eq!(method.to_string(), shown);
                assert_eq!(Compression::parse(shown), Ok(method));
            },
        );
        each(
            [
                "",
                "gzip",
                "zstd:0",
                "zstd:20",
                "zstd:x",
                "gpg:10",
                "none:1",
                "deflate:6",
            ],
            |text| {
                assert!(Compression::parse(text).is_err(), "{text}");
            },
        );
    }
}
