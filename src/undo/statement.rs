//! The one statement that writes: every DELETE, then every UPDATE, then every INSERT of all tables, in
//! one WITH. Foreign keys are judged when it ends, so they need no order, be they in a cycle. Only where a
//! key's action would then reach what came back, added rows are deleted by one before it.
//!
//! PostgreSQL runs the parts of a WITH in no order of its own but that of what they read: each UPDATE
//! reads a count of all deleted rows, each INSERT one of all rows that were deleted or updated.

use crate::undo::choose::Chosen;
use crate::undo::final_rows::{CHOSEN, meets};
use crate::undo::live_column::Identity;
use crate::undo::loaded_table::LoadedTable;
use crate::undo::planned::Planned;

/// Each answers one row of JSON: an array of `{deleted, updated, inserted}`, a table each.
pub(crate) fn statements(tables: &[Planned], added_first: bool) -> Vec<String> {
    if !added_first {
        return vec![statement(tables)];
    }
    let with = |chosen: fn(Chosen) -> Chosen| {
        let tables = tables.iter().cloned();
        let tables = tables.map(|table| Planned {
            chosen: chosen(table.chosen),
            ..table
        });
        statement(&tables.collect::<Vec<_>>())
    };
    let added = |chosen: Chosen| Chosen {
        added: chosen.added,
        ..Chosen::default()
    };
    let others = |chosen: Chosen| Chosen { added: 0, ..chosen };
    vec![with(added), with(others)]
}

fn statement(tables: &[Planned]) -> String {
    let mut parts = Vec::new();
    let mut told = Vec::new();
    let [mut deletes, mut updates] = [Vec::new(), Vec::new()];
    for (n, table) in tables.iter().enumerate() {
        if table.chosen.deletes() > 0 {
            parts.push(format!("d{n} AS ({})", delete(&table.loaded)));
            deletes.push(format!("d{n}"));
        }
    }
    parts.push(format!(
        "g1 AS MATERIALIZED (SELECT {} AS n)",
        sum(&deletes)
    ));
    for (n, table) in tables.iter().enumerate() {
        if table.chosen.updates() > 0 {
            parts.push(format!("u{n} AS ({})", update(table)));
            updates.push(format!("u{n}"));
        }
    }
    // Where nothing is updated, nothing but this reads the deletes.
    let both = format!("g1.n OPERATOR(pg_catalog.+) {}", sum(&updates));
    parts.push(format!("g2 AS MATERIALIZED (SELECT {both} AS n FROM g1)"));
    for (n, table) in tables.iter().enumerate() {
        if table.chosen.gone > 0 {
            parts.push(format!("i{n} AS ({})", insert(&table.loaded)));
        }
        if table.chosen.swapped > 0 {
            parts.push(format!("s{n} AS ({})", insert_again(&table.loaded)));
        }
        let count = |name: &str, some: u64| match some {
            0 => "0".to_string(),
            _ => format!("(SELECT pg_catalog.count(*) FROM {name}{n})"),
        };
        told.push(format!(
            "pg_catalog.json_build_object('deleted', {}, 'updated', {}, 'inserted', {} OPERATOR(pg_catalog.+) {})",
            count("d", table.chosen.deletes()),
            count("u", table.chosen.updates()),
            count("i", table.chosen.gone),
            count("s", table.chosen.swapped),
        ));
    }
    // A function takes a hundred arguments at most.
    let told = told.iter().enumerate();
    let told: Vec<String> = told.map(|(n, part)| format!("({n}, {part})")).collect();
    format!(
        "WITH {}\nSELECT pg_catalog.json_agg(part ORDER BY n) FROM (VALUES {}) AS t(n, part)",
        parts.join(",\n"),
        told.join(", ")
    )
}

fn sum(parts: &[String]) -> String {
    let counts = parts
        .iter()
        .map(|part| format!("(SELECT pg_catalog.count(*) FROM {part})"));
    let counts: Vec<String> = counts.collect();
    match &counts[..] {
        [] => "0".into(),
        counts => format!("({})", counts.join(" OPERATOR(pg_catalog.+) ")),
    }
}

fn delete(table: &LoadedTable) -> String {
    format!(
        "DELETE FROM {} AS l USING {} AS d WHERE {CHOSEN} AND ({} OR d.swapped) AND {} RETURNING 1",
        table.live.from(),
        table.diff(),
        is("added"),
        meets(table)
    )
}

/// The condition that a row has this action. The operator is qualified, since the role's own search path
/// is in effect here.
fn is(action: &str) -> String {
    format!("d.action OPERATOR(pg_catalog.=) '{action}'::pg_catalog.text")
}

/// The UPDATE of the columns in which a row differs: others may have triggers of their own, or the role
/// may lack the right to them.
fn update(table: &Planned) -> String {
    let loaded = &table.loaded;
    let set = loaded.columns.iter();
    let set = set.filter(|column| table.set.contains(&column.live.name));
    let set = set.map(|column| {
        let name = column.live.quoted();
        format!("{name} = {}", column.of_loaded("(d.sealed)"))
    });
    let set: Vec<String> = set.collect();
    format!(
        "UPDATE {} AS l SET {} FROM {} AS d, g1 WHERE {CHOSEN} AND {} AND NOT d.swapped \
         AND {} AND g1.n OPERATOR(pg_catalog.>=) 0 RETURNING 1",
        loaded.live.from(),
        set.join(", "),
        loaded.diff(),
        is("changed"),
        meets(loaded)
    )
}

/// The columns of the backup's row, and their values.
fn sealed(table: &LoadedTable) -> Vec<(String, String)> {
    let columns = table.columns.iter();
    let columns = columns.map(|column| (column.live.quoted(), column.of_loaded("(d.sealed)")));
    columns.collect()
}

fn insert_into(table: &LoadedTable, columns: Vec<(String, String)>, from: &str) -> String {
    let target = table.live.name.pattern();
    let (names, values): (Vec<String>, Vec<String>) = columns.into_iter().unzip();
    if names.is_empty() {
        return format!("INSERT INTO {target} SELECT {from} RETURNING 1");
    }
    format!(
        "INSERT INTO {target} ({}) OVERRIDING SYSTEM VALUE SELECT {} {from} RETURNING 1",
        names.join(", "),
        values.join(", ")
    )
}

fn insert(table: &LoadedTable) -> String {
    let from = format!(
        "FROM {} AS d, g2 WHERE {CHOSEN} AND {} AND g2.n OPERATOR(pg_catalog.>=) 0",
        table.diff(),
        is("gone")
    );
    insert_into(table, sealed(table), &from)
}

/// The INSERT of rows that the same statement deletes. A column that the backup did not have keeps its
/// value.
fn insert_again(table: &LoadedTable) -> String {
    let new = table.new_columns().map(|column| column.quoted());
    let new = new.map(|name| (name.clone(), format!("l.{name}")));
    let columns = sealed(table).into_iter().chain(new).collect();
    let from = format!(
        "FROM {} AS d JOIN {} AS l ON {}, g2 WHERE {CHOSEN} AND d.swapped AND g2.n OPERATOR(pg_catalog.>=) 0",
        table.diff(),
        table.live.from(),
        meets(table)
    );
    insert_into(table, columns, &from)
}

/// Columns that an UPDATE may set.
pub(crate) fn can_be_set(table: &LoadedTable) -> Vec<String> {
    let columns = table.columns.iter().map(|column| &column.live);
    let columns = columns.filter(|column| column.identity != Some(Identity::Always));
    columns.map(|column| column.name.clone()).collect()
}
