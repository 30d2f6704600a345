//! Names that reach a command line: one strict parser each. What does not parse cannot be
//! passed on.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A primary key's full fingerprint: 40 (version 4) or 64 (version 5) upper-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    /// Spaces, lower case and a leading `0x` are normalised; anything shorter is refused,
    /// since a short key id can be forged.
    pub(crate) fn parse(text: &str) -> Result<Fingerprint, String> {
        let bare: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let hex = bare.strip_prefix("0x").unwrap_or(&bare);
        let hex = hex.strip_prefix("0X").unwrap_or(hex);
        if hex.is_empty() {
            return Err("the fingerprint is empty".into());
        }
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("{text:?} is not a fingerprint"));
        }
        match hex.len() {
            40 | 64 => Ok(Fingerprint(hex.to_ascii_uppercase())),
            n => Err(format!(
                "{text:?} has {n} hex digits, a full fingerprint has 40 or 64"
            )),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `schema.table`, both parts as the catalog spells them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct TableName {
    pub schema: String,
    pub name: String,
}

impl TableName {
    /// No case folding and no wildcards: a bare part is taken to the letter, a part in `"` may
    /// hold anything, with `""` for a quote.
    pub(crate) fn parse(text: &str) -> Result<TableName, String> {
        let bad = |why: &str| format!("table {text:?} {why}");
        let (schema, rest) = part(text).map_err(|why| bad(&why))?;
        let Some(rest) = rest.strip_prefix('.') else {
            return Err(bad(if rest.is_empty() {
                "has no schema, write schema.table"
            } else {
                "is not schema.table"
            }));
        };
        let (name, rest) = part(rest).map_err(|why| bad(&why))?;
        if !rest.is_empty() {
            return Err(bad("is not schema.table; quote a part that holds a dot"));
        }
        Ok(TableName { schema, name })
    }

    /// In a schema that initdb makes, and that no dump brings back.
    pub(crate) fn is_systems(&self) -> bool {
        ["pg_catalog", "information_schema", "pg_toast"].contains(&self.schema.as_str())
    }

    /// The exact pattern for `pg_dump --table=`: quoted, so nothing in it is a wildcard and
    /// nothing is folded.
    pub(crate) fn pattern(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// Quotes only what needs it, so that the text is unambiguous and reads as people write it.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [schema, name] = [&self.schema, &self.name].map(|part| readable(part));
        write!(f, "{schema}.{name}")
    }
}

/// An identifier for people: in quotes where it needs them.
pub(crate) fn readable(part: &str) -> String {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let plain = part.bytes().all(fits) && !part.starts_with(|c: char| c.is_ascii_digit());
    if plain { part.into() } else { quoted(part) }
}

/// An identifier as SQL quotes it.
pub(crate) fn quoted(part: &str) -> String {
    format!("\"{}\"", part.replace('"', "\"\""))
}

/// A string as SQL quotes it, under `standard_conforming_strings`.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An array of strings as SQL writes it.
pub(crate) fn text_array<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts = texts.into_iter().map(|text| literal(text.as_ref()));
    let texts: Vec<String> = texts.collect();
    format!("ARRAY[{}]::pg_catalog.text[]", texts.join(", "))
}

/// One part of a qualified name and what follows it.
fn part(text: &str) -> Result<(String, &str), String> {
    let (name, rest) = if let Some(inner) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = inner.char_indices().peekable();
        loop {
            match chars.next() {
                None => return Err("has an open quote".into()),
                Some((_, '"')) if chars.next_if(|(_, c)| *c == '"').is_some() => name.push('"'),
                Some((at, '"')) => break (name, &inner[at + 1..]),
                Some((_, c)) => name.push(c),
            }
        }
    } else {
        let end = text.find('.').unwrap_or(text.len());
        let name = &text[..end];
        if let Some(c) = name.chars().find(|c| matches!(c, '*' | '?' | '"')) {
            return Err(match c {
                '"' => "has a quote in the middle of a part".into(),
                _ => "has a wildcard; name each table, or quote the part if it is its name".into(),
            });
        }
        if name.trim() != name || name.chars().any(char::is_control) {
            return Err("has white space or control characters; quote the part".into());
        }
        (name.to_string(), &text[end..])
    };
    if name.is_empty() {
        return Err("has an empty part".into());
    }
    if name.contains('\0') {
        return Err("has a NUL character".into());
    }
    Ok((name, rest))
}

/// The name of one run: what its files are called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunId(String);

impl RunId {
    /// `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`, and not an ending that names a file of the store.
    pub(crate) fn parse(text: &str) -> Result<RunId, String> {
        let first = text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        let rest = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if !first || !rest || text.len() > 128 {
            return Err(format!(
                "run id {text:?} does not match [A-Za-z0-9][A-Za-z0-9._-]{{0,127}}"
            ));
        }
        // `x.prelude` would name its artifact as the prelude of run `x` is named.
        for ending in [".gpg", ".json", ".partial", ".prelude", ".late"] {
            if text.ends_with(ending) {
                return Err(format!("run id {text:?} may not end in {ending}"));
            }
        }
        Ok(RunId(text.into()))
    }

    /// `<UTC yyyymmddThhmmssZ>-<8 hex>`.
    pub(crate) fn generate(now: jiff::Timestamp, random: [u8; 4]) -> RunId {
        RunId(format!(
            "{}-{}",
            now.strftime("%Y%m%dT%H%M%SZ"),
            hex::encode(random)
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RUN_ID or PATH, as typed: what contains `/` or ends in `.gpg` is a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunOrPath {
    Run(RunId),
    Path(PathBuf),
}

impl RunOrPath {
    pub(crate) fn parse(text: &str) -> std::result::Result<RunOrPath, String> {
        if text.contains('/') || text.ends_with(".gpg") {
            return Ok(RunOrPath::Path(text.into()));
        }
        RunId::parse(text)
            .map(RunOrPath::Run)
            .map_err(|why| format!("{why}; a path contains / or ends in .gpg"))
    }
}

/// 64 hex digits, as they may be typed.
pub(crate) fn sha256(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is not a SHA-256: 64 hex digits"))
    }
}

#[cfg(test)]
mod tests;
