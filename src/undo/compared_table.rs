//! The tables of a backup as they are compared: a partitioned one with all of its partitions as one,
//! since a row may move between them; any other by itself, an inheritance child too, which may have
//! columns that its parent lacks.

use crate::base::error::{Code, Error, Result};
use crate::base::few::joined;
use crate::base::names::TableName;
use crate::store::manifest::Manifest;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComparedTable {
    pub name: TableName,
    /// The configured table that it is, or is a child of.
    pub target: String,
    /// At the time of the backup.
    pub oid: u32,
    /// All that the backup has of it: itself, its partitions at any depth.
    pub relations: Vec<TableName>,
    /// Of these, which stored its rows.
    pub stored: Vec<TableName>,
    /// As the manifest counts them.
    pub rows: u64,
}

impl ComparedTable {
    /// Whether the name is this table's, or that of the configured table that it came with.
    pub(crate) fn is_named(&self, name: &TableName) -> bool {
        self.name == *name || self.target == name.to_string()
    }
}

/// The names to ask the catalog for.
pub(crate) fn names(tables: &[ComparedTable]) -> Vec<TableName> {
    tables.iter().map(|table| table.name.clone()).collect()
}

/// All of a backup, or those that are chosen: a configured table stands for all that came with it.
pub(crate) fn compared_tables(
    manifest: &Manifest,
    chosen: &[TableName],
) -> Result<Vec<ComparedTable>> {
    let mut tables: Vec<ComparedTable> = Vec::new();
    let root_of = |target: &str| {
        let all = manifest.tables.iter();
        all.filter(|table| !table.stores_rows())
            .find(|table| table.table().to_string() == target)
    };
    for table in manifest.tables.iter().filter(|table| !table.is_sequence()) {
        let by_root = root_of(&table.target);
        let whole = by_root.unwrap_or(table);
        let name = whole.table();
        let at = tables.iter().position(|known| known.name == name);
        let at = at.unwrap_or_else(|| {
            tables.push(ComparedTable {
                name,
                target: whole.target.clone(),
                oid: whole.oid,
                relations: Vec::new(),
                stored: Vec::new(),
                rows: 0,
            });
            tables.len() - 1
        });
        tables[at].relations.push(table.table());
        if table.stores_rows() {
            tables[at].stored.push(table.table());
            tables[at].rows = tables[at].rows.saturating_add(table.rows);
        }
    }
    if chosen.is_empty() {
        return Ok(tables);
    }
    for name in chosen {
        if !tables.iter().any(|table| table.is_named(name)) {
            let known: Vec<String> = tables.iter().map(|table| table.name.to_string()).collect();
            let what = format!("the backup does not hold the table `{name}`");
            return Err(Error::new(Code::TableUnfit, what)
                .hint(format!("It holds {}.", joined(&known, ", "))));
        }
    }
    tables.retain(|table| chosen.iter().any(|name| table.is_named(name)));
    Ok(tables)
}
