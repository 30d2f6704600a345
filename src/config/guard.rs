//! The words of `guard`, and the status that it refuses with.

// Their comments are help texts, not Markdown.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

use crate::base::names::RunId;
use crate::config::cli::Cli;
use clap::{Args, CommandFactory, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Guard {
    /// Name of the backup's run [default: <UTC time>-<8 hex digits>]
    #[arg(long, value_name = "ID", value_parser = RunId::parse)]
    pub run_id: Option<RunId>,
    /// Back up from a standby too. It may lag behind its primary, so that what COMMAND is about to
    /// change may not be in the backup as it is now
    #[arg(long)]
    pub allow_standby: bool,
    /// What guard does while COMMAND runs and when it has ended
    #[arg(long, value_enum, default_value = "mark")]
    pub after: After,
    /// The status that says that COMMAND never ran, for callers that stop only on one of their own
    #[arg(long, value_name = "N", default_value = "125", value_parser = clap::value_parser!(u8).range(1..))]
    pub refuse_exit: u8,
    /// Write the envelope into this file before COMMAND runs, mode 0600; an older one is replaced
    #[arg(long, value_name = "FILE")]
    pub envelope_file: Option<PathBuf>,
    /// What runs if the backup verifies; finds PGSEAL_RUN_ID, PGSEAL_ARTIFACT, PGSEAL_ENVELOPE
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum After {
    /// Stay, ask the server again, tell what COMMAND wrote, and keep where it ended for undo
    Mark,
    /// Become COMMAND: no process of ours is left, and nothing is told
    None,
}

/// The status by which `guard` refuses, where it is the verb of a command line that is wrong. Before
/// the verb only options of ours can stand, and an option's value that is a verb's name is unlikely.
pub(crate) fn refuses_with<'a>(args: impl Iterator<Item = &'a OsString>) -> Option<u8> {
    let cli = Cli::command();
    let verbs: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let words: Vec<&str> = args.skip(1).filter_map(|arg| arg.to_str()).collect();
    let verb = words.iter().find(|word| verbs.contains(word))?;
    if *verb != "guard" {
        return None;
    }
    let pairs = words.iter().zip(words.iter().skip(1));
    let apart = pairs.filter_map(|(option, value)| (*option == REFUSE_EXIT).then_some(*value));
    let joined = words.iter();
    let joined = joined.filter_map(|word| word.strip_prefix(REFUSE_EXIT)?.strip_prefix('='));
    let given = apart.chain(joined).find_map(|value| value.parse().ok());
    Some(given.filter(|status| *status > 0).unwrap_or(NOT_RUN))
}

const REFUSE_EXIT: &str = "--refuse-exit";
/// COMMAND never ran.
const NOT_RUN: u8 = 125;
