//! Foreign keys without an index of the referring columns: for each row that goes, the server reads the
//! whole referring table, under the locks. No plan of ours changes that, so it is told beforehand.

use crate::base::names::quoted;
use crate::base::text::counted;
use crate::process::flow::StreamError;
use crate::undo::live_tables::ForeignKey;
use crate::undo::planned::Planned;
use crate::undo::session::{Session, Step};

/// Pages that are read for such a key before it is told: about a second's.
const MANY: u64 = 100_000;

pub(crate) fn notes(session: &mut Session, tables: &[Planned]) -> Result<Vec<String>, StreamError> {
    let mut told = Vec::new();
    for table in tables {
        let live = &table.loaded.live;
        let keys = live.foreign_keys.iter().filter(|key| !key.indexed);
        for key in keys.filter(|key| live.holds(&key.to)) {
            let rows = looked_for(table, key);
            if rows > 0 && rows.saturating_mul(pages(session, key)?) >= MANY {
                told.push(note(key, rows));
            }
        }
    }
    Ok(told)
}

/// Rows whose key goes, at most.
fn looked_for(table: &Planned, key: &ForeignKey) -> u64 {
    let sets_key = table.set.iter().any(|name| key.to_columns.contains(name));
    let updated = if sets_key { table.chosen.updates() } else { 0 };
    table.chosen.deletes() + updated
}

/// Of the referring table and its partitions.
fn pages(session: &mut Session, key: &ForeignKey) -> Result<u64, StreamError> {
    let step = Step::Names(format!("it asked for the size of {}", key.from));
    let query = format!(
        "SELECT (pg_catalog.pg_relation_size({0}) OPERATOR(pg_catalog.+) coalesce((SELECT pg_catalog.sum(pg_catalog.pg_relation_size(relid)) \
         FROM pg_catalog.pg_partition_tree({0}) WHERE relid <> {0}), 0))::pg_catalog.int8 \
         / pg_catalog.current_setting('block_size')::pg_catalog.int8",
        key.from_oid
    );
    session.one(step, &query)
}

fn note(key: &ForeignKey, rows: u64) -> String {
    let columns: Vec<String> = key.from_columns.iter().map(|name| quoted(name)).collect();
    format!(
        "{0} is read whole for each of {1} of {2}, under the locks: an index of {0} ({3}), for its key {4}, spares that",
        key.from,
        counted(rows, "row"),
        key.to,
        columns.join(", "),
        key.name,
    )
}
