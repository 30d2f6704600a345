//! All that must be known before a dump may start. Independent questions are asked side by side.

use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::inspect::{self, Recipient, Signer, Version};
use crate::names::{RunId, TableName};
use crate::pg::catalog::Catalog;
use crate::pg::closure::Closure;
use crate::plan::Plan;
use crate::seal::Expected;
use crate::watch::Watch;
use jiff::Timestamp;
use std::thread;

/// A plan, and what was asked to make it.
pub(crate) struct Prepared {
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

pub(crate) fn prepare(config: &Config, run_id: RunId, watch: &Watch) -> Result<Prepared> {
    let tables = config.tables.clone()?;
    let fingerprints = config.recipients.clone()?.fingerprints;
    let signing = config.signing.trusted_key()?;
    let gpg = inspect::gpg(config)?;
    let now = Timestamp::now().as_second();
    let (catalog, pg_dump, version, recipients, signer) = thread::scope(|scope| {
        let catalog = scope.spawn(|| inspect::catalog_and_closure(config, &tables, watch));
        let pg_dump = scope.spawn(|| inspect::pg_dump(config, watch));
        let version = scope.spawn(|| inspect::gpg_version(&gpg, watch));
        let recipients: Result<Vec<Recipient>> = fingerprints
            .iter()
            .map(|fingerprint| inspect::recipient(&gpg, fingerprint, now, watch))
            .collect();
        let signer = signing.map(|key| inspect::signer(&gpg, key, &config.env, watch));
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
    let (pg_dump, newer) = inspect::pg_dump_for(config, pg_dump, catalog.server.major(), watch)?;
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
    Ok(Prepared {
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

/// A panic in a check is a bug, and a no.
pub(crate) fn joined<T>(result: thread::Result<Result<T>>) -> Result<T> {
    result.unwrap_or_else(|_| {
        Err(Error::new(
            Code::StageFailed,
            "a check ended without an answer: this is a bug in pgseal",
        ))
    })
}

impl Prepared {
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
        stored.map(|rel| rel.table()).collect()
    }
}
