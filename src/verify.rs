//! What can be proved of an artifact, by itself and by what lies beside it.

pub(crate) mod consistency;
pub(crate) mod decrypt;
pub(crate) mod inside;
pub(crate) mod judging;
pub(crate) mod opened;
pub(crate) mod origin;
pub(crate) mod outside;
pub(crate) mod plaintext;
pub(crate) mod signature;
pub(crate) mod subject;
pub(crate) mod verification;
