//! Whether a table can be backed up whole, and what mends it where not.

use crate::base::hint::{Hint, Hints};
use crate::base::names::{TableName, quoted};
use crate::pg::catalog::{Catalog, Found, Relation, RelationKind};
use crate::pg::connection::Connection;
use std::collections::BTreeMap;

/// Why a table cannot be backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub what: String,
    pub absent: bool,
    remedy: Remedy,
}

/// What mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remedy {
    Say(String),
    /// A look at the tables of this schema, or at all where it is not there.
    Look(Option<String>),
    /// Rights, which are granted for all tables at once.
    Grant,
    /// The right to pass by row security, or the owner's session.
    SeeAllRows {
        owner: Option<String>,
    },
}

/// Tables of the database's own, so that one can be chosen.
const TABLES: &str = "SELECT schemaname, tablename FROM pg_tables \
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2";

/// Shows which tables there are.
pub(crate) fn show_tables(connection: &Connection) -> Hint {
    connection.by_hand(TABLES)
}

impl Catalog {
    pub(crate) fn problems(&self, tables: &[TableName]) -> Vec<Problem> {
        let strange = |rel: &Relation| rel.target >= tables.len();
        if self.targets.len() != tables.len() || self.relations.iter().any(strange) {
            return vec![Problem {
                what: "the catalog did not answer for every table".into(),
                remedy: Remedy::Say("Try again.".into()),
                absent: false,
            }];
        }
        let absent = self
            .targets
            .iter()
            .zip(tables)
            .filter_map(|(found, table)| {
                let (schema, why) = match found {
                    Found { oid: Some(_), .. } => return None,
                    Found {
                        schema_exists: false,
                        ..
                    } => (None, ": there is no schema of that name"),
                    _ => (Some(table.schema.clone()), ""),
                };
                Some(Problem {
                    what: format!("table `{table}` does not exist{why}"),
                    remedy: Remedy::Look(schema),
                    absent: true,
                })
            });
        let mut first: BTreeMap<u32, usize> = BTreeMap::new();
        for rel in &self.relations {
            let target = first.entry(rel.oid).or_insert(rel.target);
            *target = rel.target.min(*target);
        }
        let relations = self.relations.iter();
        let unfit = relations.filter_map(|rel| self.unfit(rel, tables, &first));
        absent.chain(unfit).collect()
    }

    /// `first`: the first target that each relation belongs to.
    fn unfit(
        &self,
        rel: &Relation,
        tables: &[TableName],
        first: &BTreeMap<u32, usize>,
    ) -> Option<Problem> {
        let table = &rel.table;
        let shown = if tables[rel.target] == *table {
            format!("table `{table}`")
        } else {
            format!("table `{table}`, a part of `{}`,", tables[rel.target])
        };
        let user = quoted(&self.session.user);
        let problem = |what: &str, remedy: Remedy| {
            Some(Problem {
                what: format!("{shown} {what}"),
                remedy,
                absent: false,
            })
        };
        let say = |text: &str| Remedy::Say(text.into());
        if let Some(other) = first.get(&rel.oid).filter(|other| **other < rel.target) {
            let other = &tables[*other];
            return problem(
                "is named twice",
                say(&format!(
                    "Leave one out: `{other}` stands for all of its partitions and children."
                )),
            );
        }
        match rel.kind {
            RelationKind::Table | RelationKind::Partitioned if !rel.temporary => {}
            RelationKind::Table | RelationKind::Partitioned => {
                return problem("is temporary", say("Name a permanent table."));
            }
            kind => {
                let kind = kind.as_str();
                let article = if kind.starts_with('i') { "an" } else { "a" };
                return problem(
                    &format!("is {article} {kind}, which pg_dump writes no rows for"),
                    say("Name the tables that hold the rows."),
                );
            }
        }
        if let Some(extension) = &rel.extension {
            return problem(
                &format!("belongs to the extension `{extension}`, so pg_dump leaves it out"),
                say("Back it up by the means of the extension."),
            );
        }
        if !rel.usage {
            let what = format!("cannot be read: role {user} has no USAGE on its schema");
            return problem(&what, Remedy::Grant);
        }
        if !rel.select {
            let what = format!("cannot be read: role {user} has no SELECT on it");
            return problem(&what, Remedy::Grant);
        }
        if let Some(unreadable) = rel.unreadable_sequences.first() {
            let sequence = &unreadable.sequence;
            let what = format!("needs the sequence `{sequence}`, which role {user} may not read");
            return problem(&what, Remedy::Grant);
        }
        if rel.row_security {
            let what = format!("has row security that would hide rows from role {user}");
            let owner = (!rel.row_security_forced).then(|| rel.owner.clone());
            return problem(&what, Remedy::SeeAllRows { owner });
        }
        None
    }

    /// What mends all of these, each step once.
    pub(crate) fn remedies(&self, problems: &[Problem], connection: &Connection) -> Hints {
        let mut hints = Hints::default();
        let mut done: Vec<&Remedy> = Vec::new();
        for problem in problems {
            if done.contains(&&problem.remedy) {
                continue;
            }
            done.push(&problem.remedy);
            hints = hints.then(match &problem.remedy {
                Remedy::Say(text) => Hint::say(text).into(),
                Remedy::Look(schema) => Hints::from(
                    "Names are taken as the catalog spells them. What is there:",
                )
                .then(match schema {
                    Some(schema) => connection.by_hand(&format!("\\dt {}.*", quoted(schema))),
                    None => show_tables(connection),
                }),
                Remedy::Grant => self.grants(connection),
                Remedy::SeeAllRows { owner } => self.see_all_rows(owner.as_deref(), connection),
            });
        }
        hints
    }

    /// All rights that the role lacks for a backup, in one statement for each who may grant them.
    fn grants(&self, connection: &Connection) -> Hints {
        let user = quoted(&self.session.user);
        let mut grants: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut grant = |owner, lacks: bool, what: String| {
            let list = grants.entry(owner).or_default();
            let sql = format!("GRANT {what} TO {user};");
            if lacks && !list.contains(&sql) {
                list.push(sql);
            }
        };
        let usage = |table: &TableName| format!("USAGE ON SCHEMA {}", quoted(&table.schema));
        for rel in &self.relations {
            grant(&rel.schema_owner, !rel.usage, usage(&rel.table));
            let select = format!("SELECT ON {}", rel.table.pattern());
            grant(&rel.owner, !rel.select, select);
            for lacked in &rel.unreadable_sequences {
                grant(&lacked.schema_owner, !lacked.usage, usage(&lacked.sequence));
                let select = format!("SELECT ON SEQUENCE {}", lacked.sequence.pattern());
                grant(&lacked.owner, !lacked.select, select);
            }
        }
        let grants = grants.into_iter().filter(|(_, sql)| !sql.is_empty());
        grants.fold(Hints::default(), |hints, (owner, sql)| {
            let who = format!("As the owner, {}, or as a superuser:", quoted(owner));
            let run = connection.by_hand_as(owner, &self.server.database, &sql.join(" "));
            hints.then(who.as_str()).then(run)
        })
    }

    fn see_all_rows(&self, owner: Option<&str>, connection: &Connection) -> Hints {
        let first = match owner {
            Some(owner) => format!("Connect as the table's owner, {}; or:", quoted(owner)),
            None => "The table forces its row security upon its owner too.".into(),
        };
        let sql = format!("ALTER ROLE {} BYPASSRLS;", quoted(&self.session.user));
        let superuser = &self.server.superuser;
        Hints::from(first)
            .then("As a superuser:")
            .then(connection.by_hand_as(superuser, &self.server.database, &sql))
    }
}
