//! docs/recipes with the real tools of others, which `scripts/test --recipes` makes ready:
//! `PGSEAL_TOOLS` has the folders where they are.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod actions;
mod alembic;
mod ansible;
mod compose;
mod django;
mod kubernetes;
mod site;
mod sql;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;
mod units;
mod yaml;
