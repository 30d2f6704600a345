//! What the host says: every question that a backup has, asked once and side by side. A backup takes
//! the answers as its plan, a report takes each by itself.

use crate::backup::encrypt::Expected;
use crate::backup::plan::{Plan, PlanParts};
use crate::backup::restorability::Restorability;
use crate::base::error::{Code, Error, Result};
use crate::base::names::{Fingerprint, RunId, TableName};
use crate::base::threads::{self, joined};
use crate::base::version::Version;
use crate::config::settings::{Broken, Config, refused};
use crate::gnupg::colons::Key;
use crate::gnupg::command::{self, Gpg};
use crate::gnupg::keyring::{self, Recipient};
use crate::gnupg::signer::{self, Signer};
use crate::pg::catalog::{Catalog, RelationKind};
use crate::pg::closure::Closure;
use crate::pg::connection::Connection;
use crate::pg::encoding::Encoding;
use crate::pg::scan::Scan;
use crate::pg::server::{self, DatabaseAnswer, FittingPgDump, NewerPgDump};
use crate::process::cancel::Cancel;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::thread;

/// The answers, each with its own refusal.
pub(crate) struct HostAnswers {
    pub gpg: Result<Gpg>,
    /// Versions of gpg and of libgcrypt.
    pub gpg_version: Result<(Version, String)>,
    /// One for each recipient that is configured.
    pub keys: Result<Vec<Result<Key>>>,
    /// None where manifests are not signed.
    pub signer: Result<Option<Signer>>,
    /// The one on PATH.
    pub pg_dump: Result<Version>,
    /// The one to use, once it is known for which server.
    pub fitting: Result<FittingPgDump>,
    pub catalog: Result<Catalog>,
    pub closure: Result<Closure>,
}

impl HostAnswers {
    /// Goes on without the settings that are `broken`, and asks no database that was not meant.
    pub(crate) fn ask(config: &Config, broken: &[Broken], cancel: &Cancel) -> HostAnswers {
        let connection = &config.connection;
        let tables = config.tables.as_deref().unwrap_or_default();
        let gpg = command::gpg(&config.gnupg_home, &config.env);
        let with_gpg = || gpg.as_ref().map_err(Error::clone);
        thread::scope(|scope| {
            let database = threads::spawn(scope, || {
                refused(broken, "dbname")?;
                Ok(server::catalog_and_closure(connection, tables, cancel))
            });
            let pg_dump = threads::spawn(scope, || server::pg_dump(connection, cancel));
            let version = threads::spawn(scope, || command::gpg_version(with_gpg()?, cancel));
            let keys = with_gpg().and_then(|gpg| {
                let all = config.recipients.as_ref().map_err(Error::clone)?;
                let all = all.fingerprints.iter();
                Ok(all
                    .map(|fingerprint| keyring::find_key(gpg, fingerprint, cancel))
                    .collect())
            });
            let signer = || -> Result<Option<Signer>> {
                let key = config.signing.trusted_key()?;
                key.map(|key| signer::signer(with_gpg()?, key, &config.env, cancel))
                    .transpose()
            };
            let signer = signer();
            let DatabaseAnswer { catalog, closure } =
                joined(database).unwrap_or_else(DatabaseAnswer::neither);
            let pg_dump = joined(pg_dump);
            let fitting = || {
                let (first, catalog) = (pg_dump.clone()?, catalog.as_ref().map_err(Error::clone)?);
                server::pg_dump_for(connection, first, catalog.server.major(), cancel)
            };
            HostAnswers {
                gpg_version: joined(version),
                keys,
                signer,
                fitting: fitting(),
                pg_dump,
                catalog,
                closure,
                gpg: with_gpg().cloned(),
            }
        })
    }

    /// The plan, or the first refusal: what is nearest to the operator comes first.
    pub(crate) fn plan(self, run_id: RunId, config: &Config) -> Result<Gathered> {
        let Meant { tables, recipients } = Meant::by(config)?;
        let gpg = self.gpg?;
        let now = Timestamp::now().as_second();
        self.pg_dump?;
        let (version, _) = self.gpg_version?;
        let keys = self.keys?.into_iter();
        let found = keys.map(|key| Recipient::new(key?, &gpg, now));
        let found = found.collect::<Result<Vec<Recipient>>>()?;
        let (signer, catalog, closure) = (self.signer?, self.catalog?, self.closure?);
        let FittingPgDump {
            version: pg_dump,
            newer,
        } = self.fitting?;
        let database = &catalog.server.encoding;
        let encoding = config.encoding;
        let encoding = encoding.unwrap_or_else(|| Encoding::for_database(database));
        let relations = catalog.relations(&tables, &config.connection)?.to_vec();
        let names = relations.iter().map(|rel| &rel.table);
        let names = names.chain(closure.joined.iter().map(|seq| &seq.table));
        spelled_alike(names, encoding, database)?;
        let restorability = Restorability::foreseen(config, &closure, newer.as_ref());
        restorability.check(&config.restorable)?;
        let connection = config.connection.pinned(&catalog.place());
        let plan = Plan::new(
            config,
            PlanParts {
                run_id,
                connection: &connection,
                relations,
                tables,
                recipients,
                encoding,
                pg_dump: &pg_dump,
                closure: &closure,
                gpg: &gpg,
            },
        );
        let soon = found.iter().filter_map(|r| r.expires_soon(now));
        let signer_soon = signer.as_ref().and_then(|signer| signer.expires_soon(now));
        let standby = catalog.session.replay.as_ref();
        let standby = standby.map(|replay| {
            format!("the server is a standby, and the backup may lack newer rows: {replay}")
        });
        let versions = newer.iter().map(NewerPgDump::warning);
        let versions = versions.chain(catalog.psql_warning());
        let warnings = soon.chain(signer_soon).chain(versions).chain(standby);
        let warnings = warnings.collect();
        Ok(Gathered {
            plan,
            connection,
            catalog,
            closure,
            restorability,
            recipients: found,
            signer,
            gpg: version,
            pg_dump,
            newer,
            warnings,
        })
    }
}

/// The settings without which nothing need be asked.
struct Meant {
    tables: Vec<TableName>,
    recipients: Vec<Fingerprint>,
}

impl Meant {
    fn by(config: &Config) -> Result<Meant> {
        let tables = config.tables.clone()?;
        let recipients = config.recipients.clone()?.fingerprints;
        config.signing.trusted_key()?;
        Ok(Meant { tables, recipients })
    }
}

/// Refuses a name that such a dump spells otherwise than a command line and a manifest.
fn spelled_alike<'a>(
    mut names: impl Iterator<Item = &'a TableName>,
    encoding: Encoding,
    database: &str,
) -> Result<()> {
    let ascii = |name: &TableName| name.schema.is_ascii() && name.name.is_ascii();
    match names.find(|name| !ascii(name)) {
        Some(name) if !encoding.spells_names_as_utf8(database) => {
            let what = format!(
                "`{name}` has letters beyond ASCII, which a dump in {encoding} spells otherwise than its manifest"
            );
            Err(Error::new(Code::TableUnfit, what)
                .hint("Leave out --encoding, or [scope] encoding."))
        }
        _ => Ok(()),
    }
}

/// A plan, and what was asked to make it.
pub(crate) struct Gathered {
    pub plan: Plan,
    /// To the server that was asked.
    pub connection: Connection,
    pub catalog: Catalog,
    pub closure: Closure,
    pub restorability: Restorability,
    pub recipients: Vec<Recipient>,
    /// None where manifests are not signed.
    pub signer: Option<Signer>,
    pub gpg: Version,
    pub pg_dump: Version,
    pub newer: Option<NewerPgDump>,
    pub warnings: Vec<String>,
}

/// All that must be known before a dump may start.
pub(crate) fn gather(config: &Config, run_id: RunId, cancel: &Cancel) -> Result<Gathered> {
    Meant::by(config)?;
    command::gpg(&config.gnupg_home, &config.env)?;
    HostAnswers::ask(config, &[], cancel).plan(run_id, config)
}

impl Gathered {
    /// What the ciphertext must name.
    pub(crate) fn expected(&self) -> Result<Vec<Expected>> {
        let expected = self.recipients.iter().map(|recipient| {
            let subkey = recipient.subkey.key_id().ok_or_else(|| {
                let what = format!("gpg gives no key id for {}", recipient.subkey.fingerprint);
                Error::new(Code::KeyUnfit, what)
            })?;
            let primary = recipient.key.primary.fingerprint.clone();
            Ok(Expected { primary, subkey })
        });
        expected.collect()
    }

    /// So many suffice for the dump: a restore takes them too.
    pub(crate) fn locks(&self) -> u64 {
        self.plan.relations.iter().map(|rel| rel.locks).sum()
    }

    /// The configured tables, by those that they come with.
    pub(crate) fn targets(&self) -> BTreeMap<TableName, TableName> {
        let (tables, relations) = (&self.plan.tables, self.plan.relations.iter());
        relations
            .filter_map(|rel| Some((rel.table.clone(), tables.get(rel.target)?.clone())))
            .collect()
    }

    /// A scan of the planned dump.
    pub(crate) fn scan(&self) -> Scan {
        let all = self.plan.relations.iter();
        let stored = all.clone().filter(|rel| rel.stores_rows());
        let roots = all.filter(|rel| rel.kind == RelationKind::Partitioned);
        Scan::new(stored.map(|rel| rel.table.clone()))
            .with_roots(roots.map(|rel| rel.table.clone()))
    }
}
