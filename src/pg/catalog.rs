//! What the catalog says of the target tables, and whether they can be backed up.

use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::pg::connection::Connection;
use crate::pg::locks::LockTable;
use crate::pg::mark::Mark;
use crate::pg::place::Place;
use crate::pg::restrict;
use crate::pg::session;
use serde::{Deserialize, Serialize};

/// One question, in the form that psql reads.
pub(crate) const QUERY: &str = concat!(include_str!("mark.sql"), include_str!("catalog.sql"));

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Catalog {
    pub session: Session,
    pub server: Server,
    pub mark: Mark,
    pub(crate) targets: Vec<Found>,
    /// Those that values in the tables have.
    pub composites: Vec<Composite>,
    pub relations: Vec<Relation>,
    /// Where it was asked from; the answer does not know.
    #[serde(skip)]
    pub container: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Session {
    pub default_transaction_read_only: String,
    pub transaction_read_only: String,
    /// Assigned by the first write of the transaction.
    pub transaction_id: Option<String>,
    /// `on` where PGOPTIONS reached the server.
    options: Option<String>,
    /// Settings by which the server reads a damaged page as if it were none. Only a superuser may
    /// set them, so they cannot be pinned.
    passes_over_damage: Vec<String>,
    pub user: String,
    /// As psql was told it: of several hosts, the one that answered.
    host: String,
    port: String,
    /// The version of the psql that asked.
    psql: u32,
    /// Of a standby.
    pub replay: Option<Replay>,
}

/// How far a standby has come.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Replay {
    /// When the last replayed transaction ended; RFC 3339, UTC.
    last_transaction: Option<String>,
    paused: bool,
}

impl std::fmt::Display for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.last_transaction {
            Some(at) => write!(f, "it has replayed what was committed until {at}")?,
            None => write!(f, "it has replayed no transaction since it started")?,
        }
        if self.paused {
            write!(f, ", and its replay is paused")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Server {
    pub version: String,
    pub version_num: u32,
    pub database: String,
    /// `None` where the role may not ask.
    pub system_identifier: Option<String>,
    pub encoding: String,
    /// The role that `initdb` made.
    pub(crate) superuser: String,
    pub lc_collate: Option<String>,
    pub lc_ctype: Option<String>,
    /// Of this session, and so of pg_dump's.
    pub lc_monetary: String,
    pub lock_table: LockTable,
}

impl Server {
    pub(crate) fn major(&self) -> u32 {
        self.version_num / 10_000
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Found {
    pub(crate) schema_exists: bool,
    pub(crate) oid: Option<u32>,
}

/// A composite type, or a table's row: a value of it is text that names no column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Composite {
    #[serde(flatten)]
    pub name: TableName,
    /// In their order.
    pub columns: Vec<String>,
}

/// A target table, or a partition or inheritance child of one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Relation {
    /// Place of its target among the configured tables.
    pub target: usize,
    pub oid: u32,
    #[serde(flatten)]
    pub table: TableName,
    pub kind: RelationKind,
    pub(crate) temporary: bool,
    pub usage: bool,
    pub select: bool,
    pub row_security: bool,
    /// Its row security holds for its owner too.
    pub(crate) row_security_forced: bool,
    pub(crate) owner: String,
    /// Who may grant rights on its schema.
    pub(crate) schema_owner: String,
    pub(crate) extension: Option<String>,
    pub(crate) unreadable_sequences: Vec<UnreadableSequence>,
    /// Of a transaction that creates it with all that is made along with it.
    pub locks: u64,
    pub rows_estimate: u64,
    pub bytes_estimate: u64,
}

/// A sequence that is dumped with a relation, and that this role may not read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct UnreadableSequence {
    #[serde(flatten)]
    pub(crate) sequence: TableName,
    pub(crate) usage: bool,
    pub(crate) select: bool,
    pub(crate) owner: String,
    pub(crate) schema_owner: String,
}

/// `pg_class.relkind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RelationKind {
    #[serde(rename = "r")]
    Table,
    #[serde(rename = "p")]
    Partitioned,
    #[serde(rename = "v")]
    View,
    #[serde(rename = "m")]
    MaterializedView,
    #[serde(rename = "f")]
    Foreign,
    #[serde(rename = "S")]
    Sequence,
    #[serde(rename = "i")]
    Index,
    #[serde(rename = "I")]
    PartitionedIndex,
    #[serde(rename = "c")]
    Composite,
    #[serde(rename = "t")]
    Toast,
}

impl RelationKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RelationKind::Table => "table",
            RelationKind::Partitioned => "partitioned table",
            RelationKind::View => "view",
            RelationKind::MaterializedView => "materialized view",
            RelationKind::Foreign => "foreign table",
            RelationKind::Sequence => "sequence",
            RelationKind::Index | RelationKind::PartitionedIndex => "index",
            RelationKind::Composite => "composite type",
            RelationKind::Toast => "TOAST table",
        }
    }
}

impl Relation {
    /// A partitioned parent stores none.
    pub(crate) fn stores_rows(&self) -> bool {
        self.kind == RelationKind::Table
    }
}

pub(crate) fn unreadable(err: &serde_json::Error) -> Error {
    Error::new(
        Code::Database,
        format!("the catalog's answer cannot be read: {err}"),
    )
    .hint("Check that the `psql` on PATH is PostgreSQL's own, and not a wrapper that says more.")
}

impl Catalog {
    pub(crate) fn place(&self) -> Place {
        Place {
            database: self.server.database.clone(),
            host: self.session.host.clone(),
            port: self.session.port.clone(),
            role: self.session.user.clone(),
            container: self.container.clone(),
        }
    }

    pub(crate) fn parse(answer: &str) -> Result<Catalog> {
        serde_json::from_str(answer.trim()).map_err(|err| unreadable(&err))
    }

    /// Refuses a session without what we asked for in PGOPTIONS, which a pooler or a service file
    /// may have dropped, and one in which rows may be missing without an error.
    pub(crate) fn check_session(&self) -> Result<()> {
        let session = &self.session;
        session::check_read_only(&session.default_transaction_read_only)?;
        session::check_options(session.options.as_deref())?;
        match session.passes_over_damage.first() {
            None => Ok(()),
            Some(setting) => Err(Error::new(
                Code::Database,
                format!("rows may be missing without an error: {setting} is on"),
            )
            .hint(format!(
                "Take {setting} out of PGOPTIONS, the role's and the database's settings and \
                 postgresql.conf."
            ))),
        }
    }

    /// What a restore with the psql that asked would come to, if it would be refused.
    pub(crate) fn psql_warning(&self) -> Option<String> {
        let psql = self.session.psql;
        let place = match &self.container {
            Some(name) => format!(" in the container `{name}`"),
            None => String::new(),
        };
        (!restrict::is_known_to(psql)).then(|| {
            format!(
                "psql {}.{}{place} has no \\restrict: restore, diff, undo and prove-restore refuse it; \
                 install a minor release of August 2025 or later",
                psql / 10_000,
                psql % 10_000
            )
        })
    }

    /// Every relation to dump, targets in their order, each followed by its children.
    pub(crate) fn relations(
        &self,
        tables: &[TableName],
        connection: &Connection,
    ) -> Result<&[Relation]> {
        let problems = self.problems(tables);
        let Some(first) = problems.first() else {
            return Ok(&self.relations);
        };
        let place = self.place();
        let message = match problems.len() {
            1 => format!("{} ({place})", first.what),
            n => {
                let whats: Vec<&str> = problems.iter().map(|p| p.what.as_str()).collect();
                let whats = whats.join("; ");
                format!("{n} tables cannot be backed up ({place}): {whats}")
            }
        };
        Err(Error::new(Code::TableUnfit, message).hint(self.remedies(&problems, connection)))
    }

    /// Sum over the relations, from `relpages`: an estimate of the heap, not of the dump.
    pub(crate) fn bytes_estimate(&self) -> u64 {
        self.relations.iter().map(|rel| rel.bytes_estimate).sum()
    }

    /// What decides whether the dump held all of them: asked again after it.
    pub(crate) fn identities(&self) -> std::collections::BTreeSet<(u32, TableName)> {
        let all = self.relations.iter();
        all.map(|rel| (rel.oid, rel.table.clone())).collect()
    }
}
