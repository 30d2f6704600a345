//! A table of the backup as it is loaded beside the live one. For the table with number `n`:
//!
//! - `pg_temp.pgseal_sealed_n`: the rows of the backup. First the columns that it and the live table
//!   both have, under their names and with the live table's types (`text` where the type is another
//!   one since); then those that the live table lacks, as text.
//! - `pg_temp.pgseal_row_n`: always empty. Its row type is of the columns that both have.
//! - `pg_temp.pgseal_diff_n`: for `compare`.

use crate::undo::compared_table::ComparedTable;
use crate::undo::live_tables::{LiveColumn, LiveTable};

/// A table whose rows are loaded, and what it is compared by.
#[derive(Debug, Clone)]
pub(crate) struct LoadedTable {
    /// In the names of the temporary tables.
    pub number: usize,
    pub table: ComparedTable,
    pub live: LiveTable,
    /// That the backup and the live table both have, in the live table's order.
    pub columns: Vec<SharedColumn>,
    /// Names of columns that only the backup has.
    pub gone: Vec<String>,
    /// None where the rows are compared as a multiset.
    pub key: Option<Key>,
}

/// A column of the backup and of the live table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedColumn {
    pub live: LiveColumn,
    /// The type in the backup, where it is another one: then both are compared as text.
    pub sealed_type: Option<String>,
}

/// The primary key, else an immediate unique index of all rows, of columns that are NOT NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub index: String,
    pub columns: Vec<KeyColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyColumn {
    pub name: String,
    /// `OPERATOR(schema.=)`
    pub equals: String,
}

impl SharedColumn {
    /// Of the live table `alias`, in the type that it is compared in.
    pub(crate) fn of_live(&self, alias: &str) -> String {
        let name = self.live.quoted();
        match self.sealed_type {
            None => format!("{alias}.{name}"),
            Some(_) => format!("{alias}.{name}::pg_catalog.text"),
        }
    }
}

impl LoadedTable {
    pub(crate) fn sealed(&self) -> String {
        format!("pg_temp.pgseal_sealed_{}", self.number)
    }

    pub(crate) fn row_type(&self) -> String {
        format!("pg_temp.pgseal_row_{}", self.number)
    }

    pub(crate) fn diff(&self) -> String {
        format!("pg_temp.pgseal_diff_{}", self.number)
    }

    /// Of the live table, which the backup did not have and the server does not compute.
    pub(crate) fn new_columns(&self) -> impl Iterator<Item = &LiveColumn> {
        let shared = |column: &LiveColumn| {
            let mut columns = self.columns.iter();
            columns.any(|shared| shared.live.number == column.number)
        };
        let columns = self.live.columns.iter();
        columns.filter(move |column| !column.generated && !shared(column))
    }

    /// Chooses the key, once the columns are known.
    pub(crate) fn find_key(&mut self) {
        let usable = self.live.uniques.iter();
        let mut usable =
            usable.filter(|unique| unique.immediate && unique.whole && !unique.exclusion);
        self.key = usable.find_map(|unique| {
            let columns = unique.columns.iter().map(|column| {
                let mut shared = self.columns.iter();
                let shared = shared.find(|shared| shared.live.number == column.number)?;
                let equals = match shared.sealed_type {
                    Some(_) => "OPERATOR(pg_catalog.=)".into(),
                    None => column.equals.clone()?,
                };
                shared.live.not_null.then(|| KeyColumn {
                    name: shared.live.name.clone(),
                    equals,
                })
            });
            let columns: Vec<KeyColumn> = columns.collect::<Option<_>>()?;
            (!columns.is_empty()).then(|| Key {
                index: unique.name.clone(),
                columns,
            })
        });
    }

    /// Makes the temporary tables, empty.
    pub(crate) fn create(&self) -> String {
        let shared = self.columns.iter().map(|column| match column.sealed_type {
            None => format!("l.{}", column.live.quoted()),
            Some(_) => format!("NULL::pg_catalog.text AS {}", column.live.quoted()),
        });
        let gone = (0..self.gone.len()).map(|at| format!("NULL::pg_catalog.text AS {}", gone(at)));
        let all: Vec<String> = shared.chain(gone).collect();
        let names = self
            .columns
            .iter()
            .map(|column| format!("s.{}", column.live.quoted()));
        let names: Vec<String> = names.collect();
        let (sealed, row, diff, from) = (
            self.sealed(),
            self.row_type(),
            self.diff(),
            self.live.from(),
        );
        format!(
            "CREATE TEMPORARY TABLE {sealed} AS SELECT {} FROM {from} AS l WITH NO DATA;\n\
             CREATE TEMPORARY TABLE {row} AS SELECT {} FROM {sealed} AS s WITH NO DATA;\n\
             CREATE TEMPORARY TABLE {diff} (action pg_catalog.text, columns pg_catalog.text[], \
             sealed {row}, live {row}, xmin_live pg_catalog.xid, kept pg_catalog.text, \
             swapped pg_catalog.bool NOT NULL DEFAULT false);\n",
            all.join(", "),
            names.join(", "),
        )
    }
}

/// The name of a column that only the backup has: its own need not be one that can be told here.
pub(crate) fn gone(at: usize) -> String {
    format!("pgseal_gone_{at}")
}
