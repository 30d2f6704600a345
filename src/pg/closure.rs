//! What a restore of the target tables into an empty database needs besides them, and what it
//! would miss.

use crate::error::{Code, Error, Result};
use crate::manifest::ExternalReference;
use serde::Deserialize;

/// One query of pg_catalog. The session's settings keep the planner off paths that it takes for
/// want of statistics: with JIT the same answer takes seconds.
pub(crate) const QUERY: &str = concat!(
    "SET lock_timeout = :lock_timeout;\n",
    "SET statement_timeout = :statement_timeout;\n",
    "SET search_path = pg_catalog;\n",
    "SET work_mem = '512kB';\n",
    "SELECT :SERVER_VERSION_NUM >= 110000 AS jit \\gset\n",
    "\\if :jit\nSET jit = off;\n\\endif\n",
    "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;\n",
    include_str!("closure.sql"),
    "\nCOMMIT;\n",
);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Closure {
    /// Targets that are not there.
    #[serde(default)]
    pub missing: Vec<crate::names::TableName>,
    /// Schemas, types, functions, extensions, … that must be there before the tables.
    #[serde(rename = "closure")]
    pub needed: Vec<Needed>,
    /// Functions whose body the server does not look into before it runs.
    #[serde(default)]
    pub opaque: Vec<Opaque>,
    #[serde(rename = "external_references")]
    external: Vec<External>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Needed {
    pub kind: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Opaque {
    pub name: String,
    pub mentions: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct External {
    kind: String,
    name: String,
    needed_by: Vec<String>,
}

/// Kinds of what every database of the same cluster has, or the host: it must be there before a
/// restore, and is no part of a table.
const OF_THE_HOST: &[&str] = &["role", "tablespace", "library", "extension"];

impl Closure {
    pub(crate) fn parse(answer: &str) -> Result<Closure> {
        serde_json::from_str(answer.trim()).map_err(|err| {
            Error::new(
                Code::Database,
                format!("the closure's answer cannot be read: {err}"),
            )
        })
    }

    /// As a manifest records them.
    pub(crate) fn external_references(&self) -> Vec<ExternalReference> {
        let all = self.external.iter().map(|external| ExternalReference {
            kind: external.kind.clone(),
            name: external.name.clone(),
            needed_by: external.needed_by.join(", "),
        });
        all.collect()
    }

    /// What no restore of these tables alone brings back: foreign keys, views and the like
    /// beyond the scope.
    pub(crate) fn missed(&self) -> Vec<ExternalReference> {
        let all = self.external_references().into_iter();
        all.filter(|r| !OF_THE_HOST.contains(&r.kind.as_str()))
            .collect()
    }

    /// What the cluster or the host that restores must have.
    pub(crate) fn of_the_host(&self) -> Vec<ExternalReference> {
        let all = self.external_references().into_iter();
        all.filter(|r| OF_THE_HOST.contains(&r.kind.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Closure;

    #[test]
    fn what_is_missed_and_what_the_host_has() {
        let answer = r#"{"closure":[{"kind":"type","name":"public.t","oid":1}],"opaque":[],
            "external_references":[
            {"kind":"role","name":"r","needed_by":["owner of table a.b"]},
            {"kind":"foreign_key","name":"a.c","needed_by":["x","y"]}]}"#;
        let closure = Closure::parse(answer).unwrap();
        assert_eq!(closure.needed[0].name, "public.t");
        assert_eq!(closure.of_the_host()[0].name, "r");
        let missed = closure.missed();
        assert_eq!((missed.len(), missed[0].needed_by.as_str()), (1, "x, y"));
        assert!(Closure::parse("{}").is_err());
    }
}
