//! What must hold, by comparing whole tables: rows from before are kept in copies, whatever pgseal
//! says.

use super::generator::{Key, Schema, Table};
use crate::support::Test;
use std::collections::BTreeMap;

/// Where the copies are.
pub const COPIES: &str = "oracle";

/// A copy of every table as it is now, without keys and triggers, and the names of all columns.
pub fn keep(schema: &Schema) -> String {
    let copies = schema.tables.iter().enumerate().map(|(n, table)| {
        let own = table.own();
        format!("CREATE TABLE {COPIES}.t{n} AS SELECT * FROM {own};\n")
    });
    let copies: String = copies.collect();
    format!(
        "CREATE SCHEMA {COPIES};\n{copies}CREATE TABLE {COPIES}.columns AS SELECT attrelid AS oid, attname \
         FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid >= 16384;\n"
    )
}

/// Of each table every row, and the partition or child that it is in, of the columns that it had at first;
/// under no name, whether each trigger is enabled.
pub type Digests = BTreeMap<String, String>;

pub fn digests(test: &Test, first: &str, tables: &[String]) -> Digests {
    let names = tables.iter().map(|table| format!("('{table}')"));
    let names: Vec<String> = names.collect();
    let answer = test.sql(&format!(
        "{first}WITH named AS (SELECT name, to_regclass(name) AS oid FROM (VALUES {}) AS v(name)),\n\
         listed AS (SELECT name, oid, (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) \
           FROM pg_attribute a JOIN {COPIES}.columns c ON (c.oid, c.attname) = (a.attrelid, a.attname) \
           WHERE a.attrelid = named.oid AND a.attnum > 0) AS columns FROM named)\n\
         SELECT CASE WHEN oid IS NULL THEN format('SELECT %L, ''dropped''', name) ELSE format(\
           'SELECT %L, count(*) || md5(coalesce(string_agg(tableoid::regclass || ROW(%s)::text, '''' \
           ORDER BY tableoid, ROW(%s)::text), '''')) FROM %s', name, columns, columns, name) END FROM listed \\gexec\n\
         SELECT '', string_agg(t::text, '' ORDER BY t::text) FROM \
         (SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal) AS t;",
        names.join(", ")
    ));
    let lines = answer.lines().filter_map(|line| line.rsplit_once('|'));
    let digests: Digests = lines
        .map(|(name, digest)| (name.to_string(), digest.to_string()))
        .collect();
    assert_eq!(digests.len(), tables.len() + 1, "{answer}");
    digests
}

/// Whether a reason for a refusal is true of these tables. `scope` by their numbers.
pub fn is_true(test: &Test, schema: &Schema, scope: &[usize], reason: &str, table: &str) -> bool {
    let is = |one: &Table| one.name == table || one.child.as_deref() == Some(table);
    let Some(at) = schema.tables.iter().position(is) else {
        return false;
    };
    let found: Vec<String> = match reason {
        "referenced" => vanishing(schema, scope, at, &["NO ACTION", "RESTRICT"]),
        "cascade" => vanishing(schema, scope, at, &["CASCADE", "SET NULL", "SET DEFAULT"]),
        "reference_missing" => missing(schema, scope, at),
        "swap" => swapped(schema, at),
        "dropped" => vec![format!("SELECT to_regclass('{table}') IS NULL")],
        "column_gone" | "column_type" | "column_required" => vec![redefined(at, reason, table)],
        "no_key" => differs(schema, at),
        _ => return false,
    };
    found.iter().any(|sql| test.sql(sql) == "t")
}

/// A column of the copy that is not there, or of another type; or one that the copy has not and that
/// takes a value, where rows are gone.
fn redefined(at: usize, reason: &str, table: &str) -> String {
    let columns = |of: &str| {
        format!(
            "(SELECT attname, atttypid, atttypmod, attnotnull AND NOT atthasdef AND attidentity = '' AS required \
             FROM pg_attribute WHERE attrelid = '{of}'::regclass AND attnum > 0 AND NOT attisdropped)"
        )
    };
    let which = match reason {
        "column_gone" => "l.attname IS NULL",
        "column_type" => "(l.atttypid, l.atttypmod) <> (c.atttypid, c.atttypmod)",
        _ => "c.attname IS NULL AND l.required",
    };
    let (live, copy) = (columns(table), columns(&format!("{COPIES}.t{at}")));
    format!("SELECT EXISTS (SELECT FROM {live} l FULL JOIN {copy} c USING (attname) WHERE {which})")
}

/// Rows are not those that there were, and nothing tells which is which.
fn differs(schema: &Schema, at: usize) -> Vec<String> {
    let table = &schema.tables[at];
    if table.key != Key::None {
        return Vec::new();
    }
    let rows = |from: &str| format!("SELECT id, part, u, \"V v\", j::text FROM {from}");
    let (live, copy) = (rows(&table.own()), rows(&format!("{COPIES}.t{at}")));
    let whole = |from: &str| format!("SELECT t::text FROM {from} t");
    let (live_whole, copy_whole) = (whole(&table.own()), whole(&format!("{COPIES}.t{at}")));
    [(live, copy), (live_whole, copy_whole)]
        .map(|(live, copy)| {
            format!(
                "SELECT EXISTS (({live} EXCEPT ALL {copy}) UNION ALL ({copy} EXCEPT ALL {live}))"
            )
        })
        .to_vec()
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
                table.own(),
                to.own()
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
            to.own(),
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
    let own = table.own();
    vec![format!(
        "SELECT EXISTS (SELECT FROM {COPIES}.t{at} s JOIN {own} l ON l.u = s.u \
         WHERE EXISTS (SELECT FROM {own} o WHERE {same} AND o.id <> l.id))"
    )]
}
