//! `\\restrict`: psql's word that keeps what stands in a dump from running commands here.

use crate::base::error::{Code, Error};
use crate::base::hint::{Hint, Hints};

/// Asks whether psql knows it. A restricted psql does not set variables, so it is lifted again.
pub(crate) const ASKED: &str = "\\restrict pgseal\n\\unrestrict pgseal\n";

/// The minor releases of August 2025 brought it.
pub(crate) fn is_known_to(version_num: u32) -> bool {
    let (major, minor) = (version_num / 10_000, version_num % 10_000);
    match major {
        13 => minor >= 22,
        14 => minor >= 19,
        15 => minor >= 14,
        16 => minor >= 10,
        17 => minor >= 6,
        _ => major >= 18,
    }
}

/// Says so, where that is what psql failed at.
pub(crate) fn explained(error: Error, psql: &str) -> Error {
    let unknown = |line: &String| line.contains("invalid command \\restrict");
    let was_unknown = error.said().any(unknown);
    if !was_unknown {
        return error;
    }
    let what =
        format!("`{psql}` has no \\restrict, so what stands in a dump could run commands here");
    Error::new(Code::ToolUnfit, what).hint(remedy())
}

pub(crate) fn remedy() -> Hints {
    Hints::from("Install a minor release of August 2025 or later:").then(Hint::run(
        "apt-get install --only-upgrade postgresql-client",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn minor_releases() {
        each(
            [
                (120_022, false),
                (130_021, false),
                (130_022, true),
                (140_018, false),
                (140_019, true),
                (150_013, false),
                (150_014, true),
                (160_009, false),
                (160_010, true),
                (170_005, false),
                (170_006, true),
                (180_000, true),
                (190_000, true),
            ],
            |(version, known)| assert_eq!(is_known_to(version), known, "{version}"),
        );
    }
}
