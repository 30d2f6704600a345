//! Every printed struct with its text beside it, and the only room that prints.

pub(crate) mod backup;
pub(crate) mod diff;
pub(crate) mod diff_counts;
pub(crate) mod diff_csv;
pub(crate) mod findings;
pub(crate) mod judgement;
pub(crate) mod listing;
pub(crate) mod markdown;
pub(crate) mod matrix;
pub(crate) mod operator_package;
pub(crate) mod preflight;
pub(crate) mod print;
pub(crate) mod progress;
pub(crate) mod proof;
pub(crate) mod prove_backup;
pub(crate) mod prove_restore;
pub(crate) mod pruning;
pub(crate) mod readiness;
pub(crate) mod restore;
pub(crate) mod row_state;
pub(crate) mod scope;
pub(crate) mod sign;
pub(crate) mod signing_package;
pub(crate) mod style;
pub(crate) mod table_lines;
pub(crate) mod verify;
