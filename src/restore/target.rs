//! The database to restore into: what must be there, and what must not.

use super::How;
use super::rules::Missing;
use super::words::{identifier, relation};
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::inspect;
use crate::manifest::{ExternalReference, Manifest};
use crate::names::{TableName, quoted};
use crate::pg::{self, version};
use crate::pipeline::Input;
use crate::render::term::plain;
use crate::tools::{self, Tool};
use crate::watch::Watch;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Target {
    pub version: String,
    version_num: u32,
    pub database: String,
    pub user: String,
    system_identifier: Option<String>,
    existing: Vec<TableName>,
    /// By the manifest's references: there, not there, or nobody knows.
    references: Vec<Option<bool>>,
}

/// Asks it, with the psql that will restore; one without `\restrict` is refused.
pub(crate) fn ask(config: &Config, manifest: &Manifest, watch: &Watch) -> Result<Target> {
    let psql = tools::find(Tool::Psql, &config.env)?;
    let names: Vec<TableName> = manifest.tables.iter().map(|table| table.table()).collect();
    let references = serde_json::json!(manifest.external_references);
    let variables = pg::variables(&[
        ("tables", serde_json::json!(names).to_string()),
        ("references", references.to_string()),
    ]);
    let spec = pg::psql(&psql, config);
    let script = include_str!("target.sql");
    // A restricted psql does not set variables: the two lines only ask whether it knows the word.
    let script = format!("\\restrict pgseal\n\\unrestrict pgseal\n{variables}{script}");
    let what = "cannot ask the target database";
    let ran = inspect::ask(&spec, Input::Bytes(script.into()), watch, Code::Database, what)
        .map_err(|error| {
            let said = |word: &str| error.stages.iter().flat_map(|s| &s.said).any(|l| l.contains(word));
            if said("invalid command \\restrict") {
                let what = format!("`{psql}` has no \\restrict, so a forged artifact could run commands");
                return Error::new(Code::ToolUnfit, what)
                    .hint("Install a minor release of August 2025 or later: apt-get install --only-upgrade postgresql-client");
            }
            match error.hint {
                None => error.hint("Check --dbname; the target database must exist: createdb NAME."),
                Some(_) => error,
            }
        })?;
    serde_json::from_str(ran.text().trim()).map_err(|err| {
        let what = format!("the target's answer cannot be read: {err}");
        Error::new(Code::Database, what)
    })
}

impl Target {
    /// Refuses a target that has one of the tables, that is too old, or that was backed up.
    pub(crate) fn check(&self, manifest: &Manifest) -> Result<()> {
        let server = &manifest.server;
        let here = &self.database;
        if server.system_identifier.is_some()
            && server.system_identifier == self.system_identifier
            && server.database == *here
        {
            let what = format!("`{here}` is the database that was backed up");
            return Err(Error::new(Code::Database, what).hint(
                "Restore into another database of that server, compare, and copy back what is \
                 wanted: docs/undo.md.",
            ));
        }
        let dumped = version::major(&manifest.tools.pg_dump.version).unwrap_or(0);
        let major = self.version_num / 10_000;
        if major < dumped {
            let what = format!(
                "the target is PostgreSQL {}, older than the pg_dump {} that wrote the dump",
                self.version, manifest.tools.pg_dump.version
            );
            return Err(Error::new(Code::Database, what).hint(format!(
                "Restore into a server of version {dumped} or newer."
            )));
        }
        match &self.existing[..] {
            [] => Ok(()),
            [first, rest @ ..] => {
                let more = match rest.len() {
                    0 => String::new(),
                    n => format!(" (and {n} more)"),
                };
                let what = format!("`{first}` exists in the database `{here}` already{more}");
                Err(Error::new(Code::TableUnfit, what).hint(
                    "Nothing is ever overwritten: restore into another database, see docs/undo.md.",
                ))
            }
        }
    }

    /// What the manifest declares and the target has not, with what nobody could look up.
    pub(crate) fn missing<'a>(
        &self,
        manifest: &'a Manifest,
    ) -> (Vec<&'a ExternalReference>, Vec<&'a ExternalReference>) {
        let all = || manifest.external_references.iter().zip(&self.references);
        let absent = all().filter(|(_, there)| **there == Some(false));
        // What depends on the tables, the tables do not need.
        let unknown = all().filter(|(reference, there)| {
            there.is_none()
                && !reference.kind.starts_with("dependent")
                && reference.kind != "statistics"
        });
        (
            absent.map(|(r, _)| r).collect(),
            unknown.map(|(r, _)| r).collect(),
        )
    }
}

/// The statement that makes it, or what to do.
fn mend(reference: &ExternalReference) -> String {
    // The manifest may be anybody's: only what is one name may stand in SQL that is copied, and
    // nothing in a line of its own.
    let name = plain(&reference.name);
    let spelt = identifier(&name).map(|name| quoted(&name));
    match (reference.kind.as_str(), spelt) {
        ("role", Some(name)) if owns(reference) => {
            format!(
                "CREATE ROLE {name} NOLOGIN; or, where it is there: GRANT {name} TO CURRENT_USER;"
            )
        }
        ("role", Some(name)) => format!("CREATE ROLE {name} NOLOGIN;"),
        ("schema", Some(name)) => format!("CREATE SCHEMA {name};"),
        ("tablespace", Some(name)) => format!("CREATE TABLESPACE {name} LOCATION '…';"),
        ("extension", _) => {
            format!("install the package of the extension {name} on the target's host")
        }
        (kind, _) => format!("create the {} {name}", thing(kind)),
    }
}

/// An owner must be one whom the restoring role may act for.
fn owns(reference: &ExternalReference) -> bool {
    reference.kind == "role" && reference.needed_by.starts_with("owner of ")
}

/// What is missing, as a reader calls it.
fn thing(kind: &str) -> String {
    match kind {
        "foreign_key" | "partitioned_table" => "table".into(),
        kind => plain(&kind.replace('_', " ")),
    }
}

/// Names are written as SQL quotes them; one that cannot be read is not left out.
fn keep<T: Ord>(names: &mut BTreeSet<T>, name: Option<T>) -> bool {
    let known = name.is_some();
    names.extend(name);
    known
}

/// Whether the gate leaves out what needs this: foreign keys, the attaching of partitions, owners
/// and privileges. A policy that names a role, or a table that names another's row type, stays.
fn leave_out(missing: &mut Missing, reference: &ExternalReference) -> bool {
    let (kind, name, by) = (&*reference.kind, &reference.name, &reference.needed_by);
    match kind {
        "role" if by.starts_with("owner of ") || by.starts_with("privileges on ") => {
            keep(&mut missing.roles, identifier(name))
        }
        "tablespace" => keep(&mut missing.tablespaces, identifier(name)),
        "foreign_key" | "partitioned_table" => keep(&mut missing.relations, relation(name)),
        _ => false,
    }
}

/// Refuses what is missing, or turns it into what the gate leaves out.
pub(crate) fn settle(missing: &[&ExternalReference], how: How) -> Result<Missing> {
    let mut left_out = Missing::default();
    let mut refused: Vec<&ExternalReference> = Vec::new();
    let mut skipping_helps = true;
    for reference in missing {
        let can = leave_out(&mut left_out, reference);
        if !(can && how.skip_external) {
            skipping_helps &= can;
            refused.push(reference);
        }
    }
    let Some(first) = refused.first() else {
        return Ok(left_out);
    };
    let more = match refused.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let mine = match owns(first) {
        true => " that this user is a member of",
        false => "",
    };
    let (kind, name, by) = (thing(&first.kind), &first.name, &first.needed_by);
    let what = format!("the target has no {kind} {name}{mine}, which {by} needs{more}");
    let mut mends: Vec<String> = refused.iter().map(|reference| mend(reference)).collect();
    mends.sort();
    mends.dedup();
    // The host's packages are not the backup's to bring.
    if how.proof
        && refused
            .iter()
            .any(|reference| reference.kind != "extension")
    {
        let what = format!("it does not come back by itself: {what}");
        return Err(Error::new(Code::NotVerified, what).hint(
            "Take the backup with its prelude, or restore into a database that has the rest.",
        ));
    }
    if skipping_helps {
        mends.push(
            "or leave out foreign keys, partitions, owners and privileges: --skip-external".into(),
        );
    }
    Err(Error::new(Code::Database, what).hint(mends.join("\n      ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_holds_no_sql_of_the_manifest() {
        let mend = |kind: &str, name: &str| {
            let reference = serde_json::json!({
                "kind": kind, "name": name, "needed_by": "public.a", "status": "", "detail": ""
            });
            mend(&serde_json::from_value(reference).unwrap())
        };
        assert_eq!(mend("role", "app"), "CREATE ROLE \"app\" NOLOGIN;");
        assert_eq!(
            mend("role", "\"a\"\"; b\""),
            "CREATE ROLE \"a\"\"; b\" NOLOGIN;"
        );
        let hostile = "x SUPERUSER LOGIN PASSWORD 'a'; --";
        for kind in ["role", "tablespace"] {
            assert!(!mend(kind, hostile).contains("CREATE"), "{kind}");
        }
        assert!(!mend("function", "f()\nDROP TABLE x;").contains('\n'));
    }
}
