//! Durations, as settings and options spell them.

use std::time::Duration;

/// A duration as settings spell it: a number with `ms`, `s`, `m`, `h` or `d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration = span(text)?;
    if duration.is_zero() || duration.as_millis() > i32::MAX as u128 {
        // PostgreSQL keeps its timeouts in a 32-bit number of milliseconds.
        return Err(format!("{text:?} is out of range: 1ms to 24d"));
    }
    Ok(duration)
}

/// The same without a limit: how long backups are kept is not PostgreSQL's affair.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a duration: a number with ms, s, m, h or d");
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| bad())?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(bad()),
    };
    let ms = number.checked_mul(unit).ok_or_else(bad)?;
    Ok(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        each(
            [
                ("5ms", 5),
                ("30s", 30_000),
                ("2m", 120_000),
                ("1d", 86_400_000),
            ],
            |(text, ms)| {
                assert_eq!(duration(text).unwrap().as_millis(), ms);
            },
        );
        each(
            ["", "5", "s", "-1s", "1.5s", "1 s", "0s", "99d", "1w"],
            |text| {
                assert!(duration(text).is_err(), "{text:?}");
            },
        );
    }

    const UNITS: [(&str, u128); 5] = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];

    proptest! {
        #[test]
        fn any_duration(number in prop_oneof![0..40_000_u64, any::<u64>()], unit in 0..5_usize, text in "\\PC{0,6}") {
            let (unit, factor) = UNITS[unit];
            let exact = u128::from(number) * factor;
            let written = format!("{number}{unit}");
            let read = span(&written).map(|span| span.as_millis());
            prop_assert_eq!(read.ok(), u64::try_from(exact).ok().map(u128::from));
            prop_assert_eq!(duration(&written).is_ok(), (1..=i32::MAX as u128).contains(&exact));
            // What else is one begins with its number.
            if span(&text).is_ok() {
                prop_assert!(text.starts_with(|c: char| c.is_ascii_digit()), "{}", text);
            }
        }
    }
}
