//! GnuPG: the argv of every call, its key listing and status protocol, OpenPGP packets, homes.

pub(crate) mod binding;
pub(crate) mod colons;
pub(crate) mod command;
pub(crate) mod compression;
pub(crate) mod deflate;
pub(crate) mod ephemeral_home;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod keyring;
pub(crate) mod opening;
pub(crate) mod packet_reader;
pub(crate) mod packet_writer;
pub(crate) mod remedy;
pub(crate) mod signature;
pub(crate) mod signer;
pub(crate) mod signing;
pub(crate) mod status;
