//! The mark: where a server stood before pg_dump started. It tells rows that were written since from
//! those that were there.

use crate::base::error::{Code, Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// `pg_current_snapshot()`, whole: `xmin:xmax:xid,…`.
    pub snapshot: String,
    pub database_oid: u32,
    /// None where the role may not ask.
    pub system_identifier: Option<String>,
    /// None where the role may not ask.
    pub timeline: Option<u32>,
    /// Of a standby, the last position that was replayed; None where it has replayed nothing.
    pub lsn: Option<String>,
    /// Whether the server was a standby.
    pub in_recovery: bool,
}

/// `pg_snapshot`, with ids that do not wrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// All ids below it had ended.
    pub xmin: u64,
    /// None from it on had ended.
    pub xmax: u64,
    /// Between them, not ended. Subtransactions are not told.
    pub open: Vec<u64>,
}

impl Snapshot {
    fn parse(text: &str) -> Option<Snapshot> {
        let mut parts = text.split(':');
        let mut number = || parts.next()?.parse().ok();
        let (xmin, xmax) = (number()?, number()?);
        let open = parts.next()?.split(',').filter(|id| !id.is_empty());
        let open = open
            .map(|id| id.parse().ok())
            .collect::<Option<Vec<u64>>>()?;
        let known = 0 < xmin && xmin <= xmax && parts.next().is_none();
        known.then_some(Snapshot { xmin, xmax, open })
    }
}

impl Mark {
    /// An error where it is not what a server writes.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::parse(&self.snapshot).ok_or_else(|| {
            let what = format!("the mark's snapshot {:?} cannot be read", self.snapshot);
            Error::new(Code::NotVerified, what).hint("Find out who changed the manifest.")
        })
    }

    /// The position in the write-ahead log as a number.
    pub(crate) fn position(&self) -> Option<u64> {
        let (high, low) = self.lsn.as_deref()?.split_once('/')?;
        let part = |digits| u64::from_str_radix(digits, 16).ok();
        Some(part(high)? << 32 | part(low)?)
    }

    /// Whether a later answer can be of the server that gave this one, in a state that follows it:
    /// a list of hosts may lead to another the next time. A standby may become a primary.
    pub(crate) fn may_precede(&self, later: &Mark) -> bool {
        self.database_oid == later.database_oid
            && self.system_identifier == later.system_identifier
            && self.timeline <= later.timeline
            && (self.in_recovery || !later.in_recovery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_mark() {
        let mark = Mark {
            snapshot: "3:5:4".into(),
            database_oid: 5,
            system_identifier: Some("1".into()),
            timeline: Some(2),
            lsn: Some("0/1".into()),
            in_recovery: false,
        };
        let other = |change: &dyn Fn(&mut Mark)| {
            let mut other = mark.clone();
            change(&mut other);
            other
        };
        let standby = other(&|m| m.in_recovery = true);
        let promoted = other(&|m| m.timeline = Some(3));
        let told = [
            mark.may_precede(&mark),
            standby.may_precede(&promoted),
            standby.may_precede(&standby),
            mark.may_precede(&standby),
            promoted.may_precede(&mark),
            mark.may_precede(&other(&|m| m.database_oid = 6)),
            mark.may_precede(&other(&|m| m.system_identifier = Some("2".into()))),
        ];
        assert_eq!(told, [true, true, true, false, false, false, false]);
    }
}
