//! Which statements may pass. Anybody with the public key can make an artifact, so a statement
//! passes only where it is one that pg_dump writes, and where what it changes came with the
//! artifact itself.

use super::allowed::{PRELUDE, SETTINGS};
use super::changed::{Kind, Object, creates};
use super::words::{Statement, Word, head, qualified, relation, shown};
use crate::names::TableName;
use std::collections::BTreeSet;

/// What is to be done with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruling {
    Pass,
    /// Left out, and told: what it is.
    Skip(String),
    /// Left out with another.
    Aside,
}

/// Which of the two streams a statement stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Schemas, types, functions, …: what the tables need.
    Prelude,
    Tables,
}

/// What the manifest declares, the target has not, and `--skip-external` leaves out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Missing {
    pub roles: BTreeSet<String>,
    /// They are there, and the restoring role may not act for them.
    pub owners: BTreeSet<String>,
    pub relations: BTreeSet<TableName>,
    pub tablespaces: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Rules {
    part: Part,
    /// The relations of the manifest.
    scope: BTreeSet<TableName>,
    /// What the stream has created so far.
    created: BTreeSet<Object>,
    /// A partition was not attached: neither are its indexes.
    detached: bool,
    /// In whose name pg_dump goes on granting, where it is not the owner's.
    grantor: Option<String>,
    missing: Missing,
}

impl Rules {
    pub(crate) fn new(
        part: Part,
        scope: impl IntoIterator<Item = TableName>,
        missing: Missing,
    ) -> Rules {
        Rules {
            part,
            scope: scope.into_iter().collect(),
            created: BTreeSet::new(),
            detached: false,
            grantor: None,
            missing,
        }
    }

    pub(crate) fn judge(&mut self, statement: &Statement) -> Result<Ruling, String> {
        let words = &statement.words[..];
        if let Some(ruling) = self.granting(words) {
            return ruling;
        }
        if statement.begins(&["set"]) {
            return self.setting(words);
        }
        if statement.begins(&["select"]) {
            return self.select(words);
        }
        let created = match self.part {
            Part::Tables => self.within(words)?,
            Part::Prelude if PRELUDE.iter().any(|head| statement.begins(head)) => None,
            Part::Prelude => {
                return Err(format!(
                    "it holds a statement that is not pg_dump's: {}",
                    head(words)
                ));
            }
        };
        if let Some(skipped) = self.skipped(words) {
            return Ok(Ruling::Skip(skipped));
        }
        self.created.extend(created);
        Ok(Ruling::Pass)
    }

    /// What one who was granted a privilege granted on stands between `SET SESSION AUTHORIZATION`
    /// and its RESET. It takes a superuser to say that again, so it is left out.
    fn granting(&mut self, words: &[Word]) -> Option<Result<Ruling, String>> {
        match (&self.grantor, words) {
            (None, [set, session, authorization, name])
                if self.part == Part::Tables
                    && set.is("set")
                    && session.is("session")
                    && authorization.is("authorization") =>
            {
                self.grantor = Some(name.name()?.into());
                Some(Ok(Ruling::Aside))
            }
            (None, _) => None,
            (Some(_), [reset, session, authorization])
                if reset.is("reset")
                    && session.is("session")
                    && authorization.is("authorization") =>
            {
                self.grantor = None;
                Some(Ok(Ruling::Aside))
            }
            (Some(grantor), [first, ..]) if first.is("grant") || first.is("revoke") => {
                let what = format!("{}, by {grantor}", shown(words));
                Some(self.within(words).map(|_| Ruling::Skip(what)))
            }
            (Some(grantor), _) => Some(Err(format!(
                "it holds a statement in the name of {grantor} that is no grant: {}",
                head(words)
            ))),
        }
    }

    fn setting(&self, words: &[Word]) -> Result<Ruling, String> {
        let refused = || {
            Err(format!(
                "it holds a setting that is not pg_dump's: {}",
                head(words)
            ))
        };
        let [_, name, equals, value @ ..] = words else {
            return refused();
        };
        let known = name.name().filter(|name| SETTINGS.contains(name));
        let (Some(name), true, [value]) = (known, equals.mark('='), value) else {
            return refused();
        };
        let fixed = match name {
            "client_encoding" => *value == Word::Text("UTF8".into()),
            "standard_conforming_strings" => value.is("on"),
            _ => true,
        };
        if !fixed {
            return refused();
        }
        let space = value.name().filter(|_| name == "default_tablespace");
        Ok(
            match space.filter(|space| self.missing.tablespaces.contains(*space)) {
                Some(space) => Ruling::Skip(format!("tablespace {space}")),
                None => Ruling::Pass,
            },
        )
    }

    /// The two calls that pg_dump makes. `setval` lasts though a transaction be rolled back, so
    /// only of a sequence that was created here.
    fn select(&self, words: &[Word]) -> Result<Ruling, String> {
        let refused = || Err(format!("it holds a query: {}", head(words)));
        let [_, schema, dot, function, open, arguments @ .., close] = words else {
            return refused();
        };
        let catalog = schema.is("pg_catalog") && dot.mark('.');
        if !(catalog && open.mark('(') && close.mark(')')) {
            return refused();
        }
        let text = |word: &Word, wanted: &str| *word == Word::Text(wanted.into());
        match arguments {
            [name, c1, value, c2, local] if function.is("set_config") => {
                let commas = c1.mark(',') && c2.mark(',');
                match commas && text(name, "search_path") && text(value, "") && local.is("false") {
                    true => Ok(Ruling::Pass),
                    false => refused(),
                }
            }
            [Word::Text(name), c1, value @ .., c2, called] if function.is("setval") => {
                let number = matches!(value, [Word::Number(_)])
                    || matches!(value, [Word::Mark('-'), Word::Number(_)]);
                let called = called.is("true") || called.is("false");
                let ours = relation(name)
                    .is_some_and(|name| self.created.contains(&(Kind::Sequence, name)));
                match c1.mark(',') && c2.mark(',') && number && called && ours {
                    true => Ok(Ruling::Pass),
                    false => refused(),
                }
            }
            _ => refused(),
        }
    }

    /// What a statement of the dump creates; what it changes must have come with the dump.
    fn within(&self, words: &[Word]) -> Result<Option<Object>, String> {
        let created = creates(words, |object| self.created.contains(object))?;
        match &created {
            Some((Kind::Table, name)) if !self.scope.contains(name) => Err(format!(
                "it creates `{name}`, which the manifest does not name"
            )),
            _ => Ok(created),
        }
    }

    /// What `--skip-external` leaves out: statements that need what is declared and missing.
    fn skipped(&mut self, words: &[Word]) -> Option<String> {
        let after = |keywords: &[&str]| {
            let found = words.windows(keywords.len()).position(|window| {
                window
                    .iter()
                    .zip(keywords)
                    .all(|(word, keyword)| word.is(keyword))
            });
            found.map(|at| &words[at + keywords.len()..])
        };
        let role = |rest: Option<&[Word]>, missing: &[&BTreeSet<String>]| {
            let name = rest?.first()?.name()?;
            let is = missing.iter().any(|roles| roles.contains(name));
            is.then(|| name.to_string())
        };
        let relation = |rest: Option<&[Word]>| {
            let name = qualified(rest?)?;
            self.missing.relations.contains(&name).then_some(name)
        };
        let shown = shown(words);
        let first = words.first()?;
        if first.is("alter") {
            let owner = after(&["owner", "to"]);
            if let Some(name) = role(owner, &[&self.missing.roles, &self.missing.owners]) {
                return Some(format!("owner {name}: {shown}"));
            }
            if let Some(name) = relation(after(&["references"]))
                && after(&["foreign", "key"]).is_some()
            {
                return Some(format!("foreign key to {name}: {shown}"));
            }
            if after(&["attach", "partition"]).is_some()
                && let Some(name) = relation(after(&["only"]))
            {
                self.detached = true;
                return Some(format!("partition of {name}: {shown}"));
            }
            // Its index goes the way of the parent that is not there.
            let attached = after(&["attach", "partition"]).is_some();
            if attached
                && self.detached
                && let Some(name) = after(&["alter", "index"]).and_then(qualified)
                && !self.created.contains(&(Kind::Index, name.clone()))
            {
                return Some(format!("partition of {name}: {shown}"));
            }
        }
        let (word, privilege) = match first {
            word if word.is("grant") => ("to", true),
            word if word.is("revoke") => ("from", true),
            _ => ("", false),
        };
        let roles = [&self.missing.roles];
        let name = privilege.then(|| role(after(&[word]), &roles)).flatten()?;
        Some(format!("privileges of {name}: {shown}"))
    }
}

#[cfg(test)]
mod tests;
