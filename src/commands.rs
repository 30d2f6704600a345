//! One file a verb, one door each. A verb calls the rooms in order and returns what to say.

pub(crate) mod backup;
pub(crate) mod operator_package;
pub(crate) mod prove_mechanism;
pub(crate) mod readiness;

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
