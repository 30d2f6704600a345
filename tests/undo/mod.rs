//! What changed since a backup, and back.

pub mod counts;
mod encodings;
mod kinds;
mod memory;
mod refused;
mod structure;

use crate::restore::forge::secret;
use crate::support::{Pgseal, Test};

/// Of the run named `run`, with the secret key at hand.
pub fn diff(test: &Test) -> Pgseal<'_> {
    let diff = test.pgseal("diff").arg("run");
    diff.env("GNUPGHOME", secret())
}

/// Backs up these tables as the run named `run`.
pub fn backup(test: &Test, tables: &[&str]) {
    test.backup(tables).arg("--run-id=run").run().exits(0);
}
