//! What a statement of a table's dump is about, by the fixed places of its first words.

use crate::base::names::TableName;
use crate::pg::identifier::{Word, qualified, words};

/// An object that hangs on a table and has a statement of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dependent {
    pub kind: DependentKind,
    pub name: String,
    pub table: TableName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DependentKind {
    Constraint,
    Trigger,
    Policy,
    Rule,
}

impl DependentKind {
    pub(crate) fn parse(word: &str) -> Option<DependentKind> {
        match word {
            "constraint" => Some(DependentKind::Constraint),
            "trigger" => Some(DependentKind::Trigger),
            "policy" => Some(DependentKind::Policy),
            "rule" => Some(DependentKind::Rule),
            _ => None,
        }
    }
}

/// The statements that a restore must tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// It creates the table, or the view.
    CreateRelation(TableName),
    /// It creates the object.
    Create(Dependent),
    /// It changes the object, which it needs not have created: `ENABLE TRIGGER`, `COMMENT ON`.
    About(Dependent),
    /// `ALTER TABLE parent ATTACH PARTITION …`: the partition.
    AttachTable(TableName),
    /// `ALTER INDEX parent ATTACH PARTITION …`: the partition's index.
    AttachIndex(TableName),
    /// `ALTER TABLE … ALTER COLUMN … ADD GENERATED … AS IDENTITY`.
    AddIdentity {
        table: TableName,
        column: String,
    },
    OwnerTo(String),
    /// A `GRANT` or `REVOKE`, with the role.
    Privileges {
        role: String,
        /// Of a table, a column or a sequence, and no built-in object's.
        of_relation: bool,
    },
    SessionAuthorization(String),
    ResetSessionAuthorization,
    /// It sets what holds for the statements behind the next header.
    Default,
    DefaultTablespace(String),
    /// `SET name = …` of any other setting.
    Setting(String),
    /// It lets the server's warnings through again.
    Messages,
    /// It begins to hide rows.
    RowSecurity,
    Other,
}

impl Statement {
    /// Behind it the restoring role may not see every row, or not read the table.
    pub(crate) fn hides_rows(&self) -> bool {
        matches!(
            self,
            Statement::RowSecurity
                | Statement::Create(Dependent {
                    kind: DependentKind::Policy,
                    ..
                })
                | Statement::Privileges {
                    of_relation: true,
                    ..
                }
        )
    }
}

/// Reads the statement, which may be cut off behind its head.
pub(crate) fn read(text: &str) -> Statement {
    let words = words(text);
    let mut reader = Reader { words: &words };
    reader.statement().unwrap_or(Statement::Other)
}

struct Reader<'a> {
    words: &'a [Word],
}

impl Reader<'_> {
    /// Steps over these keywords, if all of them are next.
    fn eat(&mut self, keywords: &str) -> bool {
        let mut rest = self.words;
        for keyword in keywords.split(' ') {
            match rest.split_first() {
                Some((word, after)) if word.is(keyword) => rest = after,
                _ => return false,
            }
        }
        self.words = rest;
        true
    }

    fn name(&mut self) -> Option<String> {
        let (word, rest) = self.words.split_first()?;
        self.words = rest;
        word.identifier().map(String::from)
    }

    fn relation(&mut self) -> Option<TableName> {
        let name = qualified(self.words)?;
        self.words = &self.words[3..];
        Some(name)
    }

    /// Steps behind the keyword, wherever it stands outside parentheses.
    fn seek(&mut self, keyword: &str) -> Option<()> {
        let mut depth = 0_usize;
        let at = self.words.iter().position(|word| {
            match word {
                Word::Mark('(') => depth += 1,
                Word::Mark(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && word.is(keyword)
        })?;
        self.words = &self.words[at + 1..];
        Some(())
    }

    fn statement(&mut self) -> Option<Statement> {
        if self.eat("alter table") {
            self.eat("only");
            let table = self.relation()?;
            return self.alter_table(table);
        }
        if self.eat("alter index") {
            self.relation()?;
            return if self.eat("attach partition") {
                Some(Statement::AttachIndex(self.relation()?))
            } else {
                None
            };
        }
        if self.eat("alter sequence") || self.eat("alter statistics") {
            self.relation()?;
            return self.owner();
        }
        if self.eat("create") {
            return self.create();
        }
        if self.eat("comment on") {
            let kind = DependentKind::parse(&self.name()?)?;
            let name = self.name()?;
            let table = self.eat("on").then(|| self.relation())??;
            return Some(Statement::About(Dependent { kind, name, table }));
        }
        if self.eat("grant") {
            return self.privileges("to");
        }
        if self.eat("revoke") {
            return self.privileges("from");
        }
        if self.eat("set session authorization") {
            return Some(Statement::SessionAuthorization(self.name()?));
        }
        if self.eat("reset session authorization") {
            return Some(Statement::ResetSessionAuthorization);
        }
        if self.eat("set default_tablespace") {
            // `''` is the database's own.
            self.words = self.words.get(1..)?;
            let named = self.name().map(Statement::DefaultTablespace);
            return Some(named.unwrap_or(Statement::Default));
        }
        if self.eat("set client_min_messages") {
            return Some(Statement::Messages);
        }
        if self.eat("set default_table_access_method") {
            return Some(Statement::Default);
        }
        if self.eat("set") {
            let name = self.name()?;
            return (self.words.first() == Some(&Word::Mark('=')))
                .then_some(Statement::Setting(name));
        }
        None
    }

    fn alter_table(&mut self, table: TableName) -> Option<Statement> {
        if self.eat("add constraint") {
            return Some(Statement::Create(Dependent {
                kind: DependentKind::Constraint,
                name: self.name()?,
                table,
            }));
        }
        if self.eat("attach partition") {
            return Some(Statement::AttachTable(self.relation()?));
        }
        if self.eat("alter column") {
            let column = self.name()?;
            let added = self.eat("add generated");
            return added.then_some(Statement::AddIdentity { table, column });
        }
        if self.eat("enable row level security") {
            return Some(Statement::RowSecurity);
        }
        if self.eat("enable") || self.eat("disable") {
            let _ = self.eat("always") || self.eat("replica");
            let kind = DependentKind::parse(&self.name()?)?;
            let name = self.name()?;
            return Some(Statement::About(Dependent { kind, name, table }));
        }
        self.owner()
    }

    fn owner(&mut self) -> Option<Statement> {
        if self.eat("owner to") {
            Some(Statement::OwnerTo(self.name()?))
        } else {
            None
        }
    }

    fn create(&mut self) -> Option<Statement> {
        let _ = self.eat("unlogged");
        if self.eat("table") || self.eat("view") {
            return Some(Statement::CreateRelation(self.relation()?));
        }
        self.eat("constraint");
        let (kind, before) = match () {
            () if self.eat("trigger") => (DependentKind::Trigger, "on"),
            () if self.eat("policy") => (DependentKind::Policy, "on"),
            () if self.eat("rule") => (DependentKind::Rule, "to"),
            () => return None,
        };
        let name = self.name()?;
        self.seek(before)?;
        let table = self.relation()?;
        Some(Statement::Create(Dependent { kind, name, table }))
    }

    fn privileges(&mut self, before: &str) -> Option<Statement> {
        self.seek("on")?;
        let of_relation = self.eat("table") || self.eat("sequence");
        self.seek(before)?;
        Some(Statement::Privileges {
            role: self.name()?,
            of_relation,
        })
    }
}

#[cfg(test)]
mod tests;
