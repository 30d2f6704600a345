//! What will be done: settings and catalog in, the two commands and the paths out. Rendering it
//! is `--dry-run`; executing it is a backup. Same input, same argv, byte for byte.

use crate::base::names::{Fingerprint, RunId, TableName};
use crate::base::version::{self, Version};
use crate::config::settings::Config;
use crate::gnupg::command::Gpg;
use crate::gnupg::compression::Compression;
use crate::pg;
use crate::pg::catalog::Relation;
use crate::pg::closure::{Closure, JoinedRelation};
use crate::pg::connection::Connection;
use crate::pg::encoding::Encoding;
use crate::pg::prelude::extent::Extent;
use crate::process::command::CommandSpec;
use crate::store::run_files::RunFile;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Plan {
    pub run_id: RunId,
    pub tables: Vec<TableName>,
    pub recipients: Vec<Fingerprint>,
    pub compression: Compression,
    /// Of the dump and the prelude.
    pub encoding: Encoding,
    pub relations: Vec<Relation>,
    /// Dumped with the relations.
    pub joined: Vec<JoinedRelation>,
    pub dump: CommandSpec,
    pub prelude: PreludePlan,
    pub encrypt: CommandSpec,
}

#[derive(Debug)]
pub(crate) enum PreludePlan {
    /// The settings leave it out.
    None,
    /// The tables need nothing around them.
    Empty,
    /// Made of this dump.
    Of(CommandSpec),
}

/// What a plan is made of, besides the settings.
pub(crate) struct PlanParts<'a> {
    pub run_id: RunId,
    pub tables: Vec<TableName>,
    pub recipients: Vec<Fingerprint>,
    pub relations: Vec<Relation>,
    pub encoding: Encoding,
    /// To the server that was asked.
    pub connection: &'a Connection,
    /// The one that fits the server.
    pub pg_dump: &'a Version,
    pub closure: &'a Closure,
    pub gpg: &'a Gpg,
}

impl Plan {
    pub(crate) fn new(config: &Config, parts: PlanParts<'_>) -> Plan {
        let names = parts.relations.iter().map(|relation| &relation.table);
        let names = names.chain(parts.closure.joined.iter().map(|joined| &joined.table));
        let (program, connection, encoding) =
            (&parts.pg_dump.path, parts.connection, parts.encoding);
        let prelude = || {
            let major = version::major(&parts.pg_dump.version).unwrap_or(0);
            let extent = Extent::of(parts.closure, encoding, major);
            let dump = pg::command::pg_dump_prelude(program, connection, encoding, &extent);
            dump.map_or(PreludePlan::Empty, PreludePlan::Of)
        };
        Plan {
            dump: pg::command::pg_dump(program, connection, encoding, names),
            encoding,
            prelude: if config.prelude {
                prelude()
            } else {
                PreludePlan::None
            },
            encrypt: parts.gpg.encrypt(&parts.recipients, config.compression),
            compression: config.compression,
            run_id: parts.run_id,
            tables: parts.tables,
            recipients: parts.recipients,
            relations: parts.relations,
            joined: parts.closure.joined.clone(),
        }
    }

    pub(crate) fn artifact_name(&self) -> String {
        RunFile::artifact(self.compression).of(&self.run_id)
    }

    pub(crate) fn prelude_name(&self) -> String {
        RunFile::Prelude.of(&self.run_id)
    }

    pub(crate) fn late_name(&self) -> String {
        RunFile::Late.of(&self.run_id)
    }

    pub(crate) fn dry_run(&self, artifact_ref: String) -> DryRun {
        DryRun {
            mode: "dry-run",
            run_id: self.run_id.to_string(),
            backup_sha: backup_sha(
                self.compression,
                &self.recipients,
                &self.run_id,
                &self.tables,
            ),
            artifact_ref,
            plan: Argvs {
                pg_dump: self.dump.argv(),
                gpg: self.encrypt.argv(),
            },
        }
    }
}

/// No `sha256` key, so that nobody can take it for an envelope.
#[derive(Debug, Serialize)]
pub(crate) struct DryRun {
    mode: &'static str,
    pub run_id: String,
    pub backup_sha: String,
    pub artifact_ref: String,
    pub plan: Argvs,
}

#[derive(Debug, Serialize)]
pub(crate) struct Argvs {
    pub pg_dump: Vec<String>,
    pub gpg: Vec<String>,
}

/// SHA-256 of the canonical JSON (keys sorted, no white space, UTF-8) of what was configured:
/// the same on any host and any day.
pub(crate) fn backup_sha(
    compression: Compression,
    recipients: &[Fingerprint],
    run_id: &RunId,
    tables: &[TableName],
) -> String {
    let canonical = canonical(&compression.to_string(), recipients, run_id, tables);
    hex::encode(Sha256::digest(canonical))
}

fn canonical(
    compression: &str,
    recipients: &[Fingerprint],
    run_id: &RunId,
    tables: &[TableName],
) -> String {
    let mut tables: Vec<String> = tables.iter().map(ToString::to_string).collect();
    tables.sort();
    let recipients = recipients
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    let fields: BTreeMap<&str, serde_json::Value> = [
        ("compression", compression.into()),
        ("recipients", recipients.into()),
        ("run_id", run_id.as_str().into()),
        ("tables", tables.into()),
    ]
    .into();
    serde_json::json!(fields).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    /// The same file is the Python bridge's test.
    #[test]
    fn golden_vectors() {
        let golden = include_str!("../../fixtures/golden/backup_sha.json");
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let vectors = golden.as_array().unwrap();
        assert!(!vectors.is_empty());
        each(vectors, |vector| {
            let list = |key: &str| {
                let list = vector[key].as_array().unwrap().iter();
                list.map(|item| item.as_str().unwrap()).collect::<Vec<_>>()
            };
            let recipients: Vec<_> = list("recipients")
                .into_iter()
                .map(|text| Fingerprint::parse(text).unwrap())
                .collect();
            let tables: Vec<_> = list("tables")
                .into_iter()
                .map(|text| TableName::parse(text).unwrap())
                .collect();
            let run_id = RunId::parse(vector["run_id"].as_str().unwrap()).unwrap();
            let compression = vector["compression"].as_str().unwrap();
            let canonical = canonical(compression, &recipients, &run_id, &tables);
            assert_eq!(canonical, vector["canonical"].as_str().unwrap());
            let sha = hex::encode(Sha256::digest(canonical));
            assert_eq!(sha, vector["backup_sha"].as_str().unwrap());
        });
    }
}
