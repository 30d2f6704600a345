//! A throw-away PostgreSQL cluster that is removed whatever happens.

pub(crate) mod bounded;
pub(crate) mod cluster;
pub(crate) mod connection;
pub(crate) mod ids;
pub(crate) mod leftovers;
pub(crate) mod limits;
pub(crate) mod owner;
pub(crate) mod roles;
pub(crate) mod room;
