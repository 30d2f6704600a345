//! pgseal on a real PostgreSQL server and with a real gpg.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod broken;
mod compression;
mod disk;
mod dry_run;
mod envelope;
mod input;
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
mod support;
mod tables;
