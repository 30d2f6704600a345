//! The store folder: files that are whole or not there, manifests, runs and their retention.

pub(crate) mod after;
pub(crate) mod envelope_file;
pub(crate) mod folder;
pub(crate) mod listing;
pub(crate) mod manifest;
pub(crate) mod partial;
pub(crate) mod removal;
pub(crate) mod retention;
pub(crate) mod run_files;
