//! What the target tables need around them, as the catalog tells it: what a prelude can create
//! before them or between them, which sequences and views join their dump, and what nothing brings along.

use crate::base::names::TableName;
use crate::pg::catalog::RelationKind;
use serde::{Deserialize, Serialize};

/// Four statements, in the form that psql reads: each gives the next its answer in variables, so
/// that the server plans with the true numbers of partitions. The last one prints.
pub(crate) const QUERY: &str = concat!(
    include_str!("closure/scope.sql"),
    include_str!("closure/edges.sql"),
    include_str!("closure/bodies.sql"),
    include_str!("closure/answer.sql")
);

/// What a restore into an empty database would miss.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ExternalReference {
    pub kind: String,
    pub name: String,
    pub needed_by: String,
}

/// What it means for a restore that a reference is not in the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lack {
    /// The target database must have it.
    Needed,
    /// It belongs to the tables or rests on them, and no dump of them brings it back.
    Lost,
    /// Rows may name it; which, nobody looked up.
    InRows,
    /// The target's cluster or host must have it, as no database does.
    OfHost,
}

impl ExternalReference {
    pub(crate) fn lack(&self) -> Lack {
        match self.kind.as_str() {
            "role" | "tablespace" | "library" | "extension" | "locale" => Lack::OfHost,
            "object_names" | "large_object" => Lack::InRows,
            "statistics" => Lack::Lost,
            kind if kind.starts_with("dependent_") => Lack::Lost,
            _ => Lack::Needed,
        }
    }

    /// Kind and name as a reader calls it, and as `known_external` spells it.
    pub(crate) fn told(&self) -> String {
        let kind = match self.kind.as_str() {
            "foreign_key" | "partitioned_table" => "table".into(),
            "object_names" => "object names in".into(),
            "search_path" => "search path for".into(),
            "large_object" => "large objects in".into(),
            kind => kind.trim_start_matches("dependent_").replace('_', " "),
        };
        format!("{kind} {}", self.name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(crate) struct Closure {
    /// Targets that are not there.
    pub missing: Vec<TableName>,
    /// What can be created before the tables, or between them.
    pub objects: Vec<Object>,
    /// Sequences that no table owns and that a table's default, or the like, names; and views that
    /// show the tables alone, where something that comes along reads them.
    pub joined: Vec<JoinedRelation>,
    /// Kind and name of what the text of a body names and what is not brought along.
    pub passed_over: Vec<String>,
    /// What a restore would miss, prelude or not.
    external: Vec<ExternalReference>,
}

/// A schema, type, function, extension, …
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Object {
    /// Catalog and row, as pg_dump names them too.
    pub class: u32,
    pub oid: u32,
    pub kind: String,
    pub name: String,
    /// Quoted as in SQL; a schema's is itself. None of a cast, a language, an extension.
    #[serde(default)]
    pub schema: Option<String>,
    /// The type that it is made with, or after: it need not have a statement of its own.
    pub part_of: Option<u32>,
    /// A function whose body is text: what it names is found by that text alone.
    pub opaque: bool,
    /// Its statements, where pg_dump writes none: in UTF-8.
    #[serde(default)]
    pub sql: Option<Vec<String>>,
    /// The tables behind which alone it can be created. None: before them all.
    #[serde(default)]
    pub needs: Vec<TableName>,
    needed_by: Vec<String>,
}

/// To be dumped with the tables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct JoinedRelation {
    pub oid: u32,
    pub kind: RelationKind,
    /// Place of the first target that needs it among the configured tables.
    pub target: usize,
    #[serde(flatten)]
    pub table: TableName,
}

/// The schema `public`, which every new database has.
pub(crate) const PUBLIC: (u32, u32) = (2615, 2200);

impl Object {
    /// It has a statement of its own, without which a restore would miss it.
    pub(crate) fn stands_alone(&self) -> bool {
        self.part_of.is_none() && (self.class, self.oid) != PUBLIC
    }

    fn references(&self) -> impl Iterator<Item = ExternalReference> + '_ {
        let kind = self.kind.replace(' ', "_");
        // What rests on the tables cannot be there before them.
        let rests = self.needs.iter().filter(|_| kind != "statistics");
        let rests = rests.map(|table| (format!("dependent_{kind}"), format!("table {table}")));
        let needed = self.needed_by.iter().cloned();
        let needed: Vec<_> = needed.map(|by| (kind.clone(), by)).chain(rests).collect();
        needed
            .into_iter()
            .map(|(kind, needed_by)| ExternalReference {
                kind,
                name: self.name.clone(),
                needed_by,
            })
    }
}

impl Closure {
    /// All that a restore would miss, where prelude and late file hold every object but these.
    pub(crate) fn external_references(&self, absent: &[Object]) -> Vec<ExternalReference> {
        let mut all = self.external.clone();
        all.extend(absent.iter().flat_map(Object::references));
        // An extension is one with its prelude too.
        all.sort();
        all.dedup();
        all
    }

    /// What a prelude has to hold, and the late file behind it.
    pub(crate) fn standing_alone(&self) -> Vec<Object> {
        let objects = self.objects.iter().filter(|object| object.stands_alone());
        objects.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_prelude_holds_is_an_external_reference_too() {
        let closure: Closure = serde_json::from_str(
            r#"{"missing":[],"objects":[
                {"class":2615,"oid":2200,"kind":"schema","name":"public","part_of":null,"opaque":false,"needed_by":["table public.a"]},
                {"class":1247,"oid":20000,"kind":"type","name":"public.t","part_of":null,"opaque":false,"needed_by":["table public.a","table public.b"]},
                {"class":2606,"oid":20001,"kind":"domain constraint","name":"c on public.t","part_of":20000,"opaque":false,"needed_by":["type public.t"]}],
              "joined":[{"oid":1,"target":0,"kind":"S","schema":"a","name":"B.c"}],
              "passed_over":[],
              "external":[{"kind":"role","name":"r","needed_by":"owner of table public.a"}]}"#,
        )
        .unwrap();
        assert_eq!(closure.joined[0].table.pattern(), r#""a"."B.c""#);
        let with = closure.external_references(&[]);
        assert_eq!(with.len(), 1);
        assert_eq!(with[0].lack(), Lack::OfHost);
        let without = closure.external_references(&closure.standing_alone());
        let told: Vec<_> = without.iter().map(|r| (&*r.name, &*r.needed_by)).collect();
        assert_eq!(
            told[1..],
            [
                ("public.t", "table public.a"),
                ("public.t", "table public.b")
            ]
        );
        assert!(serde_json::from_str::<Closure>("{}").is_err());
    }
}
