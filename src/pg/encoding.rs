//! Encodings: those that a dump may be written in, which are those that a server may have.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// One of [`OF_SERVERS`], as the server spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding(&'static str);

/// In none of them is a byte below 0x80 a part of a longer character. So a quote and a backslash
/// are what they seem, and SQL is split without knowing the encoding.
const OF_SERVERS: &[&str] = &[
    "SQL_ASCII",
    "UTF8",
    "EUC_CN",
    "EUC_JIS_2004",
    "EUC_JP",
    "EUC_KR",
    "EUC_TW",
    "ISO_8859_5",
    "ISO_8859_6",
    "ISO_8859_7",
    "ISO_8859_8",
    "KOI8R",
    "KOI8U",
    "LATIN1",
    "LATIN2",
    "LATIN3",
    "LATIN4",
    "LATIN5",
    "LATIN6",
    "LATIN7",
    "LATIN8",
    "LATIN9",
    "LATIN10",
    "MULE_INTERNAL",
    "WIN866",
    "WIN874",
    "WIN1250",
    "WIN1251",
    "WIN1252",
    "WIN1253",
    "WIN1254",
    "WIN1255",
    "WIN1256",
    "WIN1257",
    "WIN1258",
];

/// Only a client may have these: a backslash or a quote may be the second half of a character.
const OF_CLIENTS: &[&str] = &[
    "BIG5",
    "GB18030",
    "GBK",
    "JOHAB",
    "SHIFT_JIS_2004",
    "SJIS",
    "UHC",
];

/// As the server compares names: `utf-8` is `UTF8`.
fn same(known: &str, text: &str) -> bool {
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|c| !matches!(c, '-' | '_' | ' '));
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    letters(known) == letters(text)
}

impl Encoding {
    pub(crate) const UTF8: Encoding = Encoding("UTF8");
    /// None: bytes are taken as they are.
    pub(crate) const SQL_ASCII: Encoding = Encoding("SQL_ASCII");

    pub(crate) fn parse(text: &str) -> Result<Encoding, String> {
        if let Some(known) = OF_SERVERS.iter().find(|known| same(known, text)) {
            return Ok(Encoding(known));
        }
        Err(match OF_CLIENTS.iter().find(|known| same(known, text)) {
            Some(known) => format!(
                "{known} is an encoding of clients alone: a backslash may be half of a character"
            ),
            None => format!(
                "{text:?} is no encoding that a server can have; known are {}",
                OF_SERVERS.join(", ")
            ),
        })
    }

    /// What a database is dumped in, where nobody said: of one that has no encoding, the bytes may
    /// be no UTF-8.
    pub(crate) fn for_database(encoding: &str) -> Encoding {
        match encoding {
            "SQL_ASCII" => Encoding::SQL_ASCII,
            _ => Encoding::UTF8,
        }
    }

    /// Whether a dump of such a database spells names as JSON does, whatever letters they have.
    pub(crate) fn spells_names_as_utf8(self, database: &str) -> bool {
        let as_they_are = self == Encoding::SQL_ASCII && ["SQL_ASCII", "UTF8"].contains(&database);
        self == Encoding::UTF8 || as_they_are
    }

    pub(crate) fn as_str(self) -> &'static str {
        self.0
    }
}

/// What every dump was written in before it was recorded.
impl Default for Encoding {
    fn default() -> Encoding {
        Encoding::UTF8
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Encoding, D::Error> {
        let text = String::deserialize(from)?;
        Encoding::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for known in OF_SERVERS {
            assert_eq!(Encoding::parse(known), Ok(Encoding(known)));
            assert_eq!(Encoding::parse(&known.to_lowercase()), Ok(Encoding(known)));
        }
        for (text, known) in [
            ("utf-8", "UTF8"),
            ("euc-jp", "EUC_JP"),
            ("Latin 1", "LATIN1"),
        ] {
            assert_eq!(Encoding::parse(text), Ok(Encoding(known)), "{text}");
        }
        for known in OF_CLIENTS {
            let why = Encoding::parse(&known.to_lowercase()).unwrap_err();
            assert!(why.contains("half of a character"), "{why}");
        }
        for unknown in ["", "UTF16", "LATIN11", "UTF8'; --", "ÜTF8"] {
            let why = Encoding::parse(unknown).unwrap_err();
            assert!(why.contains("no encoding that a server can have"), "{why}");
        }
    }

    #[test]
    fn what_nobody_chose() {
        for (database, encoding) in [
            ("SQL_ASCII", "SQL_ASCII"),
            ("UTF8", "UTF8"),
            ("WIN1252", "UTF8"),
        ] {
            assert_eq!(Encoding::for_database(database).as_str(), encoding);
        }
        assert!(!Encoding::SQL_ASCII.spells_names_as_utf8("LATIN1"));
        assert!(!Encoding("LATIN1").spells_names_as_utf8("UTF8"));
    }
}
