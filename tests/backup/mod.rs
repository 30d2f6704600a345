//! A backup: what goes into it, what stops it, what it leaves.

mod broken;
mod compression;
mod disk;
mod dry_run;
mod envelope;
mod input;
mod many;
mod mechanism;
mod memory;
mod moments;
mod prelude;
mod readme;
mod server;
mod settings;
mod shapes;
mod signals;
mod stream;
mod tables;
