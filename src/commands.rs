//! One file a verb: arguments in, the rooms in order, a report out.

pub(crate) mod artifact;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod guard;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod opening;
pub(crate) mod operator_package;
pub(crate) mod prove_backup;
pub(crate) mod prove_mechanism;
pub(crate) mod prove_restore;
pub(crate) mod prune;
pub(crate) mod readiness;
pub(crate) mod restore;
pub(crate) mod run_ids;
pub(crate) mod safety_backup;
pub(crate) mod sign;
pub(crate) mod undo;
pub(crate) mod undo_report;
pub(crate) mod verify;
