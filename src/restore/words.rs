//! A statement as words: what the reader makes and the rules look at.

use super::statement::read;
use crate::names::TableName;

/// A word of the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A keyword or a bare identifier, in lower case.
    Bare(String),
    /// What stood in `"`.
    Quoted(String),
    /// What `'…'` or `$…$` means.
    Text(String),
    /// A string with backslashes that escape; nobody has to know what it means.
    Escaped,
    Number(String),
    Mark(char),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub words: Vec<Word>,
    /// What goes to psql, without the `;`.
    pub text: Vec<u8>,
}

impl Statement {
    /// Whether it begins with these keywords.
    pub(crate) fn begins(&self, keywords: &[&str]) -> bool {
        keywords.len() <= self.words.len()
            && self
                .words
                .iter()
                .zip(keywords)
                .all(|(word, keyword)| word.is(keyword))
    }

    pub(super) fn has_atomic_body(&self) -> bool {
        let create = self.begins(&["create"]);
        let routine = |word: &Word| word.is("function") || word.is("procedure");
        let head = self.words.iter().take(4);
        create && head.skip(1).any(routine) && self.words.iter().any(|word| word.is("begin"))
    }
}

impl Word {
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Word::Bare(text) if text == keyword)
    }

    pub(crate) fn mark(&self, mark: char) -> bool {
        *self == Word::Mark(mark)
    }

    /// The name that it is, if it is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Word::Bare(name) | Word::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// `schema.name` at the front of these words.
pub(super) fn qualified(words: &[Word]) -> Option<TableName> {
    match words {
        [schema, dot, name, ..] if dot.mark('.') => Some(TableName {
            schema: schema.name()?.into(),
            name: name.name()?.into(),
        }),
        _ => None,
    }
}

/// A relation as SQL spells it, in whole.
pub(crate) fn relation(text: &str) -> Option<TableName> {
    let read = read(text.as_bytes()).ok()?;
    match &read.words[..] {
        words @ [_, _, _] => qualified(words),
        _ => None,
    }
}

/// One identifier as SQL spells it.
pub(crate) fn identifier(text: &str) -> Option<String> {
    let read = read(text.as_bytes()).ok()?;
    match &read.words[..] {
        [name] => name.name().map(String::from),
        _ => None,
    }
}

/// Enough of a statement to know it by.
pub(super) fn head(words: &[Word]) -> String {
    let shown = words.iter().take(6).map(|word| match word {
        Word::Bare(text) => text.to_uppercase(),
        Word::Quoted(text) => crate::names::quoted(text),
        Word::Text(_) | Word::Escaped => "'…'".into(),
        Word::Number(text) => text.clone(),
        Word::Mark(mark) => mark.to_string(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// As much of a statement as tells what it is of, without the texts in it.
pub(super) fn shown(words: &[Word]) -> String {
    let mut out = String::new();
    for word in words.iter().take(32) {
        let text = match word {
            Word::Bare(text) | Word::Number(text) => text.clone(),
            Word::Quoted(text) => crate::names::quoted(text),
            Word::Text(_) | Word::Escaped => "'…'".into(),
            Word::Mark(mark) => mark.to_string(),
        };
        let tight = matches!(word, Word::Mark('.' | ',' | ')')) || out.ends_with(['.', '(']);
        if !(tight || out.is_empty()) {
            out.push(' ');
        }
        out += &text;
    }
    out
}
