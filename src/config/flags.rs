//! The settings of the command line, and which verb uses which.

// Their comments are help texts, not Markdown.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

use crate::base::duration;
use crate::base::names::{self, TableName};
use crate::pg::container;
use crate::pg::encoding::Encoding;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the command line; each verb shows those that it uses. A flag is above the environment, which is above the
/// config file; a flag's list replaces the file's.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    /// Config file [default: $PGSEAL_CONFIG, else /etc/pgseal/pgseal.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A table to back up, as the catalog spells it; repeat for more
    #[arg(long = "table", global = true, value_name = "SCHEMA.TABLE", value_parser = TableName::parse)]
    pub tables: Vec<TableName>,
    /// Primary fingerprint to encrypt to; repeat for more [env: BACKUP_GPG_FPR]
    #[arg(long = "recipient", global = true, value_name = "FPR", value_parser = names::Fingerprint::parse)]
    pub recipients: Vec<names::Fingerprint>,
    /// Primary fingerprint of the key that signs each backup's manifest [env: PGSEAL_SIGNING_KEY]
    /// [default: not signed]
    #[arg(long, global = true, value_name = "FPR", value_parser = names::Fingerprint::parse)]
    pub sign_with: Option<names::Fingerprint>,
    /// Primary fingerprint of a key whose signature of the manifest proves the origin; repeat for
    /// more [default: the signing key]
    #[arg(long, global = true, value_name = "FPR", value_parser = names::Fingerprint::parse)]
    pub signed_by: Vec<names::Fingerprint>,
    /// A dotenv file of which only BACKUP_GPG_FPR is read
    #[arg(long, global = true, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Folder of the artifacts [env: PGSEAL_STORE] [default: /var/lib/pgseal]
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Connection, without secrets, and whole: PGHOST, PGUSER, … may add nothing to it [env:
    /// PGSEAL_DBNAME] [default: libpq's own, PGHOST, PGSERVICE, …]
    #[arg(long, global = true, value_name = "CONNINFO")]
    pub dbname: Option<String>,
    /// Run pg_dump and psql in this container (kubectl: NAMESPACE/POD[/CONTAINER])
    #[arg(long, global = true, value_name = "NAME", value_parser = container::name)]
    pub container: Option<String>,
    /// deflate, zstd[:LEVEL], gpg[:LEVEL] or none [default: deflate]
    #[arg(long, global = true, value_name = "METHOD")]
    pub compress: Option<String>,
    /// Encoding of the dump, one that a server can have [default: UTF8; SQL_ASCII where the database
    /// has that]
    #[arg(long, global = true, value_name = "NAME", value_parser = Encoding::parse)]
    pub encoding: Option<Encoding>,
    /// How long to wait for a table's lock [default: 30s]
    #[arg(long, global = true, value_name = "DUR", value_parser = duration::duration)]
    pub lock_wait: Option<Duration>,
    /// Limit of the whole run [default: none]
    #[arg(long, global = true, value_name = "DUR", value_parser = duration::duration)]
    pub timeout: Option<Duration>,
    /// Folder of the keyring [env: GNUPGHOME] [default: ~/.gnupg]
    #[arg(long, global = true, value_name = "DIR")]
    pub gnupg_home: Option<PathBuf>,
    /// Leave out the prelude, the schemas, types and functions that the tables need in an empty
    /// database: a backup does not seal it, restore does not run it
    #[arg(long, global = true)]
    pub no_prelude: bool,
    /// Take no backup that would not come back whole in an empty database, but for what the config
    /// file's known_external names [default: only say so]
    #[arg(long, global = true)]
    pub require_restorable: bool,
    /// Say nothing on stderr but errors: no warning, no summary, no progress
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Tell on stderr each command as it is started, with all its arguments. With readiness: all
    /// evidence
    #[arg(long, global = true)]
    pub verbose: bool,
    /// One JSON document on stdout; an error is the last line of stderr, as JSON
    #[arg(long, global = true)]
    pub json: bool,
}
