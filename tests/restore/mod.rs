//! Back from an artifact.

mod bounds;
pub mod forge;
mod large;
mod missing;
mod origin;
mod prove;
mod round_trip;
mod target;
mod undo;
