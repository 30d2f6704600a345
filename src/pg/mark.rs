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
        self.lsn.as_deref().and_then(lsn)
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

/// A snapshot as `pg_current_snapshot()` writes it. Its numbers have 64 bits, and are never given out
/// again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// All below it had ended.
    pub xmin: u64,
    /// It and all above it had not begun to end.
    pub xmax: u64,
    /// Transactions in between that were open; their subtransactions are not told.
    pub open: Vec<u64>,
}

impl Snapshot {
    /// `10:20:10,14`
    pub(crate) fn parse(text: &str) -> Option<Snapshot> {
        let mut parts = text.split(':');
        let (xmin, xmax, open) = (parts.next()?, parts.next()?, parts.next()?);
        let open = open.split(',').filter(|id| !id.is_empty());
        let snapshot = Snapshot {
            xmin: xmin.parse().ok()?,
            xmax: xmax.parse().ok()?,
            open: open.map(|id| id.parse().ok()).collect::<Option<_>>()?,
        };
        let known = 0 < snapshot.xmin && snapshot.xmin <= snapshot.xmax;
        (known && parts.next().is_none()).then_some(snapshot)
    }
}

/// A position in the write-ahead log: `16/B374D848`.
pub(crate) fn lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let [high, low] = [high, low].map(|part| u32::from_str_radix(part, 16));
    Some(u64::from(high.ok()?) << 32 | u64::from(low.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_and_positions() {
        let snapshot = |xmin, xmax, open: &[u64]| {
            Some(Snapshot {
                xmin,
                xmax,
                open: open.into(),
            })
        };
        assert_eq!(Snapshot::parse("3:3:"), snapshot(3, 3, &[]));
        let wide = "4294967299:4294967305:4294967299,4294967301";
        let told = snapshot(4294967299, 4294967305, &[4294967299, 4294967301]);
        assert_eq!(Snapshot::parse(wide), told);
        for wrong in ["", "3:3", "4:3:", "3:4:x", "3:4:5:6"] {
            assert_eq!(Snapshot::parse(wrong), None, "{wrong}");
        }
        assert_eq!(lsn("16/B374D848"), Some(0x16_B374_D848));
        assert_eq!((lsn("0/0"), lsn("x/1"), lsn("1")), (Some(0), None, None));
    }

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
