//! A restore of some of the backup's tables: which statements and rows of the dump are theirs. What is
//! about no table, index or sequence is for all of them.

use crate::base::error::{Code, Error, Result};
use crate::base::few::joined;
use crate::base::names::TableName;
use crate::pg::identifier::{Word, qualified, relation, words};
use crate::restore::statement::{self, Statement};
use crate::store::manifest::Manifest;
use std::collections::BTreeSet;

/// Those that are restored, by the caller's choice.
#[derive(Debug, Clone)]
pub(crate) struct Chosen(BTreeSet<TableName>);

impl Chosen {
    pub(crate) fn all(manifest: &Manifest) -> Chosen {
        Chosen(manifest.tables.iter().map(|table| table.table()).collect())
    }

    /// A configured table stands for all that came with it. None named is all of them.
    pub(crate) fn of(manifest: &Manifest, named: &[TableName]) -> Result<Chosen> {
        if named.is_empty() {
            return Ok(Chosen::all(manifest));
        }
        let mut chosen = BTreeSet::new();
        for name in named {
            let told = name.to_string();
            let its = manifest.tables.iter().filter(|table| table.target == told);
            let its: Vec<TableName> = its.map(|table| table.table()).collect();
            if its.is_empty() {
                return Err(no_target(manifest, name));
            }
            chosen.extend(its);
        }
        Ok(Chosen(chosen))
    }

    /// Without the sequences that the target has: another table may take values of them.
    pub(crate) fn without_sequences(mut self, manifest: &Manifest, there: &[TableName]) -> Chosen {
        let shared = manifest.tables.iter().filter(|table| table.is_sequence());
        for name in shared.map(|table| table.table()) {
            if there.contains(&name) {
                self.0.remove(&name);
            }
        }
        self
    }

    pub(crate) fn holds(&self, table: &TableName) -> bool {
        self.0.contains(table)
    }

    pub(crate) fn is_all_of(&self, manifest: &Manifest) -> bool {
        manifest
            .tables
            .iter()
            .all(|table| self.holds(&table.table()))
    }
}

/// An index of a partition comes with its root's, which is there already: so a partition comes back by
/// its root alone.
fn no_target(manifest: &Manifest, name: &TableName) -> Error {
    let targets = manifest.targets();
    let (what, hint) = match targets.get(name) {
        Some(target) => (
            format!("`{name}` came with `{target}`, and comes back with it alone"),
            "Restore it into another database, and attach it by hand: docs/undo-by-hand.md."
                .to_string(),
        ),
        None => {
            let known: BTreeSet<String> = targets.into_values().map(String::from).collect();
            let known: Vec<String> = known.into_iter().collect();
            (
                format!("the backup does not hold the table `{name}`"),
                format!("It holds {}.", joined(&known, ", ")),
            )
        }
    };
    Error::new(Code::TableUnfit, what).hint(hint)
}

/// Follows a dump.
#[derive(Debug)]
pub(crate) struct Selection {
    chosen: Chosen,
    /// That the target has: a sequence may be several tables'.
    sequences: BTreeSet<TableName>,
    /// Indexes and statistics of chosen tables, as they came.
    theirs: BTreeSet<TableName>,
}

/// What a statement is about.
#[derive(Debug, PartialEq, Eq)]
enum Subject {
    Table(TableName),
    /// It makes an index or the like of the table.
    Makes {
        table: TableName,
        made: TableName,
    },
    /// An index or statistics.
    Made(TableName),
    Sequence(TableName),
    All,
}

impl Selection {
    pub(crate) fn new(chosen: Chosen, sequences: &[TableName]) -> Selection {
        Selection {
            chosen,
            sequences: sequences.iter().cloned().collect(),
            theirs: BTreeSet::new(),
        }
    }

    /// Of a COPY statement's table.
    pub(crate) fn takes_rows(&self, table: &TableName) -> bool {
        self.chosen.holds(table)
    }

    pub(crate) fn takes(&mut self, statement: &str) -> bool {
        match subject(statement) {
            Subject::Table(table) => self.chosen.holds(&table),
            Subject::Makes { table, made } => {
                let takes = self.chosen.holds(&table);
                if takes {
                    self.theirs.insert(made);
                }
                takes
            }
            Subject::Made(name) => self.theirs.contains(&name),
            Subject::Sequence(name) => !self.sequences.contains(&name),
            Subject::All => true,
        }
    }
}

fn subject(text: &str) -> Subject {
    const SETVAL: &str = "SELECT pg_catalog.setval('";
    if let Some(rest) = text.strip_prefix(SETVAL) {
        let name = rest.split("', ").next().unwrap_or_default();
        let name = relation(&name.replace("''", "'"));
        return name.map_or(Subject::All, Subject::Sequence);
    }
    let words = words(text);
    of_words(&words).unwrap_or_else(|| match statement::read(text) {
        Statement::Create(object) | Statement::About(object) => Subject::Table(object.table),
        _ => Subject::All,
    })
}

/// The words behind these keywords, if they begin with them.
fn behind<'a>(words: &'a [Word], keywords: &str) -> Option<&'a [Word]> {
    let mut rest = words;
    for keyword in keywords.split(' ') {
        let (word, after) = rest.split_first()?;
        rest = word.is(keyword).then_some(after)?;
    }
    Some(rest)
}

fn without<'a>(words: &'a [Word], keyword: &str) -> &'a [Word] {
    behind(words, keyword).unwrap_or(words)
}

/// Behind the first such keyword.
fn seek<'a>(words: &'a [Word], keyword: &str) -> Option<&'a [Word]> {
    let at = words.iter().position(|word| word.is(keyword))?;
    Some(&words[at + 1..])
}

fn of_words(words: &[Word]) -> Option<Subject> {
    let table = |words: &[Word]| Some(Subject::Table(qualified(without(words, "only"))?));
    if let Some(rest) = behind(words, "alter table") {
        let rest = without(rest, "only");
        let (name, after) = (qualified(rest)?, rest.get(3..)?);
        if let Some(partition) = behind(after, "attach partition") {
            return Some(Subject::Table(qualified(partition)?));
        }
        let constraint = behind(after, "add constraint").and_then(|rest| rest.first());
        return Some(match constraint.and_then(Word::identifier) {
            Some(made) => Subject::Makes {
                made: beside(&name, made),
                table: name,
            },
            None => Subject::Table(name),
        });
    }
    if let Some(rest) = behind(words, "create") {
        let rest = without(without(rest, "unlogged"), "unique");
        if let Some(rest) = behind(rest, "table") {
            return table(rest);
        }
        if let Some(rest) = behind(rest, "sequence") {
            return Some(Subject::Sequence(qualified(rest)?));
        }
        if let Some(rest) = behind(rest, "index") {
            let made = rest.first()?.identifier()?;
            let table = qualified(without(seek(rest, "on")?, "only"))?;
            let made = beside(&table, made);
            return Some(Subject::Makes { table, made });
        }
        if let Some(rest) = behind(rest, "statistics") {
            return Some(Subject::Makes {
                made: qualified(rest)?,
                table: qualified(seek(rest, "from")?)?,
            });
        }
        return None;
    }
    if let Some(rest) = behind(words, "copy") {
        return table(rest);
    }
    let of_kind = |rest: &[Word]| {
        let (kind, rest) = rest.split_first()?;
        let name = qualified(rest)?;
        match kind {
            kind if kind.is("table") || kind.is("column") => Some(Subject::Table(name)),
            kind if kind.is("sequence") => Some(Subject::Sequence(name)),
            kind if kind.is("index") || kind.is("statistics") => Some(Subject::Made(
                // `ALTER INDEX parent ATTACH PARTITION child`
                behind(rest.get(3..)?, "attach partition")
                    .and_then(qualified)
                    .unwrap_or(name),
            )),
            _ => None,
        }
    };
    if let Some(rest) = behind(words, "comment on") {
        return of_kind(rest);
    }
    if behind(words, "grant").is_some() || behind(words, "revoke").is_some() {
        return of_kind(seek(words, "on")?);
    }
    of_kind(behind(words, "alter")?)
}

/// In the schema of the table.
fn beside(table: &TableName, name: &str) -> TableName {
    TableName {
        schema: table.schema.clone(),
        name: name.into(),
    }
}

#[cfg(test)]
mod tests;
