//! Differences in the tables themselves, as far as the comparison of rows meets them.

use crate::base::names::{TableName, readable};
use crate::report::diff::StructureLine;
use crate::store::manifest::Manifest;
use crate::undo::compared_table::ComparedTable;
use crate::undo::live_tables::LiveTables;
use crate::undo::loaded_table::LoadedTable;

pub(crate) fn difference(object: impl ToString, what: impl Into<String>) -> StructureLine {
    StructureLine {
        object: object.to_string(),
        what: what.into(),
    }
}

/// Tables, partitions and inheritance children that came or went.
pub(crate) fn of_tables(
    tables: &[ComparedTable],
    live: &LiveTables,
    manifest: &Manifest,
) -> Vec<StructureLine> {
    let mut found = Vec::new();
    for table in tables {
        let Some(live) = live.find(&table.name) else {
            found.push(difference(
                &table.name,
                "the table is gone since the backup",
            ));
            continue;
        };
        if live.oid != table.oid {
            let what = "the table was dropped and created again since the backup";
            found.push(difference(&table.name, what));
        }
        let known = |name: &TableName| manifest.tables.iter().any(|table| table.table() == *name);
        for name in live.partitions.iter().filter(|name| !known(name)) {
            found.push(difference(name, "the partition is new since the backup"));
        }
        let children = live.children.iter().filter(|name| !known(name));
        for name in children {
            let what = "the child table is new since the backup: its rows are not compared";
            found.push(difference(name, what));
        }
        for name in &table.stored {
            if *name != table.name && !live.partitions.contains(name) {
                let what = "the partition is gone since the backup, or detached";
                found.push(difference(name, what));
            }
        }
    }
    found
}

/// Columns that came, went, or are of another type.
pub(crate) fn of_columns(table: &LoadedTable) -> Vec<StructureLine> {
    let object = |column: &str| format!("{}.{}", table.table.name, readable(column));
    let new = table.new_columns().map(|column| {
        let what = "column is new since the backup (undo leaves it alone)";
        difference(object(&column.name), what)
    });
    let gone = table.gone.iter().map(|name| {
        let what = "column is gone since the backup (undo refuses the table)";
        difference(object(name), what)
    });
    let types = table.columns.iter().filter_map(|column| {
        let was = column.sealed_type.as_ref()?;
        let is = &column.live.type_name;
        let what =
            format!("column was {was} and is {is}: compared as text (undo refuses the table)");
        Some(difference(object(&column.live.name), what))
    });
    new.chain(gone).chain(types).collect()
}
