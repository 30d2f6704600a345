//! Signed manifests: how a backup makes a signature, what one proves, and how a run gets a new one.

mod anew;
mod backup;
mod mark;
mod origin;
mod page;
mod plaintext;
pub mod site;
