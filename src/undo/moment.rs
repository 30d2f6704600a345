//! A moment by its mark, as SQL over the transaction that wrote a row.

use crate::base::names::literal;

/// Where the server stood, when the backup began or when COMMAND of guard had ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// `pg_snapshot`, as text.
    pub snapshot: String,
    /// Transactions between its xmin and xmax that had ended and wrote rows of the tables; None where
    /// nobody noted them.
    pub ended: Option<Vec<u32>>,
}

impl Moment {
    /// The condition that a row may have been written since. A transaction between xmin and xmax that is not
    /// among those that had ended may be a subtransaction of an open one, and counts.
    pub(crate) fn may_precede(&self, xmin: &str) -> String {
        let since = format!(
            "pg_catalog.age({xmin}) BETWEEN 0 AND {}",
            self.age_of("xmin")
        );
        match self.ended.as_deref() {
            None | Some([]) => since,
            Some(ended) => {
                let ended: Vec<String> = ended.iter().map(|id| format!("'{id}'")).collect();
                format!(
                    "({since} AND {xmin}::pg_catalog.text NOT IN ({}))",
                    ended.join(", ")
                )
            }
        }
    }

    /// The condition that a row was surely written since: by a transaction that was open, or had no id yet.
    pub(crate) fn precedes(&self, xmin: &str) -> String {
        if self.ended.is_some() {
            return self.may_precede(xmin);
        }
        let snapshot = literal(&self.snapshot);
        format!(
            "(pg_catalog.age({xmin}) BETWEEN 0 AND {} OR {xmin}::pg_catalog.text IN (\
             SELECT open::pg_catalog.xid::pg_catalog.text FROM \
             pg_catalog.pg_snapshot_xip({snapshot}::pg_catalog.pg_snapshot) AS open))",
            self.age_of("xmax")
        )
    }

    fn age_of(&self, end: &str) -> String {
        let snapshot = literal(&self.snapshot);
        format!(
            "pg_catalog.age(pg_catalog.pg_snapshot_{end}({snapshot}::pg_catalog.pg_snapshot)::pg_catalog.xid)"
        )
    }
}
