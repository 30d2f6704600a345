//! docs/recipes, the pages that need nothing but PostgreSQL and gpg. The others are in tests/tools.

mod agent;
mod nightly;
mod role;
mod sql;
