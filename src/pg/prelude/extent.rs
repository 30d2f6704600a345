//! How much of a database a prelude's dump has to hold.

use crate::pg::closure::Closure;
use crate::pg::encoding::Encoding;
use crate::pg::identifier::identifier;
use std::collections::BTreeSet;

/// For each table of a schema that it dumps, pg_dump walks the list of those that it is to leave out:
/// of 100,000 tables that takes longer than all the rest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Nothing stands alone: no dump is needed.
    Nothing,
    /// By their names in the catalog.
    Within {
        schemas: BTreeSet<String>,
        extensions: BTreeSet<String>,
    },
    /// Casts, languages and the like are in no schema, and no option names them.
    Everything,
}

/// The first pg_dump that has `--extension`.
const WITH_EXTENSION: u32 = 14;

impl Extent {
    /// `encoding`: of the dump, which is to find names that are told in UTF-8.
    /// `pg_dump`: its major version.
    pub(crate) fn of(closure: &Closure, encoding: Encoding, pg_dump: u32) -> Extent {
        let objects = closure.standing_alone();
        if objects.is_empty() {
            return Extent::Nothing;
        }
        let (mut schemas, mut extensions) = (BTreeSet::new(), BTreeSet::new());
        for object in &objects {
            let is_extension = object.kind == "extension";
            let name = match &object.schema {
                Some(schema) => identifier(schema),
                None if is_extension && pg_dump >= WITH_EXTENSION => identifier(&object.name),
                None => None,
            };
            let found = |name: &String| encoding == Encoding::UTF8 || name.is_ascii();
            match name.filter(found) {
                Some(name) if is_extension => extensions.insert(name),
                // What somebody made there is in no dump.
                Some(name) if name.starts_with("pg_") => false,
                Some(name) => schemas.insert(name),
                None => return Extent::Everything,
            };
        }
        Extent::Within {
            schemas,
            extensions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use serde_json::{Value, json};

    fn extent(objects: &[(&str, &str, Option<&str>)], pg_dump: u32) -> Extent {
        let objects: Vec<Value> = objects
            .iter()
            .map(|(kind, name, schema)| {
                json!({"class": 1, "oid": 20000, "kind": kind, "name": name, "schema": schema,
                    "part_of": null, "opaque": false, "needed_by": []})
            })
            .collect();
        let closure = json!({"missing": [], "objects": objects, "joined": [], "passed_over": [],
            "external": []});
        let closure = serde_json::from_value(closure).unwrap();
        Extent::of(&closure, Encoding::parse("LATIN1").unwrap(), pg_dump)
    }

    #[test]
    fn only_what_the_options_of_pg_dump_can_name() {
        let within = |schemas: &[&str], extensions: &[&str]| Extent::Within {
            schemas: schemas.iter().map(ToString::to_string).collect(),
            extensions: extensions.iter().map(ToString::to_string).collect(),
        };
        let t = ("type", "app.t", Some("app"));
        let hstore = ("extension", "pg_hstore", None);
        each(
            [
                (vec![], 15, Extent::Nothing),
                (vec![t, t], 15, within(&["app"], &[])),
                (
                    vec![t, ("schema", "\"A \"\"b\"", Some("\"A \"\"b\""))],
                    15,
                    within(&["A \"b", "app"], &[]),
                ),
                (vec![hstore], 14, within(&[], &["pg_hstore"])),
                (vec![t, hstore], 13, Extent::Everything),
                (vec![t, ("cast", "(a AS b)", None)], 15, Extent::Everything),
                (
                    vec![("type", "\"é\".t", Some("\"é\""))],
                    15,
                    Extent::Everything,
                ),
                (
                    vec![("function", "pg_catalog.f()", Some("pg_catalog"))],
                    15,
                    within(&[], &[]),
                ),
            ],
            |(objects, pg_dump, expected)| assert_eq!(extent(&objects, pg_dump), expected),
        );
    }
}
