//! The live tables as their catalog describes them, asked in one question before anything is loaded.

use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::pg;
use crate::pg::connection::Connection;
use crate::pg::encoding::Encoding;
use crate::pg::mark::Mark;
use crate::pg::place::Place;
use crate::pg::restrict;
use crate::pg::server_hint::connection_hint;
use crate::process::cancel::Cancel;
use crate::process::find::Tool;
use crate::process::run::{Input, run};
use crate::undo::defined;
use crate::undo::live_column::LiveColumn;
use serde::Deserialize;

/// What the catalog answers. A table that is not there has no entry.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LiveTables {
    pub session: LiveSession,
    pub tables: Vec<LiveTable>,
    /// For `defined::check`.
    pub defined: String,
    /// Keys that refer to tables that are not asked for, and that actions of keys may reach.
    pub beyond: Vec<ForeignKey>,
}

/// The server, the role and what it may do here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LiveSession {
    pub version_num: u32,
    pub database: String,
    pub database_owner: String,
    pub encoding: String,
    /// The container that psql runs in, which the server does not know.
    #[serde(skip)]
    container: Option<String>,
    /// Of several hosts, the one that answered.
    pub host: String,
    pub port: String,
    pub user: String,
    /// The role may create temporary tables.
    pub temporary: bool,
    /// `on` where PGOPTIONS reached the server.
    pub options: Option<String>,
    /// Where the server stands now.
    pub mark: Mark,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LiveTable {
    pub name: TableName,
    pub oid: u32,
    pub kind: LiveKind,
    pub owner: String,
    pub privileges: Privileges,
    /// Row security would filter what the role reads.
    pub row_security: bool,
    pub columns: Vec<LiveColumn>,
    /// Unique indexes and exclusion constraints: a primary key first, then those of few columns.
    pub uniques: Vec<Unique>,
    pub rules: Vec<Rule>,
    /// It or a partition of it is published, and has no replica identity.
    pub unidentified: Vec<Unidentified>,
    /// Users' triggers, of its partitions too.
    pub triggers: Vec<Trigger>,
    /// Those in which it or a partition of it refers to another table, or is referred to.
    pub foreign_keys: Vec<ForeignKey>,
    /// All partitions below it, at any depth.
    pub partitions: Vec<TableName>,
    /// The tables of which it is a partition itself, at any depth.
    pub partition_of: Vec<TableName>,
    /// The columns of the partition keys, at any depth; none for an expression.
    pub partition_columns: Vec<Option<String>>,
    /// Inheritance children, which are compared by themselves.
    pub children: Vec<TableName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum LiveKind {
    #[serde(rename = "table")]
    Table,
    #[serde(rename = "partitioned table")]
    Partitioned,
}

/// What the role may do with the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Privileges {
    /// Of its schema.
    pub usage: bool,
    pub select: bool,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
    /// It has the owner's rights.
    pub owner: bool,
}

/// A unique index or an exclusion constraint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Unique {
    pub name: String,
    /// The partition, where the index is one partition's alone.
    pub part: Option<Part>,
    pub primary: bool,
    /// Not DEFERRABLE.
    pub immediate: bool,
    pub exclusion: bool,
    /// Valid, of columns alone, and of all rows.
    pub whole: bool,
    /// An expression has number 0.
    pub columns: Vec<UniqueColumn>,
    /// Of a partial index: an expression over bare names of columns.
    pub predicate: Option<String>,
    /// NULLS NOT DISTINCT.
    pub nulls_equal: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct UniqueColumn {
    pub number: i16,
    /// The column's name, or an expression over such.
    pub expression: String,
    /// `OPERATOR(schema.=)` of its operator class; none where the index is no B-tree.
    pub equals: Option<String>,
    /// In which the index compares, as SQL spells it.
    pub collation: Option<String>,
}

/// A partition, and which rows are its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Part {
    pub table: TableName,
    /// An expression over bare names of columns.
    pub takes: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Rule {
    pub name: String,
    /// `INSERT`, `UPDATE`, `DELETE`
    pub event: String,
    /// `O`, `D`, `A` or `R`, as of a trigger.
    pub enabled: String,
}

/// A table, and the publication for which the server refuses to update it or to delete from it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Unidentified {
    pub table: TableName,
    pub publication: String,
    pub update: bool,
    pub delete: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Trigger {
    /// The table itself, or a partition of it.
    pub table: TableName,
    pub name: String,
    /// `tgenabled`: `O` origin, `D` disabled, `A` always, `R` replica.
    pub enabled: String,
    /// `BEFORE`, `AFTER`, `INSTEAD OF`
    pub timing: String,
    /// FOR EACH ROW.
    pub row: bool,
    /// Of `INSERT`, `DELETE`, `UPDATE`, `TRUNCATE`.
    pub events: Vec<String>,
    pub function: TableName,
    /// A partition's copy of its parent's trigger.
    pub cloned: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ForeignKey {
    pub name: String,
    pub from: TableName,
    pub from_oid: u32,
    /// The partition constraint of `from`, where it is a partition: an expression over bare names of columns.
    pub from_part: Option<String>,
    /// The key is not one of the inheritance children of `from`.
    pub from_only: bool,
    pub from_columns: Vec<String>,
    pub to: TableName,
    pub to_oid: u32,
    pub to_part: Option<String>,
    pub to_only: bool,
    /// It is the copy of a key that refers to the parent of the partition `to`: a row that refers to the
    /// parent need not refer to the partition.
    pub to_copied: bool,
    /// Oids of it, its partitions and what it is a partition of.
    pub to_family: Vec<u32>,
    pub to_columns: Vec<String>,
    /// `OPERATOR(schema.=)` by column: that one of `to` equals that one of `from`.
    pub equals: Vec<String>,
    pub on_delete: ForeignKeyAction,
    pub on_update: ForeignKeyAction,
    /// MATCH FULL.
    pub full: bool,
    /// The role may read both tables, all of their rows.
    pub readable: bool,
    /// An index begins with one of `from_columns`.
    pub indexed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ForeignKeyAction {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

const QUERY: &str = concat!(
    include_str!("../pg/mark.sql"),
    include_str!("live_tables.sql")
);

/// Asks the database that was backed up. `encoding`: of the dump.
pub(crate) fn live_tables(
    connection: &Connection,
    tables: &[TableName],
    encoding: Encoding,
    cancel: &Cancel,
) -> Result<LiveTables> {
    let psql = connection.tool(Tool::Psql)?;
    let variables = pg::command::variables(&[
        ("tables", serde_json::json!(tables).to_string()),
        ("encoding", encoding.as_str().into()),
        ("lock_timeout", connection.lock_wait.as_millis().to_string()),
    ]);
    let query = QUERY.replace("__DEFINED__", &defined::number("SELECT oid FROM named"));
    let question = pg::session::question(&query);
    let script = format!("{}{variables}{question}", restrict::ASKED);
    let spec = pg::command::psql(&psql, connection);
    let what = "cannot ask the database";
    let ran = run(&spec, Input::Bytes(script.into()), cancel);
    let ran = connection.answered(ran, Code::Database, what);
    let ran = ran.map_err(|error| {
        let error = restrict::explained(error, &psql);
        if error.hints.is_empty() {
            let said = error
                .said()
                .fold(String::new(), |all, line| all + line + "\n");
            error.hint(connection_hint(&said))
        } else {
            error
        }
    })?;
    let mut live: LiveTables = serde_json::from_str(ran.text().trim()).map_err(|err| {
        let what = format!("the database's answer cannot be read: {err}");
        Error::new(Code::Database, what)
    })?;
    live.session.container = connection.container_name();
    Ok(live)
}

impl LiveSession {
    pub(crate) fn place(&self) -> Place {
        Place {
            database: self.database.clone(),
            host: self.host.clone(),
            port: self.port.clone(),
            role: self.user.clone(),
            container: self.container.clone(),
        }
    }
}

impl LiveTables {
    pub(crate) fn find(&self, name: &TableName) -> Option<&LiveTable> {
        self.tables.iter().find(|table| table.name == *name)
    }
}

impl LiveTable {
    /// After FROM, UPDATE and DELETE FROM: a table without its inheritance children, a partitioned
    /// one with its partitions.
    pub(crate) fn from(&self) -> String {
        match self.kind {
            LiveKind::Table => format!("ONLY {}", self.name.pattern()),
            LiveKind::Partitioned => self.name.pattern(),
        }
    }

    /// Whether this is the table, or one of its partitions.
    pub(crate) fn holds(&self, name: &TableName) -> bool {
        self.name == *name || self.partitions.contains(name)
    }
}
