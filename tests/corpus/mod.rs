//! Whole schemas, there and back: those of `fixtures/schemas`, and random ones.

// How many were tried is told.
#![allow(clippy::print_stdout)]

mod additions;
mod content;
pub mod dice;
mod generator;
mod header;
mod random;
mod round;
mod schemas;
mod structure;
pub mod workers;
