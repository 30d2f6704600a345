//! What changed in live tables since a backup, and back to what they were.

pub(crate) mod answer_reader;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod compared_table;
pub(crate) mod converse;
pub(crate) mod counts;
pub(crate) mod definitions;
pub(crate) mod diff;
pub(crate) mod failure;
pub(crate) mod live_tables;
pub(crate) mod load;
pub(crate) mod loaded_table;
pub(crate) mod sealed_types;
pub(crate) mod session;
pub(crate) mod structure;
