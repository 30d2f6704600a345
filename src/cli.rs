//! The words a user may type. Nothing is judged here but their form.

use crate::names::{self, RunId, TableName};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Seals a backup of a few named PostgreSQL tables just before a risky write, or fails closed.
///
/// pg_dump of exactly these tables, encrypted by gpg to your public key, hashed on its way to
/// disk. What cannot be shown to be whole gets no name, no envelope and a non-zero exit.
#[derive(Debug, Parser)]
#[command(name = "pgseal", version, max_term_width = 100, after_help = EXITS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub settings: Settings,
}

const EXITS: &str = "\
Exit codes: 0 yes · 1 no, or could not tell · 2 the command line is wrong · 3 cannot start: a \
tool, key, table, setting or the database is missing or unfit · 4 a stage failed while it ran · \
5 local file trouble · 128+n ended by signal n, after clean-up";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Dump, encrypt, hash and publish; print the envelope, one line of JSON
    Backup(Backup),
    /// Prove on this host that gpg encrypts and decrypts as backup uses it, with a throw-away key
    ProveMechanism(ProveMechanism),
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Name of this run and of its files [default: <UTC time>-<8 hex digits>]
    #[arg(long, value_name = "ID", value_parser = RunId::parse)]
    pub run_id: Option<RunId>,
    /// Ask the server and the keyring, print the plan, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProveMechanism {
    /// Give the throw-away key the algorithm and size of the configured recipient's
    #[arg(long)]
    pub like_recipient: bool,
}

/// Settings that every command knows. A flag is above the environment, which is above the
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
    /// A dotenv file of which only BACKUP_GPG_FPR is read
    #[arg(long, global = true, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Folder of the artifacts [env: PGSEAL_STORE] [default: /var/lib/pgseal]
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Connection, without secrets [default: libpq's own, PGHOST, PGSERVICE, …]
    #[arg(long, global = true, value_name = "CONNINFO")]
    pub dbname: Option<String>,
    /// deflate, zstd[:LEVEL], gpg[:LEVEL] or none [default: deflate]
    #[arg(long, global = true, value_name = "METHOD")]
    pub compress: Option<String>,
    /// How long to wait for a table's lock [default: 30s]
    #[arg(long, global = true, value_name = "DUR", value_parser = names::duration)]
    pub lock_wait: Option<Duration>,
    /// Limit of the whole run [default: none]
    #[arg(long, global = true, value_name = "DUR", value_parser = names::duration)]
    pub timeout: Option<Duration>,
    /// Folder of the keyring [env: GNUPGHOME] [default: ~/.gnupg]
    #[arg(long, global = true, value_name = "DIR")]
    pub gnupg_home: Option<PathBuf>,
    /// Do not seal, beside the dump, the schemas, types and functions that its tables need in an
    /// empty database. What a plpgsql or text body names is not known, and never in it
    #[arg(long, global = true)]
    pub no_prelude: bool,
    /// One JSON document on stdout; an error is the last line of stderr, as JSON
    #[arg(long, global = true)]
    pub json: bool,
}
