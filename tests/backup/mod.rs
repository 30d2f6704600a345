//! A backup: what goes into it, what stops it, what it leaves.

mod bodies;
mod broken;
mod compression;
mod connection;
mod container;
mod disk;
mod dry_run;
mod envelope;
mod groups;
mod input;
mod many;
mod mechanism;
mod memory;
mod moments;
mod object_names;
mod prelude;
mod readme;
mod restorable;
mod server;
mod settings;
mod shapes;
mod signals;
pub mod standby;
mod stream;
mod tables;
