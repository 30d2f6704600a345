//! pgseal on a real PostgreSQL server and with a real gpg. One binary, so that one server and one
//! set of keys serve every test.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod backup;
mod corpus;
mod faults;
mod readiness;
mod recipes;
mod restore;
mod session;
mod signing;
mod snapshot;
mod store;
mod support;
mod undo;
