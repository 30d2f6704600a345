//! One file a verb, one door each. A verb calls the rooms in order and returns what to say.

mod artifact;
pub(crate) mod backup;
pub(crate) mod guard;
pub(crate) mod list;
pub(crate) mod operator_package;
pub(crate) mod prove_backup;
pub(crate) mod prove_mechanism;
pub(crate) mod prove_restore;
pub(crate) mod prune;
pub(crate) mod readiness;
pub(crate) mod restore;
pub(crate) mod sign;
pub(crate) mod verify;

use crate::exit::Exit;

/// What a command has to say. Only `render` prints it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For standard output: the data.
    pub out: String,
    /// For standard error: warnings and the summary.
    pub notes: Vec<String>,
    pub exit: Exit,
    /// What to add where `out` could not be delivered.
    pub undelivered: Option<String>,
}

/// Whether `guard` is meant to be the verb of a command line that is wrong. Before the verb only
/// options of ours can stand, and an option's value that is a verb's name is unlikely.
pub(crate) fn is_guard<'a>(args: impl Iterator<Item = &'a std::ffi::OsString>) -> bool {
    let cli = <crate::cli::Cli as clap::CommandFactory>::command();
    let verbs: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let verb = args
        .skip(1)
        .find(|arg| verbs.iter().any(|verb| *arg == verb));
    verb.is_some_and(|verb| verb == "guard")
}
