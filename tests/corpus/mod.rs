//! Whole schemas, there and back: those of `fixtures/schemas`, and random ones.

// How many were tried is told.
#![allow(clippy::print_stdout)]

mod content;
mod header;
mod round;
mod schemas;
mod structure;
mod workers;
