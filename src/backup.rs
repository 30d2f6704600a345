//! A backup: gathered facts, the plan, the encrypted dump and prelude, the manifest.

pub(crate) mod encrypt;
pub(crate) mod finished;
pub(crate) mod gather;
pub(crate) mod manifest;
pub(crate) mod plan;
pub(crate) mod prelude;
pub(crate) mod restorability;
pub(crate) mod run;
pub(crate) mod second_mark;
pub(crate) mod sink;
pub(crate) mod tap;
pub(crate) mod text;
