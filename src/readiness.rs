//! The ten rows of a readiness report, and the proof of the encryption mechanism.

pub(crate) mod audit;
pub(crate) mod closure;
pub(crate) mod database;
pub(crate) mod gpg;
pub(crate) mod key;
pub(crate) mod mechanism;
pub(crate) mod runner;
pub(crate) mod seam;
pub(crate) mod signing;
pub(crate) mod store;
