//! What a package is made with, from the command line itself: man pages, and completions of shells.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Of this verb; without one, of pgseal itself
    pub verb: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Fish,
    Zsh,
}
