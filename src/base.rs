//! What every room stands on: names, errors, text, versions, threads, random bytes.

#[cfg(test)]
#[path = "../tests/support/cases.rs"]
pub(crate) mod cases;
pub(crate) mod duration;
pub(crate) mod env;
pub(crate) mod error;
pub(crate) mod exit;
pub(crate) mod few;
pub(crate) mod hint;
pub(crate) mod leftovers;
pub(crate) mod meter;
pub(crate) mod names;
pub(crate) mod place;
pub(crate) mod random;
pub(crate) mod setting;
pub(crate) mod text;
pub(crate) mod threads;
pub(crate) mod version;
