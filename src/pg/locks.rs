//! The server's lock table: a dump is one transaction and keeps a lock on all that it reads, a restore
//! on all that it creates.

use crate::base::error::{Code, Error, Result};
use crate::base::text::thousands;
use serde::Deserialize;

/// Locks on catalogs, schemas and the like, and those of other sessions.
const BESIDES: u64 = 1000;

/// How many transactions share the table of a throw-away server.
pub(crate) const SCRATCH_TRANSACTIONS: u64 = 20;

/// More than PostgreSQL can create in a day: a manifest may be anybody's, and is not believed.
const MOST: u64 = 5_000_000;

/// As the server has it. It is shared: its size is the product, whoever takes the locks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct LockTable {
    max_locks_per_transaction: u64,
    /// max_connections and max_prepared_transactions.
    transactions: u64,
}

impl LockTable {
    /// Refuses a target that would be out of shared memory half way.
    pub(crate) fn check(&self, locks: u64) -> Result<()> {
        let room = self
            .max_locks_per_transaction
            .saturating_mul(self.transactions);
        if locks <= room {
            return Ok(());
        }
        let what = format!(
            "a restore creates {} tables, indexes and sequences in one transaction, and the target \
             has room for {} locks",
            thousands(locks),
            thousands(room)
        );
        let remedy = self.remedy(locks);
        Err(Error::new(Code::Database, what).hint(format!("In the target's {remedy}")))
    }

    fn remedy(&self, locks: u64) -> String {
        // Others may hold what ours lacks, so it is more than there is.
        let more = self.max_locks_per_transaction.saturating_add(1);
        format!(
            "postgresql.conf: max_locks_per_transaction = {} (now {}); restart it.",
            suffices(locks, self.transactions).max(more),
            self.max_locks_per_transaction
        )
    }

    /// With the number that helps, where a dump was out of locks.
    pub(crate) fn explained(&self, locks: u64, error: Error) -> Error {
        if !error.said().any(|line| is_full(line)) {
            return error;
        }
        error.hint(format!(
            "The server's lock table is full, and pg_dump locks all tables at once. In its {}",
            self.remedy(locks)
        ))
    }
}

/// The server's hint has the setting's name in every language.
pub(crate) fn is_full(said: &str) -> bool {
    said.contains("max_locks_per_transaction") || said.contains("out of shared memory")
}

/// A `max_locks_per_transaction` with which the restore ends.
pub(crate) fn suffices(locks: u64, transactions: u64) -> u64 {
    let locks = locks.min(MOST).saturating_add(BESIDES);
    locks.div_ceil(transactions.max(1)).max(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_suffices_is_not_refused() {
        for (locks, transactions) in [(0, 0), (6400, 100), (6401, 100), (50_000, 20)] {
            let table = |max_locks_per_transaction| LockTable {
                max_locks_per_transaction,
                transactions: transactions.max(1),
            };
            assert_eq!(table(64).check(locks).is_err(), locks > 64 * transactions);
            let enough = suffices(locks, transactions);
            assert_eq!(table(enough).check(locks), Ok(()), "{locks}");
        }
        assert!(suffices(u64::MAX, 20) < 1_000_000);
    }
}
