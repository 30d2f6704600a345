//! All that must be known before a dump may start. Independent questions are asked side by side.

use crate::backup::encrypt::Expected;
use crate::backup::plan::Plan;
use crate::base::error::{Code, Error, Result};
use crate::base::names::{RunId, TableName};
use crate::base::version::Version;
use crate::config::settings::Config;
use crate::gnupg::command;
use crate::gnupg::keyring::{self, Recipient};
use crate::gnupg::signer::{self, Signer};
use crate::pg::catalog::Catalog;
use crate::pg::closure::Closure;
use crate::pg::server;
use crate::process::cancel::Cancel;
use crate::process::pair::joined;
use jiff::Timestamp;
use std::thread;

/// A plan, and what was asked to make it.
pub(crate) struct Gathered {
    pub plan: Plan,
    pub catalog: Catalog,
    pub closure: Closure,
    pub recipients: Vec<Recipient>,
    /// None where manifests are not signed.
    pub signer: Option<Signer>,
    pub gpg: Version,
    pub pg_dump: Version,
    pub warnings: Vec<String>,
}

pub(crate) fn gather(config: &Config, run_id: RunId, cancel: &Cancel) -> Result<Gathered> {
    let tables = config.tables.clone()?;
    let fingerprints = config.recipients.clone()?.fingerprints;
    let signing = config.signing.trusted_key()?;
    let gpg = command::gpg(&config.gnupg_home, &config.env)?;
    let now = Timestamp::now().as_second();
    let (catalog, pg_dump, version, recipients, signer) = thread::scope(|scope| {
        let catalog =
            scope.spawn(|| server::catalog_and_closure(&config.connection, &tables, cancel));
        let pg_dump = scope.spawn(|| server::pg_dump(&config.connection, cancel));
        let version = scope.spawn(|| command::gpg_version(&gpg, cancel));
        let recipients: Result<Vec<Recipient>> = fingerprints
            .iter()
            .map(|fingerprint| keyring::recipient(&gpg, fingerprint, now, cancel))
            .collect();
        let signer = signing.map(|key| signer::signer(&gpg, key, &config.env, cancel));
        (
            joined(catalog.join()),
            joined(pg_dump.join()),
            joined(version.join()),
            recipients,
            signer.transpose(),
        )
    });
    // What is nearest to the operator first: tools, then keys, then the server.
    let (pg_dump, (version, _), recipients) = (pg_dump?, version?, recipients?);
    let (signer, (catalog, closure)) = (signer?, catalog?);
    let (pg_dump, newer) =
        server::pg_dump_for(&config.connection, pg_dump, catalog.server.major(), cancel)?;
    let relations = catalog.relations(&tables)?;
    let plan = Plan::new(
        run_id,
        config,
        (&tables, &fingerprints),
        (relations, &closure.sequences),
        (&pg_dump.path, &gpg),
    );
    let soon = recipients.iter().filter_map(|r| r.expires_soon(now));
    let signer_soon = signer.as_ref().and_then(|signer| signer.expires_soon(now));
    let warnings = soon.chain(signer_soon).chain(newer).collect();
    Ok(Gathered {
        plan,
        catalog,
        closure,
        recipients,
        signer,
        gpg: version,
        pg_dump,
        warnings,
    })
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

    /// The names of the relations whose rows the dump must hold.
    pub(crate) fn stored(&self) -> Vec<TableName> {
        let stored = self.plan.relations.iter().filter(|rel| rel.stores_rows());
        stored.map(|rel| rel.table.clone()).collect()
    }
}
