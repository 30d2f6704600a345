//! Back from an artifact.

mod beyond;
mod bounds;
mod by_hand;
mod by_root;
mod columns;
mod damage;
mod dropped;
mod encoding;
mod errors;
pub mod forge;
mod honest;
mod large;
mod late;
mod missing;
mod origin;
mod prove;
mod round_trip;
mod server;
mod talk;
mod target;
mod undo;
