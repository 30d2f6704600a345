//! SQL text as words, and the identifiers in it.

use crate::base::names::TableName;

/// A word of a statement, as far as its head tells what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A keyword, a bare identifier (in lower case, as the server folds it), or a number.
    Bare(String),
    /// An identifier in `"`.
    Quoted(String),
    /// A string literal, whatever is in it.
    Text,
    Mark(char),
}

impl Word {
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Word::Bare(text) if text == keyword)
    }

    pub(crate) fn identifier(&self) -> Option<&str> {
        match self {
            Word::Bare(name) | Word::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// The words of a statement that holds no comment. The text may be cut off anywhere.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' => (Word::Text, after_string(&rest[1..])),
            _ => match read(rest) {
                Some((name, after)) if first == '"' => (Word::Quoted(name), after),
                Some((name, after)) => (Word::Bare(name), after),
                None => (Word::Mark(first), &rest[first.len_utf8()..]),
            },
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// What follows the quote that closes a string; a doubled quote stands for itself.
fn after_string(text: &str) -> &str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('\'') {
        match after.strip_prefix('\'') {
            Some(more) => rest = more,
            None => return after,
        }
    }
    ""
}

/// The identifier at the beginning of the text, and what follows it. A bare one is folded to
/// lower case; in `"` it is taken to the letter.
pub(crate) fn read(text: &str) -> Option<(String, &str)> {
    let Some(inner) = text.strip_prefix('"') else {
        let fits = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let end = text.find(|c| !fits(c)).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_ascii_lowercase(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = inner;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

/// The same for a whole identifier of a dump, in whatever encoding.
pub(crate) fn unquoted(spelled: &[u8]) -> Vec<u8> {
    let inner = spelled
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    let Some(inner) = inner else {
        return spelled.to_vec();
    };
    let mut name = Vec::with_capacity(inner.len());
    let mut within = false;
    for byte in inner {
        within = *byte == b'"' && !within;
        if !within {
            name.push(*byte);
        }
    }
    name
}

/// One identifier, and nothing else.
pub(crate) fn identifier(text: &str) -> Option<String> {
    match &words(text)[..] {
        [word] => word.identifier().map(String::from),
        _ => None,
    }
}

/// `schema.name`, and nothing else.
pub(crate) fn relation(text: &str) -> Option<TableName> {
    match &words(text)[..] {
        words @ [_, _, _] => qualified(words),
        _ => None,
    }
}

/// `schema.name` at the beginning of these words.
pub(crate) fn qualified(words: &[Word]) -> Option<TableName> {
    match words {
        [schema, Word::Mark('.'), name, ..] => Some(TableName {
            schema: schema.identifier()?.into(),
            name: name.identifier()?.into(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn identifiers() {
        each(
            [
                ("app", Some("app")),
                ("App", Some("app")),
                ("\"a\"\"; b\"", Some("a\"; b")),
                ("x SUPERUSER", None),
                ("a.b", None),
                ("'a'", None),
                ("\"open", None),
                ("", None),
            ],
            |(text, name)| {
                assert_eq!(identifier(text).as_deref(), name, "{text}");
            },
        );
        assert_eq!(relation(r#"public."B ""b"""#), None, "an open quote");
        let name = relation(r#"PUBLIC . "B ""b""""#).map(|table| table.to_string());
        assert_eq!(name.as_deref(), Some(r#"public."B ""b""""#));
        assert_eq!(relation("a.b.c"), None);
    }

    #[test]
    fn an_identifier_of_any_encoding_without_its_quotes() {
        for (spelled, name) in [
            (&b"a"[..], &b"a"[..]),
            (b"\"A b\"", b"A b"),
            (b"\"a\"\"b\"", b"a\"b"),
            (b"\"\"\"\"\"\"", b"\"\""),
            (b"\"\xfc\"", b"\xfc"),
        ] {
            assert_eq!(unquoted(spelled), name);
        }
    }

    #[test]
    fn a_string_is_one_word() {
        let read = words("COMMENT ON TABLE a.\"B\" IS 'it''s on x.y; -- '");
        assert_eq!(read.len(), 8);
        assert_eq!(read[7], Word::Text);
        assert_eq!(words("x 'cut off").len(), 2);
    }
}
