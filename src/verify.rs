//! What can be proved of an artifact, by itself and by what lies beside it.

pub(crate) mod artifact_files;
pub(crate) mod consistency;
pub(crate) mod decrypt;
pub(crate) mod dump_source;
pub(crate) mod judging;
pub(crate) mod open_file;
pub(crate) mod origin;
pub(crate) mod plaintext;
pub(crate) mod second_mark;
pub(crate) mod signature;
pub(crate) mod verification;
pub(crate) mod with_key;
pub(crate) mod without_key;
