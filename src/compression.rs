//! The compression methods by name: what a user may ask for and what the manifest records.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// gpg's own zlib, of this level.
    Gpg(u8),
}

impl Compression {
    pub(crate) const DEFAULT: Compression = Compression::Gpg(6);

    pub(crate) fn parse(text: &str) -> Result<Compression, String> {
        let (method, level) = match text.split_once(':') {
            Some((method, level)) => (method, Some(level)),
            None => (text, None),
        };
        let level = level
            .map(|l| {
                l.parse::<u8>()
                    .map_err(|_| format!("{text:?}: the level is not a number"))
            })
            .transpose()?;
        match (method, level) {
            ("gpg", None) => Ok(Compression::Gpg(6)),
            ("gpg", Some(level @ 1..=9)) => Ok(Compression::Gpg(level)),
            ("gpg", Some(_)) => Err(format!("{text:?}: gpg's levels are 1 to 9")),
            _ => Err(format!("{text:?} is not a compression method; use gpg[:N]")),
        }
    }

    /// What the artifact's name ends in.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Compression::Gpg(_) => ".sql.gpg",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compression::Gpg(level) => write!(f, "gpg:{level}"),
        }
    }
}
