//! What must hold, by comparing whole tables: rows from before are kept in copies, whatever pgseal
//! says.

use super::generator::{Schema, Table};
use crate::support::Test;

/// Where the copies are.
const COPIES: &str = "oracle";

/// A copy of every table as it is now, without keys and triggers.
pub fn keep(test: &Test, schema: &Schema) {
    let copies = schema.tables.iter().enumerate().map(|(n, table)| {
        let name = &table.name;
        format!("CREATE TABLE {COPIES}.t{n} AS SELECT * FROM {name}")
    });
    let copies: Vec<String> = copies.collect();
    test.sql(&format!("CREATE SCHEMA {COPIES};\n{}", copies.join(";\n")));
}

/// Every row of these tables, the partition that it is in, and whether each trigger is enabled.
pub fn digest(test: &Test, tables: &[String]) -> String {
    let digests = tables.iter().map(|table| {
        format!(
            "SELECT '{}', count(*), md5(string_agg(md5(tableoid::regclass || t::text), '' ORDER BY tableoid, t::text)) FROM {table} t;\n",
            table.replace('\'', "''")
        )
    });
    let digests: String = digests.collect();
    test.sql(&format!(
        "{digests}SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2;"
    ))
}

/// Whether a reason for a refusal is true of these tables. `scope` by their numbers.
pub fn is_true(test: &Test, schema: &Schema, scope: &[usize], reason: &str, table: &str) -> bool {
    let at = schema
        .tables
        .iter()
        .position(|one| shown(&one.name) == table);
    let Some(at) = at else { return false };
    let found = match reason {
        "referenced" => vanishing(schema, scope, at, &["NO ACTION", "RESTRICT"]),
        "cascade" => vanishing(schema, scope, at, &["CASCADE", "SET NULL"]),
        "reference_missing" => missing(schema, scope, at),
        "swap" => swapped(schema, at),
        _ => return false,
    };
    let found: Vec<String> = found;
    found.iter().any(|sql| test.sql(sql) == "t")
}

/// As pgseal tells a table's name.
pub fn shown(name: &str) -> String {
    name.to_string()
}

fn key(table: &Table, reference: &str) -> String {
    if table.is_pair() {
        format!("(p.id, p.part) = (c.{reference}, c.{reference}p)")
    } else {
        format!("p.id = c.{reference}")
    }
}

/// Rows outside refer to a key that the table has now and did not have.
fn vanishing(schema: &Schema, scope: &[usize], parent: usize, actions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (child, table) in schema.tables.iter().enumerate() {
        for reference in &table.references {
            let fits = [reference.on_delete, reference.on_update]
                .iter()
                .any(|action| actions.contains(action));
            if reference.parent != parent || scope.contains(&child) || !fits {
                continue;
            }
            let to = &schema.tables[parent];
            let on = key(to, &reference.column);
            found.push(format!(
                "SELECT EXISTS (SELECT FROM {} c JOIN {} p ON {on} \
                 WHERE NOT EXISTS (SELECT FROM {COPIES}.t{parent} p WHERE {on}))",
                table.name, to.name
            ));
        }
    }
    found
}

/// A row from before refers to one outside that is not there any more.
fn missing(schema: &Schema, scope: &[usize], child: usize) -> Vec<String> {
    let table = &schema.tables[child];
    let references = table.references.iter();
    let outside = references.filter(|reference| !scope.contains(&reference.parent));
    let found = outside.map(|reference| {
        let to = &schema.tables[reference.parent];
        format!(
            "SELECT EXISTS (SELECT FROM {COPIES}.t{child} c WHERE c.{} IS NOT NULL \
             AND NOT EXISTS (SELECT FROM {} p WHERE {}))",
            reference.column,
            to.name,
            key(to, &reference.column)
        )
    });
    found.collect()
}

/// A row that stays has the unique value that another one is to have again, and a key with an action
/// refers to the table.
fn swapped(schema: &Schema, at: usize) -> Vec<String> {
    let table = &schema.tables[at];
    let mut references = schema.tables.iter().flat_map(|table| &table.references);
    let acts = references.any(|reference| {
        reference.parent == at && [reference.on_delete, reference.on_update] != ["NO ACTION"; 2]
    });
    if !acts || !table.unique {
        return Vec::new();
    }
    let same = if table.is_pair() {
        "(o.id, o.part) = (s.id, s.part)"
    } else {
        "o.id = s.id"
    };
    let name = &table.name;
    vec![format!(
        "SELECT EXISTS (SELECT FROM {COPIES}.t{at} s JOIN {name} l ON l.u = s.u \
         WHERE EXISTS (SELECT FROM {name} o WHERE {same} AND o.id <> l.id))"
    )]
}
