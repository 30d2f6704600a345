//! A restore into a database, in one transaction that is committed only if all came back.

pub(crate) mod answers;
pub(crate) mod composites;
pub(crate) mod copied;
pub(crate) mod editor;
pub(crate) mod held_plaintext;
pub(crate) mod late;
pub(crate) mod missing;
pub(crate) mod omissions;
pub(crate) mod outcome;
pub(crate) mod run;
pub(crate) mod scratch;
pub(crate) mod script;
pub(crate) mod selection;
pub(crate) mod statement;
pub(crate) mod stream;
pub(crate) mod target;
