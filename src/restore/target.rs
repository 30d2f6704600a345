//! The database to restore into: what must be there, and what must not.

use crate::base::error::{Code, Error, Result};
use crate::base::names::{TableName, quoted};
use crate::base::text::shell_word;
use crate::base::version;
use crate::pg;
use crate::pg::closure::ExternalReference;
use crate::pg::connection::Connection;
use crate::pg::encoding::Encoding;
use crate::pg::locks::LockTable;
use crate::pg::place::Place;
use crate::pg::restrict;
use crate::process::cancel::Cancel;
use crate::process::find::Tool;
use crate::process::run::{Input, run};
use crate::restore::missing::{MissingDependency, WhyMissing};
use crate::restore::run::RestoreOptions;
use crate::restore::selection::Chosen;
use crate::store::manifest::Manifest;
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct TargetDatabase {
    pub version: String,
    version_num: u32,
    pub database: String,
    encoding: String,
    pub user: String,
    /// Where it was asked from; the answer does not know.
    #[serde(skip)]
    container: Option<String>,
    /// As psql was told it: of several hosts, the one that answered.
    host: String,
    port: String,
    system_identifier: Option<String>,
    /// When the server was started, as a transaction script tells it too.
    pub server_started: String,
    lock_table: LockTable,
    /// The role may create temporary tables.
    temporary: bool,
    /// `on` where PGOPTIONS reached the server.
    options: Option<String>,
    existing: Vec<TableName>,
    pub sequences: Vec<TableName>,
    /// Names of all that it knows.
    pub settings: Vec<String>,
    /// By the manifest's references: there, not there, or nobody knows.
    references: Vec<Option<bool>>,
    default_privileges: Vec<DefaultPrivileges>,
    /// Likewise: an owner that is there, and for whom this user may not act.
    others: Vec<bool>,
}

/// What the target gives others on every table or sequence that the restoring role creates.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct DefaultPrivileges {
    kind: String,
    /// None: in every schema.
    schema: Option<String>,
    grantee: String,
    privileges: String,
}

impl DefaultPrivileges {
    fn told(&self) -> String {
        let place = match &self.schema {
            Some(schema) => format!(" in schema {}", quoted(schema)),
            None => String::new(),
        };
        format!(
            "default privileges of the target give {} on every {} that is created{place} to {}: the restored ones too",
            self.privileges, self.kind, self.grantee
        )
    }
}

/// Asks it, with the psql that will restore; one without `\restrict` is refused.
pub(crate) fn ask(
    connection: &Connection,
    manifest: &Manifest,
    cancel: &Cancel,
) -> Result<TargetDatabase> {
    let psql = connection.tool(Tool::Psql)?;
    let names: Vec<TableName> = manifest.tables.iter().map(|table| table.table()).collect();
    let references = serde_json::json!(manifest.external_references);
    let variables = pg::command::variables(&[
        ("tables", serde_json::json!(names).to_string()),
        ("references", references.to_string()),
        ("lc_monetary", manifest.lc_monetary().unwrap_or("C").into()),
    ]);
    let spec = pg::command::psql(&psql, connection);
    let script = pg::session::question(include_str!("target.sql"));
    let script = format!("{}{variables}{LOCALE}{script}", restrict::ASKED);
    let what = "cannot ask the target database";
    let ran = connection
        .answered(
            run(&spec, Input::Bytes(script.into()), cancel),
            Code::Database,
            what,
        )
        .map_err(|error| {
            let error = restrict::explained(error, &psql);
            if error.hints.is_empty() {
                error.hint("Check --dbname; the target database must exist: createdb NAME.")
            } else {
                error
            }
        })?;
    let target: TargetDatabase = serde_json::from_str(ran.text().trim()).map_err(|err| {
        let what = format!("the target's answer cannot be read: {err}");
        Error::new(Code::Database, what)
    })?;
    Ok(TargetDatabase {
        container: connection.container_name(),
        ..target
    })
}

/// Asks whether the server's host has the locale: nothing says so but an error.
const LOCALE: &str = "\\set ON_ERROR_STOP 0\nBEGIN READ ONLY;\n\
    SET LOCAL lc_monetary = :'lc_monetary';\n\\set no_locale :ERROR\n\
    ROLLBACK;\n\\set ON_ERROR_STOP 1\n";

/// The major version of the pg_dump that wrote the dump.
fn dumped_by(manifest: &Manifest) -> u32 {
    version::major(&manifest.tools.pg_dump.version).unwrap_or(0)
}

impl TargetDatabase {
    pub(crate) fn place(&self) -> Place {
        Place {
            database: self.database.clone(),
            host: self.host.clone(),
            port: self.port.clone(),
            role: self.user.clone(),
            container: self.container.clone(),
        }
    }

    /// What is otherwise by the target's own doing: who gets rights, and what bytes mean.
    pub(crate) fn notes(&self, manifest: &Manifest) -> Vec<String> {
        let (dumped, here) = (&manifest.server.encoding, &self.encoding);
        let mut notes: Vec<String> = self
            .default_privileges
            .iter()
            .map(DefaultPrivileges::told)
            .collect();
        if self.is_older_than_the_dump(manifest) {
            notes.push(self.older(manifest));
        }
        let as_they_are = manifest.plaintext.encoding == Encoding::SQL_ASCII;
        if as_they_are && dumped != here {
            notes.push(format!(
                "the dump has bytes and no encoding, the target is {here}: what was restored is read as {here} there"
            ));
        }
        notes
    }

    /// Refuses a target behind a pooler, and one that has one of the chosen tables, or is too old.
    pub(crate) fn check(
        &self,
        manifest: &Manifest,
        chosen: &Chosen,
        options: RestoreOptions,
    ) -> Result<()> {
        pg::session::check_options(self.options.as_deref())?;
        let here = &self.database;
        if self.is_older_than_the_dump(manifest) && !options.older_target {
            return Err(Error::new(Code::Database, self.older(manifest)).hint(format!(
                "Restore into a server of version {} or newer; or leave out the settings that this one does not \
                 know: --older-target.\n\
                 It is one transaction: what else the server does not understand fails, and changes nothing.",
                dumped_by(manifest)
            )));
        }
        if !self.temporary {
            let user = &self.user;
            let what = format!(
                "the role {user} may not create temporary tables in `{here}`, and a restore needs one"
            );
            return Err(Error::new(Code::Database, what).hint(format!(
                "As the owner of the database: GRANT TEMPORARY ON DATABASE {} TO {};",
                quoted(here),
                quoted(user)
            )));
        }
        let existing = self.existing.iter().filter(|table| chosen.holds(table));
        match &existing.collect::<Vec<_>>()[..] {
            [] => self.lock_table.check(manifest.restore_locks()),
            [first, rest @ ..] => Err(self.there_already(first, rest.len(), manifest)),
        }
    }

    /// Whether it may not understand what pg_dump wrote.
    pub(crate) fn is_older_than_the_dump(&self, manifest: &Manifest) -> bool {
        self.version_num / 10_000 < dumped_by(manifest)
    }

    fn older(&self, manifest: &Manifest) -> String {
        format!(
            "the target is PostgreSQL {}, older than the pg_dump {} that wrote the dump",
            self.version, manifest.tools.pg_dump.version
        )
    }

    /// It is the very database that was backed up.
    pub(crate) fn was_backed_up(&self, manifest: &Manifest) -> bool {
        let server = &manifest.server;
        server.system_identifier.is_some()
            && server.system_identifier == self.system_identifier
            && server.database == self.database
    }

    fn there_already(&self, first: &TableName, more: usize, manifest: &Manifest) -> Error {
        let place = self.place();
        let more = match more {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        if !self.was_backed_up(manifest) {
            let what = format!("`{first}` exists already{more} ({place})");
            return Error::new(Code::TableUnfit, what).hint(
                "Nothing is ever overwritten: restore into another database, see docs/undo-by-hand.md.",
            );
        }
        let what = format!(
            "`{}` is the database that was backed up, and `{first}` is there{more} ({place})",
            self.database
        );
        let is_gone = |name: &TableName| !self.existing.contains(name);
        let tables = manifest.tables.iter().filter(|table| !table.is_sequence());
        let gone = tables.filter(|table| is_gone(&table.table()));
        // A partition comes with its root.
        let roots: Vec<String> = gone
            .clone()
            .map(|table| table.table().to_string())
            .collect();
        let gone = gone.map(|table| (table.table().to_string(), &table.target));
        let gone = gone.filter(|(name, target)| name == *target || !roots.contains(target));
        let gone: Vec<String> = gone.map(|(name, _)| shell_word(&name)).collect();
        let mut hint =
            "To take back what was written since, run `pgseal undo` with the same run and \
                        proof: docs/undo.md."
                .to_string();
        if !gone.is_empty() {
            let gone = gone.join(" --table=");
            hint += &format!("\nTo bring back only what was dropped: --table={gone}.");
        }
        Error::new(Code::Database, what).hint(hint)
    }

    /// What the manifest declares and the target lacks, with what nobody could look up.
    pub(crate) fn missing<'a>(
        &self,
        manifest: &'a Manifest,
    ) -> (Vec<MissingDependency<'a>>, Vec<&'a ExternalReference>) {
        let all = || manifest.external_references.iter().zip(&self.references);
        let others = self.others.iter().copied().chain(std::iter::repeat(false));
        let lacks = all()
            .zip(others)
            .filter_map(|((reference, there), others)| {
                let why = match there {
                    _ if others => WhyMissing::OwnedForOthers,
                    Some(false) if manifest.rests_on_its_tables(reference) => {
                        WhyMissing::RestsOnTheTables
                    }
                    Some(false) => WhyMissing::Absent,
                    _ => return None,
                };
                Some(MissingDependency { reference, why })
            });
        // What depends on the tables, the tables do not need.
        let unknown = all().filter(|(reference, there)| {
            there.is_none()
                && !reference.kind.starts_with("dependent")
                && reference.kind != "statistics"
        });
        (lacks.collect(), unknown.map(|(r, _)| r).collect())
    }
}
