//! What becomes of runs in a store: verified, listed, pruned, guarded, and still open years later.

mod bench;
mod command;
mod decrypt;
mod frozen;
mod guard;
mod hints;
mod limits;
mod pages;
mod prune;
mod unlooked;
mod verify;
