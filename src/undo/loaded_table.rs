//! A table of the backup as it is loaded beside the live one. For the table with number `n`:
//!
//! - `pg_temp.pgseal_sealed_n`: the rows of the backup. First the columns that it and the live table
//!   both have, under their names and with the live table's types (`text` where the type is another
//!   one since; see `live_column` for domains and enums); then those that the live table lacks, as text.
//! - `pg_temp.pgseal_row_n`: always empty. Its row type is of the columns that both have.
//! - `pg_temp.pgseal_diff_n`: for `compare`.

use crate::base::names::quoted;
use crate::undo::compared_table::ComparedTable;
use crate::undo::live_column::LiveColumn;
use crate::undo::live_tables::LiveTable;

/// A table whose rows are loaded, and what it is compared by.
#[derive(Debug, Clone)]
pub(crate) struct LoadedTable {
    /// The number in the names of the temporary tables.
    pub number: usize,
    pub table: ComparedTable,
    pub live: LiveTable,
    /// The columns that the backup and the live table both have, in the live table's order.
    pub columns: Vec<SharedColumn>,
    /// Names of columns that only the backup has.
    pub gone: Vec<String>,
    /// The keys to compare by, the best one first; once compared, the one that was used. Empty where
    /// rows are compared as a multiset.
    pub keys: Vec<Key>,
}

/// A column of the backup and of the live table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedColumn {
    pub live: LiveColumn,
    /// The type in the backup, where it is another one: then both are compared as text.
    pub sealed_type: Option<String>,
}

/// The primary key, or an immediate unique index of all rows, of columns that are NOT NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub index: String,
    pub columns: Vec<KeyColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyColumn {
    pub column: SharedColumn,
    /// `OPERATOR(schema.=)` of the index.
    equals: String,
    /// The collation of the index.
    collation: Option<String>,
}

const TEXT: &str = "pg_catalog.text";

impl SharedColumn {
    /// The type in which it is loaded and compared, where that is not the live one's.
    fn compared_as(&self) -> Option<&str> {
        match (&self.sealed_type, &self.live.loose) {
            (Some(_), _) => Some(TEXT),
            (None, loose) => loose.as_ref().map(|loose| &*loose.base),
        }
    }

    /// The value in a live row, in the type that it is compared in.
    pub(crate) fn of_live(&self, alias: &str) -> String {
        let name = self.live.quoted();
        match self.compared_as() {
            None => format!("{alias}.{name}"),
            Some(base) => format!("{alias}.{name}::{base}"),
        }
    }

    /// The value in a loaded row, as the live table takes it.
    pub(crate) fn of_loaded(&self, row: &str) -> String {
        let value = format!("{row}.{}", self.live.quoted());
        match self.sealed_type {
            None => self.live.cast(&value),
            Some(_) => value,
        }
    }
}

impl KeyColumn {
    pub(crate) fn name(&self) -> &str {
        &self.column.live.name
    }

    /// The live row `l` and the loaded row `s` have the same key, in the type that is compared.
    pub(crate) fn same(&self) -> String {
        let equals = match self.column.compared_as() {
            Some(TEXT) => "OPERATOR(pg_catalog.=)",
            _ => &self.equals,
        };
        let (live, sealed) = (
            self.column.of_live("l"),
            format!("s.{}", quoted(self.name())),
        );
        equal(&live, equals, &sealed, self.collation.as_deref())
    }

    /// Of the sealed row of a difference `d`, to be told apart as in the index.
    pub(crate) fn of_sealed(&self) -> String {
        let collate = collate(self.collation.as_deref());
        format!("(d.sealed).{}{collate}", quoted(self.name()))
    }

    /// A live value is that of a row that was compared, the type being the live one's.
    pub(crate) fn is_of(&self, live: &str, row: &str) -> String {
        let column = &self.column.live;
        let value = column.cast(&format!("{row}.{}", column.quoted()));
        equal(live, &self.equals, &value, self.collation.as_deref())
    }
}

/// Whether two values are equal in an index of this collation.
pub(crate) fn equal(one: &str, equals: &str, other: &str, collation: Option<&str>) -> String {
    format!("{one} {equals} {other}{}", collate(collation))
}

fn collate(collation: Option<&str>) -> String {
    collation.map_or(String::new(), |name| format!(" COLLATE {name}"))
}

impl LoadedTable {
    pub(crate) fn sealed(&self) -> String {
        format!("pg_temp.pgseal_sealed_{}", self.number)
    }

    /// Whether some of its rows may be in a relation that the backup does not have.
    pub(crate) fn has_new_relations(&self) -> bool {
        let is_new = |name| !self.table.relations.contains(name);
        self.live.oid != self.table.oid || self.live.partitions.iter().any(is_new)
    }

    /// A name that neither the table nor a column of it has.
    pub(crate) fn free(&self, name: &str) -> String {
        let taken = |name: &str| {
            let mut columns = self.live.columns.iter();
            self.table.name.name == name || columns.any(|column| column.name == name)
        };
        let mut name = name.to_string();
        while taken(&name) {
            name.push('_');
        }
        name
    }

    /// The name of a column that only the backup has: its own need not be one that can be told here.
    pub(crate) fn gone(&self, at: usize) -> String {
        self.free(&format!("pgseal_gone_{at}"))
    }

    pub(crate) fn row_type(&self) -> String {
        format!("pg_temp.pgseal_row_{}", self.number)
    }

    pub(crate) fn diff(&self) -> String {
        format!("pg_temp.pgseal_diff_{}", self.number)
    }

    /// The columns of the live table that the backup does not have and the server does not compute.
    pub(crate) fn new_columns(&self) -> impl Iterator<Item = &LiveColumn> {
        let shared = |column: &LiveColumn| {
            let mut columns = self.columns.iter();
            columns.any(|shared| shared.live.number == column.number)
        };
        let columns = self.live.columns.iter();
        columns.filter(move |column| !column.generated && !shared(column))
    }

    pub(crate) fn key(&self) -> Option<&Key> {
        self.keys.first()
    }

    /// None without a key.
    pub(crate) fn key_columns(&self) -> impl Iterator<Item = &KeyColumn> {
        self.key().into_iter().flat_map(|key| &key.columns)
    }

    /// Finds the keys, once the columns are known.
    pub(crate) fn find_keys(&mut self) {
        let usable = self.live.uniques.iter();
        let usable = usable.filter(|unique| {
            unique.immediate && unique.whole && !unique.exclusion && unique.part.is_none()
        });
        let keys = usable.filter_map(|unique| {
            let columns = unique.columns.iter().map(|column| {
                let mut shared = self.columns.iter();
                let shared = shared.find(|shared| shared.live.number == column.number)?;
                let equals = column.equals.clone()?;
                shared.live.not_null.then(|| KeyColumn {
                    column: shared.clone(),
                    equals,
                    collation: column.collation.clone(),
                })
            });
            let columns: Vec<KeyColumn> = columns.collect::<Option<_>>()?;
            (!columns.is_empty()).then(|| Key {
                index: unique.name.clone(),
                columns,
            })
        });
        self.keys = keys.collect();
    }

    /// Makes the temporary tables, empty.
    pub(crate) fn create(&self) -> String {
        let shared = self
            .columns
            .iter()
            .map(|column| format!("{} AS {}", column.of_live("l"), column.live.quoted()));
        let gone = 0..self.gone.len();
        let gone = gone.map(|at| format!("NULL::{TEXT} AS {}", self.gone(at)));
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
