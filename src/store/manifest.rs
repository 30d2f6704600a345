//! What is stored beside an artifact. Written last: its presence means that the run is complete.

use crate::base::names::TableName;
use crate::pg::catalog::{Composite, RelationKind};
use crate::pg::closure::ExternalReference;
use crate::pg::encoding::Encoding;
use crate::pg::mark::Mark;
use crate::pg::scan::Scan;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const SCHEMA: &str = "pgseal/manifest/1";
/// A hostile file must not grow our memory.
pub(crate) const LARGEST_MANIFEST: u64 = 64 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub schema: String,
    pub run_id: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub host: String,
    pub pgseal_version: String,
    pub envelope: Envelope,
    pub recipients: Vec<Recipient>,
    pub compression: String,
    pub plaintext: Plaintext,
    pub tables: Vec<Table>,
    /// Types whose columns a restore must find in this order. Not told before they were recorded.
    #[serde(default)]
    pub composites: Vec<Composite>,
    pub external_references: Vec<ExternalReference>,
    /// Tables, indexes, TOAST tables and sequences that a restore creates, and keeps locked to its
    /// end. Early manifests do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_locks: Option<u64>,
    pub prelude: Option<SealedSql>,
    /// What the prelude could not hold, for it must stand between the tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<SealedSql>,
    pub tools: Tools,
    pub server: Server,
    /// Taken before pg_dump started. Not told before it was recorded.
    #[serde(default)]
    pub mark: Option<Mark>,
    /// The run that was about to be undone, where that is why this backup was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_of: Option<String>,
    pub timing: Timing,
}

impl Manifest {
    /// Reads one, if it is whole and of a schema that is known here. What it says is not judged.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        if bytes.trim_ascii().is_empty() {
            return Err("it is empty".into());
        }
        let broken = |err: serde_json::Error| format!("it is not a manifest: {err}");
        let head: Head = serde_json::from_slice(bytes).map_err(broken)?;
        if head.schema != SCHEMA {
            return Err(format!(
                "its schema is {:?}, this version reads {SCHEMA:?}",
                head.schema
            ));
        }
        if holds_nul(bytes) {
            return Err("it holds a NUL character".into());
        }
        serde_json::from_slice(bytes).map_err(broken)
    }

    /// The relations whose rows the dump must hold.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| table.stores_rows())
    }

    /// The configured tables, by those that they came with.
    pub(crate) fn targets(&self) -> BTreeMap<TableName, &str> {
        let tables = self.tables.iter();
        tables
            .map(|table| (table.table(), &*table.target))
            .collect()
    }

    /// A scan of the dump that it describes.
    pub(crate) fn scan(&self) -> Scan {
        let partitioned = self.tables.iter().filter(|table| table.is_partitioned());
        Scan::new(self.stored().map(Table::table)).with_roots(partitioned.map(Table::table))
    }

    /// The locale that amounts of money were written under; `None` where there are none, so that
    /// no other host need have it.
    pub(crate) fn lc_monetary(&self) -> Option<&str> {
        let locale = self.server.lc_monetary.as_deref()?;
        let mut references = self.external_references.iter();
        let needed = references.any(|reference| reference.kind == "locale");
        (needed || ["C", "POSIX"].contains(&locale)).then_some(locale)
    }

    pub(crate) fn scope(&self) -> RunScope {
        let tables: BTreeSet<&String> = self.tables.iter().map(|table| &table.target).collect();
        RunScope {
            database: self.server.database.clone(),
            system_identifier: self.server.system_identifier.clone(),
            tables: tables.into_iter().cloned().collect(),
        }
    }

    /// It needs one of the tables, so that it cannot be there before them.
    pub(crate) fn rests_on_its_tables(&self, needed: &ExternalReference) -> bool {
        let kind = format!("dependent_{}", needed.kind);
        let mut references = self.external_references.iter();
        references.any(|other| other.kind == kind && other.name == needed.name)
    }

    /// At least so many locks a restore takes.
    pub(crate) fn restore_locks(&self) -> u64 {
        let told = self.restore_locks.unwrap_or_default();
        told.max(self.tables.len() as u64)
    }

    pub(crate) fn rows(&self) -> u64 {
        let rows = self.tables.iter().map(|table| table.rows);
        rows.fold(0, u64::saturating_add)
    }
}

/// What a run is a backup of. A run can take the place of an older one of the same scope only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct RunScope {
    pub database: String,
    /// Of the database's cluster; two clusters may have databases of one name.
    pub system_identifier: Option<String>,
    /// As configured, sorted.
    pub tables: Vec<String>,
}

/// Whether any string of this JSON does, which no server and no program can be told. JSON has it
/// only as an escape, and a backslash only in strings.
fn holds_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = &rest[at + 1..];
        if escape.starts_with(b"u0000") {
            return true;
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

/// The four keys that a writer checks before it writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    /// Of the artifact's bytes: 64 hex digits, lower case.
    pub sha256: String,
    /// Of the artifact.
    pub size_bytes: u64,
    /// The first recipient's primary fingerprint, upper case.
    pub gpg_fpr: String,
    /// The artifact's absolute path.
    pub artifact_ref: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipient {
    /// Of the primary key.
    pub fingerprint: String,
    /// Fingerprint of the subkey that was encrypted to.
    pub encryption_subkey: String,
    pub algorithm: String,
    /// RFC 3339, the earlier of key and subkey; null where neither expires.
    pub expires_at: Option<String>,
}

/// Of pg_dump's output. Safe to tell only because the output carries a random token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plaintext {
    pub sha256: String,
    pub size_bytes: u64,
    /// Of its text, the prelude's too. UTF8 where it is not told, as it was before it was recorded.
    #[serde(default)]
    pub encoding: Encoding,
}

/// One dumped relation, as counted in the stream that was encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub schema: String,
    pub name: String,
    pub kind: String,
    pub oid: u32,
    /// The configured table that it belongs to.
    pub target: String,
    pub rows: u64,
    /// Of COPY text.
    pub bytes: u64,
}

impl Table {
    pub(crate) fn table(&self) -> TableName {
        TableName {
            schema: self.schema.clone(),
            name: self.name.clone(),
        }
    }

    /// A partitioned parent stores none.
    pub(crate) fn stores_rows(&self) -> bool {
        self.kind == RelationKind::Table.as_str()
    }

    /// Of which a default of a table takes values, and that no table owns.
    pub(crate) fn is_sequence(&self) -> bool {
        self.kind == RelationKind::Sequence.as_str()
    }

    fn is_partitioned(&self) -> bool {
        self.kind == RelationKind::Partitioned.as_str()
    }
}

/// A file of the run beside its artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SealedSql {
    pub file: String,
    pub sha256: String,
    pub size_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tools {
    pub pg_dump: ToolUsed,
    pub gpg: ToolUsed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToolUsed {
    pub path: String,
    pub version: String,
    pub argv: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Server {
    pub version: String,
    pub database: String,
    pub system_identifier: Option<String>,
    pub encoding: String,
    pub lc_collate: Option<String>,
    pub lc_ctype: Option<String>,
    /// Of pg_dump's session. Not told before it was recorded.
    #[serde(default)]
    pub lc_monetary: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timing {
    /// RFC 3339, UTC.
    pub started_at: String,
    pub seconds: f64,
}

#[cfg(test)]
mod tests;
