//! Whether a table can be backed up whole, and what mends it where not.

use crate::base::names::TableName;
use crate::pg::catalog::{Catalog, Found, Relation, RelationKind};
use std::collections::BTreeMap;

/// Why a table cannot be backed up, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub what: String,
    pub mend: String,
    pub absent: bool,
}

impl Catalog {
    pub(crate) fn problems(&self, tables: &[TableName]) -> Vec<Problem> {
        let strange = |rel: &Relation| rel.target >= tables.len();
        if self.targets.len() != tables.len() || self.relations.iter().any(strange) {
            return vec![Problem {
                what: "the catalog did not answer for every table".into(),
                mend: "Try again.".into(),
                absent: false,
            }];
        }
        let absent = self
            .targets
            .iter()
            .zip(tables)
            .filter_map(|(found, table)| {
                let what = match found {
                    Found { oid: Some(_), .. } => return None,
                    Found {
                        schema_exists: false,
                        ..
                    } => {
                        format!("table `{table}` does not exist: there is no schema of that name")
                    }
                    _ => format!("table `{table}` does not exist"),
                };
                Some(Problem {
                    what,
                    mend: format!(
                        "List what is there with `psql -c '\\dt {}.*'`; names are taken as the \
                     catalog spells them.",
                        crate::base::names::quoted(&table.schema)
                    ),
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
        let user = crate::base::names::quoted(&self.session.user);
        let problem = |what: &str, mend: String| {
            Some(Problem {
                what: format!("{shown} {what}"),
                mend,
                absent: false,
            })
        };
        if let Some(other) = first.get(&rel.oid).filter(|other| **other < rel.target) {
            let other = &tables[*other];
            return problem(
                "is named twice",
                format!("Leave one out: `{other}` stands for all of its partitions and children."),
            );
        }
        match rel.kind {
            RelationKind::Table | RelationKind::Partitioned if !rel.temporary => {}
            RelationKind::Table | RelationKind::Partitioned => {
                return problem("is temporary", "Name a permanent table.".into());
            }
            kind => {
                let kind = kind.as_str();
                let article = if kind.starts_with('i') { "an" } else { "a" };
                return problem(
                    &format!("is {article} {kind}, which pg_dump writes no rows for"),
                    "Name the tables that hold the rows.".into(),
                );
            }
        }
        if let Some(extension) = &rel.extension {
            return problem(
                &format!("belongs to the extension `{extension}`, so pg_dump leaves it out"),
                "Back it up by the means of the extension.".into(),
            );
        }
        if !rel.usage {
            return problem(
                &format!("cannot be read: role {user} has no USAGE on its schema"),
                format!(
                    "GRANT USAGE ON SCHEMA {} TO {user};",
                    crate::base::names::quoted(&table.schema)
                ),
            );
        }
        if !rel.select {
            return problem(
                &format!("cannot be read: role {user} has no SELECT on it"),
                format!("GRANT SELECT ON {} TO {user};", table.pattern()),
            );
        }
        if let Some(sequence) = rel.unreadable_sequences.first() {
            return problem(
                &format!("owns the sequence `{sequence}`, which role {user} may not read"),
                format!("GRANT SELECT ON SEQUENCE {} TO {user};", sequence.pattern()),
            );
        }
        if rel.row_security {
            return problem(
                &format!("has row security that would hide rows from role {user}"),
                format!(
                    "Connect as the table's owner or a superuser, or ALTER ROLE {user} BYPASSRLS;"
                ),
            );
        }
        None
    }
}
