//! Which runs of one scope are kept: data in, data out.

use jiff::Timestamp;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub last: usize,
    pub within: Option<Duration>,
}

/// Why a run stays, or None where it may go.
pub(crate) type Fate = Option<&'static str>;

/// Made under a clock that was wrong, unless ours is: how old it is, nobody knows.
pub(crate) fn in_future(made: Timestamp, now: Timestamp) -> bool {
    made > now
}

impl Rule {
    /// The fate of each good run of a scope, given when they were made, newest first. The newest
    /// stays whatever the rule says: a scope that had a good backup has one afterwards. One dated in the
    /// future stays too, but takes no other's place.
    pub(crate) fn fates(&self, made: &[Timestamp], now: Timestamp) -> Vec<Fate> {
        let mut counted = 0;
        let fate = |made: &Timestamp| {
            if in_future(*made, now) {
                return Some("dated in the future, so not counted");
            }
            let at = counted;
            counted += 1;
            let age = now.duration_since(*made).as_millis().unsigned_abs();
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
        made.iter().map(fate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn the_newest_always_stays() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let made = [at(1000), at(100), at(90), at(10)];
        let (last, young, newest) = ("one of the last", "young enough", "the newest");
        each(
            [
                (1, None, [Some(last), None, None, None]),
                (3, None, [Some(last), Some(last), Some(last), None]),
                (9, None, [Some(last); 4]),
                (0, Some(1), [Some(young), None, None, None]),
                (0, Some(910), [Some(young), Some(young), Some(young), None]),
                (1, Some(900), [Some(last), Some(young), None, None]),
            ],
            |(keep, within, want)| {
                let within = within.map(Duration::from_secs);
                let rule = Rule { last: keep, within };
                assert_eq!(rule.fates(&made, at(1000)), want, "{rule:?}");
            },
        );
        let rule = Rule {
            last: 0,
            within: Some(Duration::from_secs(1)),
        };
        assert_eq!(rule.fates(&[at(5)], at(1000)), [Some(newest)]);
        assert!(rule.fates(&[], at(1000)).is_empty());
    }

    #[test]
    fn the_future_takes_no_place() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let made = [at(3000), at(1001), at(1000), at(20), at(10)];
        let future = Some("dated in the future, so not counted");
        let (last, young, newest) = ("one of the last", "young enough", "the newest");
        each(
            [
                (1, None, [Some(last), None, None]),
                (2, None, [Some(last), Some(last), None]),
                (0, Some(985), [Some(young), Some(young), None]),
            ],
            |(keep, within, want)| {
                let within = within.map(Duration::from_secs);
                let rule = Rule { last: keep, within };
                let fates = rule.fates(&made, at(1000));
                assert_eq!(fates[..2], [future; 2], "{rule:?}");
                assert_eq!(fates[2..], want, "{rule:?}");
            },
        );
        let rule = Rule {
            last: 0,
            within: Some(Duration::from_secs(1)),
        };
        let fates = rule.fates(&[at(2000), at(20), at(10)], at(1000));
        assert_eq!(fates, [future, Some(newest), None]);
    }
}
