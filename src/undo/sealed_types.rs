//! The types that columns had, by the dump's CREATE TABLE statements.
//!
//! Not a parser: a line is looked up by its column's name, and it is asked whether the live column's
//! type follows. A column whose line cannot be read so counts as unchanged.

use crate::base::names::TableName;
use crate::pg::identifier::{self, unquoted};
use std::collections::BTreeMap;

/// What may follow a type in pg_dump's line of a column.
const FOLLOWS: &[&str] = &[
    " COLLATE ",
    " COMPRESSION ",
    " CONSTRAINT ",
    " DEFAULT ",
    " GENERATED ",
    " NOT NULL",
    " STORAGE ",
];

#[derive(Debug, Default)]
pub(crate) struct SealedTypes(BTreeMap<TableName, Sealed>);

/// A CREATE TABLE statement.
#[derive(Debug)]
struct Sealed {
    /// What follows a column's name, by the name in the dump's encoding.
    columns: Columns,
    /// The tables that it inherits other columns from.
    parents: Vec<TableName>,
}

impl SealedTypes {
    /// A statement of the dump, of which all but CREATE TABLE pass by.
    pub(crate) fn statement(&mut self, text: &[u8]) {
        if let Some((table, sealed)) = create_table(text) {
            self.0.entry(table).or_insert(sealed);
        }
    }

    /// The line of a column: of the table itself, else of a table that it inherits from, at any depth.
    fn line(&self, table: &TableName, column: &[u8]) -> Option<&str> {
        let mut family = vec![table];
        let mut at = 0;
        loop {
            let name = family.get(at)?;
            at += 1;
            let Some(sealed) = self.0.get(*name) else {
                continue;
            };
            if let Some(found) = sealed.columns.get(column) {
                return Some(found);
            }
            // A forged dump may have a circle.
            let new = sealed.parents.iter();
            let new = new.filter(|name| !family.contains(name));
            let new: Vec<&TableName> = new.collect();
            family.extend(new);
        }
    }

    /// The type in the backup, where it is not the live one.
    pub(crate) fn other(&self, table: &TableName, column: &[u8], live: &str) -> Option<String> {
        let line = self.line(table, column)?;
        let rest = line.strip_prefix(live);
        if rest.is_some_and(|rest| {
            rest.is_empty() || FOLLOWS.iter().any(|word| rest.starts_with(word))
        }) {
            return None;
        }
        let ends = FOLLOWS.iter().filter_map(|word| line.find(word));
        Some(line[..ends.min().unwrap_or(line.len())].to_string())
    }
}

type Columns = BTreeMap<Vec<u8>, String>;

fn create_table(text: &[u8]) -> Option<(TableName, Sealed)> {
    let heads = [&b"CREATE TABLE "[..], b"CREATE UNLOGGED TABLE "];
    let rest = heads.iter().find_map(|head| text.strip_prefix(*head))?;
    let (first, lines) = rest.split_at(memchr::memchr(b'(', rest)?);
    let name = std::str::from_utf8(first).ok()?.trim_end();
    let table = identifier::relation(name)?;
    let lines = lines.split(|byte| *byte == b'\n').skip(1);
    let lines = lines.take_while(|line| !line.starts_with(b")"));
    let columns = lines.filter_map(|line| {
        let (name, rest) = column(line.strip_prefix(b"    ")?)?;
        // A type whose name is no UTF-8 here cannot be compared.
        let rest = std::str::from_utf8(rest).ok()?;
        Some((name, rest.strip_suffix(',').unwrap_or(rest).to_string()))
    });
    // Of a text in a default that looks like a line, the first, which is the column.
    let columns = columns.fold(Columns::new(), |mut all, (name, rest)| {
        all.entry(name).or_insert(rest);
        all
    });
    let parents = parents(text).unwrap_or_default();
    Some((table, Sealed { columns, parents }))
}

/// `INHERITS (public.a, public.b)`, behind the columns.
fn parents(text: &[u8]) -> Option<Vec<TableName>> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.rsplit_once("\n)\nINHERITS (")?;
    let (names, _) = rest.rsplit_once(')')?;
    names.split(", ").map(identifier::relation).collect()
}

/// Its name without quotes, and what follows.
fn column(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut within = false;
    // A doubled quote ends the name and begins it again.
    let end = line.iter().position(|byte| {
        within ^= *byte == b'"';
        *byte == b' ' && !within
    })?;
    Some((unquoted(&line[..end]), &line[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn a_type_that_is_another_one_now() {
        let mut types = SealedTypes::default();
        let text = "CREATE TABLE public.\"T t\" (\n    id bigint NOT NULL,\n    \"A \"\"b\" character varying(10) DEFAULT 'x\n    id text'::character varying,\n    at timestamp with time zone,\n    span interval day to second,\n    n numeric(10,2) GENERATED ALWAYS AS (1) STORED,\n    CONSTRAINT c CHECK ((id > 0))\n)\nPARTITION BY RANGE (id)";
        types.statement(text.as_bytes());
        let table = TableName::parse("public.T t").unwrap();
        each(
            [
                ("id", "bigint", None),
                ("id", "integer", Some("bigint")),
                ("A \"b", "character varying(10)", None),
                ("A \"b", "character varying", Some("character varying(10)")),
                (
                    "at",
                    "timestamp without time zone",
                    Some("timestamp with time zone"),
                ),
                ("span", "interval", Some("interval day to second")),
                ("n", "numeric(10,2)", None),
                ("n", "numeric", Some("numeric(10,2)")),
                ("unknown", "text", None),
            ],
            |(column, live, other)| {
                let told = types.other(&table, column.as_bytes(), live);
                assert_eq!(told.as_deref(), other, "{column} {live}");
            },
        );
        types.statement(b"CREATE TABLE public.child (\n    more integer\n)\nINHERITS (public.x, public.\"T t\")");
        let child = TableName::parse("public.child").unwrap();
        let told = |column: &[u8], live| types.other(&child, column, live);
        assert_eq!(told(b"more", "bigint").as_deref(), Some("integer"));
        assert_eq!(told(b"id", "integer").as_deref(), Some("bigint"));
        assert_eq!(told(b"id", "bigint"), None);
        let mut none = SealedTypes::default();
        none.statement(b"CREATE VIEW public.v AS\n SELECT 1");
        assert!(none.0.is_empty());
    }
}
