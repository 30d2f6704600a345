//! The words a user may type. Nothing is judged here but their form.

// Their comments are help texts, not Markdown.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

use crate::base::duration;
use crate::base::names::{self, RunId, RunOrPath};
use crate::base::version::BUILD;
use crate::config::flags::Settings;
use crate::config::guard::Guard;
use crate::config::operator::OperatorPackage;
use crate::config::pages::{Completions, Man};
use crate::config::undo::Undo;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Seals a backup of a few named PostgreSQL tables just before a risky write, or fails closed.
///
/// pg_dump of exactly these tables, encrypted by gpg to your public key, hashed on its way to
/// disk. What cannot be shown to be whole gets no name, no envelope and a non-zero exit.
#[derive(Debug, Parser)]
#[command(name = "pgseal", version, long_version = BUILD, max_term_width = 100, after_help = EXITS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub settings: Settings,
}

const EXITS: &str = "\
Exit codes: 0 yes · 1 no · 2 the command line is wrong · 3 cannot start, or could not look: a \
tool, key, table, setting or the database is missing or unfit · 4 a stage failed while it ran · \
5 local file trouble · 125 guard's own failures · 128+n ended by signal n, after clean-up";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Dump, encrypt, hash and publish; print the envelope, one line of JSON
    Backup(Backup),
    /// Prove on this host that gpg encrypts and decrypts as backup uses it, with a throw-away key
    ProveMechanism(ProveMechanism),
    /// Check all that a backup needs; print the matrix, with evidence, and the verdict
    Readiness(Readiness),
    /// The same checks as a checklist, with the command that mends what is not ready
    Preflight,
    /// Print the steps that provision the backup key, filled in for this host; run none
    OperatorPackage(OperatorPackage),
    /// Prove what can be proved of an artifact, without the secret key or with it
    Verify(Verify),
    /// Restore into a database that has none of these tables; needs a proof of who sealed the artifact
    Restore(Restore),
    /// Show what changed in the tables since the backup
    Diff(Diff),
    /// Bring the tables' rows back to what they were at the backup; only plans without --apply
    Undo(Undo),
    /// Restore into a throw-away cluster and compare every row
    ProveRestore(ProveRestore),
    /// Take a backup between two looks at the tables: it verifies, and no row changed
    ProveBackup(ProveBackup),
    /// Back up, verify, and only then run COMMAND; then tell what it wrote
    Guard(Guard),
    /// Show what is in the store
    List,
    /// Remove old runs by a rule; only shows them without --apply
    Prune(Prune),
    /// Sign manifests anew, of runs that their envelopes prove
    Sign(Sign),
    /// Print a man page
    #[command(hide = true)]
    Man(Man),
    /// Print the completions of a shell
    #[command(hide = true)]
    Completions(Completions),
    /// Print the run ids of the store, the newest first
    #[command(hide = true)]
    RunIds,
}

impl Command {
    /// It connects to the database that the settings name.
    pub(crate) fn connects(&self) -> bool {
        use Command::{Backup, Diff, Guard, Preflight, ProveBackup, Readiness, Restore, Undo};
        matches!(
            self,
            Backup(_)
                | Diff(_)
                | Guard(_)
                | ProveBackup(_)
                | Restore(_)
                | Undo(_)
                | Readiness(_)
                | Preflight
        )
    }
}

#[derive(Debug, Args)]
pub(crate) struct Readiness {
    /// Form of the report, not to be given with --json [default: table]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Which line of the verdict decides the exit code. F4 is backup readiness: can a backup run
    /// on this host now? G3 is the audit's gate: was everything checked, and does the mechanism work,
    /// with a key or without?
    #[arg(long, value_enum, default_value = "f4")]
    pub gate: Gate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Gate {
    /// 0 where f4_status is READY: the mechanism, the key and the runner are
    F4,
    /// 0 where g3 is PASS: the mechanism is READY, and no row is UNKNOWN but for lack of a key
    G3,
}

/// Which artifact, and what its origin is held against.
#[derive(Debug, Args)]
pub(crate) struct ArtifactArgs {
    /// A run of the store, or a file: what contains / or ends in .gpg is a path
    #[arg(value_name = "RUN_ID|PATH", value_parser = RunOrPath::parse)]
    pub target: RunOrPath,
    /// The artifact's SHA-256 as you kept it elsewhere: proves its origin
    #[arg(long, value_name = "HEX", value_parser = names::sha256)]
    pub sha256: Option<String>,
    /// The envelope as you kept it elsewhere, - for standard input: proves its origin
    #[arg(long, value_name = "FILE")]
    pub envelope: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub named: ArtifactArgs,
    /// Decrypt too: integrity, plaintext hash, every table's rows; nothing is written
    #[arg(long)]
    pub decrypt: bool,
    /// Read the secret key's passphrase from this descriptor [default: the agent asks]
    #[arg(long, value_name = "N", requires = "decrypt")]
    pub passphrase_fd: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub named: ArtifactArgs,
    /// Restore although nothing proves who sealed the artifact. Its SQL then runs with all rights
    /// of the restoring role: as a superuser it can read files and run programs on the server
    #[arg(long)]
    pub origin_unproved: bool,
    #[command(flatten)]
    pub opening: Opening,
    /// Leave out what needs something that the target lacks: foreign keys, attachments to
    /// partitioned tables, triggers, policies, rules, owners, privileges, tablespaces. All of it
    /// is listed
    #[arg(long)]
    pub skip_external: bool,
    /// Restore into a server older than the dump's pg_dump: settings that it does not know are left out
    #[arg(long)]
    pub older_target: bool,
}

/// Who decrypts.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Opening {
    /// Read the decrypted dump from standard input, as `gpg --decrypt RUN.sql.gpg` gives it out, where
    /// the secret key stays on another host. Only a signed manifest proves it, and no prelude comes
    /// with it
    #[arg(
        long,
        value_name = "-",
        value_enum,
        hide_possible_values = true,
        conflicts_with = "passphrase_fd"
    )]
    pub plaintext: Option<Plaintext>,
    /// Read the secret key's passphrase from this descriptor [default: the agent asks]
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
}

/// Where a decrypted dump is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Plaintext {
    #[value(name = "-", hide = true)]
    StandardInput,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub named: ArtifactArgs,
    /// Only count, from the manifest and the live catalog: no secret key is needed, and no artifact
    /// is read. What a clone of the cluster wrote is not told apart
    #[arg(long, conflicts_with_all = ["rows", "values", "passphrase_fd", "plaintext", "format"])]
    pub counts: bool,
    /// Rows shown of each table, of those that were changed, are gone and were added
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub rows: u32,
    /// Show what stood in the rows and what stands there now. Keys are shown without it
    #[arg(long)]
    pub values: bool,
    /// Form of the report, not to be given with --json [default: table]
    #[arg(long, value_enum)]
    pub format: Option<DiffFormat>,
    #[command(flatten)]
    pub opening: Opening,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    Table,
    Json,
    /// The rows that are shown, a line for each column
    Csv,
    /// What would bring these rows back, with their values, to be read
    Sql,
}

#[derive(Debug, Args)]
pub(crate) struct ProveRestore {
    #[command(flatten)]
    pub named: ArtifactArgs,
    /// Folder for the throw-away cluster, on a disk [default: memory, if it fits]
    #[arg(long, value_name = "DIR")]
    pub scratch_dir: Option<PathBuf>,
    /// Prove it with a server of the version that was backed up, as `restore --older-target`
    #[arg(long)]
    pub older_target: bool,
    /// Read the secret key's passphrase from this descriptor [default: the agent asks]
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct ProveBackup {
    /// Name of the backup's run [default: <UTC time>-<8 hex digits>]
    #[arg(long, value_name = "ID", value_parser = RunId::parse)]
    pub run_id: Option<RunId>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("rule").required(true).multiple(true))]
pub(crate) struct Prune {
    /// Keep this many of the newest complete runs of each database and set of tables
    #[arg(long, value_name = "N", group = "rule")]
    pub keep_last: Option<usize>,
    /// Keep every run that is younger than this, and the newest of each database and set of tables
    #[arg(long, value_name = "DUR", value_parser = duration::span, group = "rule")]
    pub keep_within: Option<Duration>,
    /// Remove, instead of showing what would be removed
    #[arg(long)]
    pub apply: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// Runs of the store
    #[arg(value_name = "RUN_ID", required = true, value_parser = RunId::parse)]
    pub runs: Vec<RunId>,
    /// Their envelopes as you kept them elsewhere, one a line; - for standard input
    #[arg(long, value_name = "FILE")]
    pub envelope: String,
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
