//! Back from an artifact: on a real PostgreSQL server and with a real gpg.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    unused_imports
)]

#[path = "restore/forge.rs"]
mod forge;
#[path = "restore/hostile.rs"]
mod hostile;
#[path = "restore/large.rs"]
mod large;
#[path = "restore/origin.rs"]
mod origin;
#[path = "restore/prove.rs"]
mod prove;
#[path = "restore/round_trip.rs"]
mod round_trip;
#[path = "main/support/mod.rs"]
mod support;
#[path = "restore/target.rs"]
mod target;
#[path = "restore/undo.rs"]
mod undo;
