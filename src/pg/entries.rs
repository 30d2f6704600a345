//! The entries of a plain dump, each under the header that pg_dump writes above it: what stands in
//! them, without rows. Two dumps by one version of pg_dump are compared by them.

use crate::pg::lexer::Token;
use crate::pg::scan::Listener;
use std::collections::BTreeMap;

/// Kind, schema and name, as the header tells them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryName {
    pub kind: String,
    pub schema: String,
    pub name: String,
}

/// A sequence's value is no definition, and a right no part of one.
const PASSED_OVER: &[&str] = &["SEQUENCE SET", "ACL"];

/// Of definitions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    /// With its statements.
    entries: BTreeMap<EntryName, String>,
    current: Option<EntryName>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    Gone,
    New,
    Changed,
}

impl Entries {
    /// All that is otherwise in `later`, by name.
    pub(crate) fn changes<'a>(
        &'a self,
        later: &'a Entries,
    ) -> impl Iterator<Item = (&'a EntryName, Change)> {
        let (before, after) = (&self.entries, &later.entries);
        let mut changes: Vec<(&EntryName, Change)> = Vec::new();
        for (name, text) in before {
            match after.get(name) {
                None => changes.push((name, Change::Gone)),
                Some(other) if other != text => changes.push((name, Change::Changed)),
                Some(_) => {}
            }
        }
        let new = after.keys().filter(|name| !before.contains_key(name));
        changes.extend(new.map(|name| (name, Change::New)));
        changes.sort();
        changes.into_iter()
    }

    fn begin(&mut self, comment: &str) {
        let Some(header) = comment.strip_prefix("-- Name: ") else {
            // Rows, or a word about the entry.
            if comment.starts_with("-- Data for Name: ") {
                self.current = None;
            }
            return;
        };
        let name = EntryName::parse(header);
        self.current = name.filter(|name| !PASSED_OVER.contains(&name.kind.as_str()));
        if let Some(name) = &self.current {
            self.entries.entry(name.clone()).or_default();
        }
    }
}

impl EntryName {
    /// From its end: a name may hold anything but a line's end.
    fn parse(header: &str) -> Option<EntryName> {
        let (rest, behind) = header.rsplit_once("; Schema: ")?;
        let (name, kind) = rest.rsplit_once("; Type: ")?;
        let schema = behind.split("; Owner: ").next()?;
        Some(EntryName {
            kind: kind.into(),
            schema: schema.into(),
            name: name.into(),
        })
    }
}

impl Listener for Entries {
    fn token(&mut self, token: &Token) {
        match token {
            Token::Comment(text) => self.begin(&String::from_utf8_lossy(text)),
            Token::Statement(text) => {
                let text = String::from_utf8_lossy(text);
                let text = text.trim();
                // What holds for the entries behind it.
                let setting = text.starts_with("SET ");
                if let Some(entry) = self.current.as_ref().filter(|_| !setting) {
                    let entry = self.entries.entry(entry.clone()).or_default();
                    entry.push_str(text);
                    entry.push('\n');
                }
            }
            Token::Command(_) => {}
        }
    }
}
