//! Which runs are kept: data in, data out.

use jiff::Timestamp;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub last: usize,
    pub within: Option<Duration>,
}

/// Why a run stays, or None where it may go.
pub(crate) type Fate = Option<&'static str>;

impl Rule {
    /// The fate of each good run, given when they were made, newest first. The newest stays
    /// whatever the rule says: a store that had a good backup has one afterwards.
    pub(crate) fn fates(&self, made: &[Timestamp], now: Timestamp) -> Vec<Fate> {
        let fate = |(at, made): (usize, &Timestamp)| {
            // One from the future is no older than anything.
            let age = u128::try_from(now.duration_since(*made).as_millis()).unwrap_or(0);
            let young = self.within.is_some_and(|within| age <= within.as_millis());
            if at < self.last {
                Some("one of the last")
            } else if young {
                Some("young enough")
            } else if at == 0 {
                Some("the newest")
            } else {
                None
            }
        };
        made.iter().enumerate().map(fate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_always_stays() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let made = [at(2000), at(100), at(90), at(10)];
        let (last, young, newest) = ("one of the last", "young enough", "the newest");
        for (keep, within, want) in [
            (1, None, [Some(last), None, None, None]),
            (3, None, [Some(last), Some(last), Some(last), None]),
            (9, None, [Some(last); 4]),
            (0, Some(1), [Some(young), None, None, None]),
            (0, Some(910), [Some(young), Some(young), Some(young), None]),
            (1, Some(900), [Some(last), Some(young), None, None]),
        ] {
            let within = within.map(Duration::from_secs);
            let rule = Rule { last: keep, within };
            assert_eq!(rule.fates(&made, at(1000)), want, "{rule:?}");
        }
        let rule = Rule {
            last: 0,
            within: Some(Duration::from_secs(1)),
        };
        assert_eq!(rule.fates(&[at(5)], at(1000)), [Some(newest)]);
        assert!(rule.fates(&[], at(1000)).is_empty());
    }
}
