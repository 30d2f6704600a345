//! What is stored of a run: the plan, the answers and the counts, as its manifest.

use crate::backup::encrypt::{EncryptedDump, Written};
use crate::backup::gather::Gathered;
use crate::backup::prelude::EncryptedPrelude;
use crate::base::env::hostname;
use crate::base::names::TableName;
use crate::base::version;
use crate::base::version::Version;
use crate::pg::scan::Block;
use crate::store::manifest::{self, Envelope, Manifest};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Instant;

/// When a run began, by the calendar and by a clock that nobody sets.
pub(crate) struct Began {
    pub at: Timestamp,
    pub clock: Instant,
}

impl Began {
    pub(crate) fn now() -> Began {
        Began {
            at: Timestamp::now(),
            clock: Instant::now(),
        }
    }
}

/// What a run encrypted.
pub(crate) struct Encrypted {
    pub dump: EncryptedDump,
    pub prelude: Option<EncryptedPrelude>,
    pub late: Option<Written>,
}

pub(crate) fn manifest(
    gathered: &Gathered,
    envelope: Envelope,
    encrypted: &Encrypted,
    began: &Began,
) -> Manifest {
    let Encrypted {
        dump,
        prelude,
        late,
    } = encrypted;
    let plan = &gathered.plan;
    let blocks = dump.blocks.iter().map(|block| (&block.table, block));
    let blocks: BTreeMap<&TableName, &Block> = blocks.collect();
    let relations = plan.relations.iter();
    let relations = relations.map(|rel| (&rel.table, rel.kind, rel.oid, rel.target));
    let joined = plan.joined.iter();
    let joined = joined.map(|rel| (&rel.table, rel.kind, rel.oid, rel.target));
    let tables = relations.chain(joined).map(|(table, kind, oid, target)| {
        let block = blocks.get(table);
        manifest::Table {
            schema: table.schema.clone(),
            name: table.name.clone(),
            kind: kind.as_str().into(),
            oid,
            target: plan.tables[target].to_string(),
            rows: block.map_or(0, |block| block.rows),
            bytes: block.map_or(0, |block| block.bytes),
        }
    });
    let closure = &gathered.closure;
    let external_references = match prelude {
        Some(prelude) => closure.external_references(&prelude.absent),
        None => closure.external_references(&closure.standing_alone()),
    };
    let locks = plan.relations.iter().map(|rel| rel.locks);
    Manifest {
        schema: manifest::SCHEMA.into(),
        run_id: plan.run_id.to_string(),
        created_at: rfc3339(Timestamp::now()),
        host: hostname(),
        pgseal_version: version::PGSEAL.into(),
        envelope,
        recipients: gathered.stored_recipients(),
        compression: plan.compression.to_string(),
        plaintext: manifest::Plaintext {
            sha256: dump.plaintext_sha256.clone(),
            size_bytes: dump.plaintext_bytes,
            encoding: plan.encoding,
        },
        tables: tables.collect(),
        composites: gathered.catalog.composites.clone(),
        external_references,
        restore_locks: Some(locks.sum::<u64>() + plan.joined.len() as u64),
        prelude: prelude
            .as_ref()
            .map(|prelude| prelude.written.stored(plan.prelude_name())),
        late: late.as_ref().map(|late| late.stored(plan.late_name())),
        tools: gathered.stored_tools(),
        server: gathered.stored_server(),
        mark: Some(gathered.catalog.mark.clone()),
        undo_of: None,
        timing: manifest::Timing {
            started_at: rfc3339(began.at),
            seconds: (began.clock.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        },
    }
}

impl Written {
    fn stored(&self, file: String) -> manifest::SealedSql {
        manifest::SealedSql {
            file,
            sha256: self.sha256.clone(),
            size_bytes: self.size_bytes,
        }
    }
}

/// Milliseconds are enough.
fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

impl Gathered {
    fn stored_recipients(&self) -> Vec<manifest::Recipient> {
        let told = self.recipients.iter().map(|recipient| manifest::Recipient {
            fingerprint: recipient.key.primary.fingerprint.clone(),
            encryption_subkey: recipient.subkey.fingerprint.clone(),
            algorithm: recipient.subkey.algorithm.clone(),
            expires_at: recipient
                .expires_at
                .and_then(|at| Timestamp::from_second(at).ok())
                .map(|at| at.to_string()),
        });
        told.collect()
    }

    fn stored_server(&self) -> manifest::Server {
        let server = self.catalog.server.clone();
        manifest::Server {
            version: server.version,
            database: server.database,
            system_identifier: server.system_identifier,
            encoding: server.encoding,
            lc_collate: server.lc_collate,
            lc_ctype: server.lc_ctype,
            lc_monetary: Some(server.lc_monetary),
        }
    }

    fn stored_tools(&self) -> manifest::Tools {
        let used = |tool: &Version, argv: Vec<String>| manifest::ToolUsed {
            path: tool.path.clone(),
            version: tool.version.clone(),
            argv,
        };
        manifest::Tools {
            pg_dump: used(&self.pg_dump, self.plan.dump.argv()),
            gpg: used(&self.gpg, self.plan.encrypt.argv()),
        }
    }
}
