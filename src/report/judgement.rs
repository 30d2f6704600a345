//! The verdict block: one pure fold over the matrix (contract §8).

use crate::report::matrix::Matrix;
use crate::report::proof::{Exposed, Verdict};
use crate::report::row_state::{KeyFlaw, RowState};
use serde::{Serialize, Serializer};

/// A row's state, or the word for what is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyWord {
    RowState(RowState),
    Flaw(KeyFlaw),
}

impl KeyWord {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            KeyWord::RowState(state) => state.as_str(),
            KeyWord::Flaw(flaw) => flaw.as_str(),
        }
    }
}

impl Serialize for KeyWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum F4 {
    Ready,
    Partial,
    Blocked,
}

impl F4 {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            F4::Ready => "READY",
            F4::Partial => "PARTIAL",
            F4::Blocked => "BLOCKED",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Judgement {
    pub backup_mechanism: RowState,
    pub backup_key: KeyWord,
    pub backup_runner: RowState,
    pub f4_status: F4,
    pub secrets_exposed: Exposed,
    pub g3: Verdict,
}

impl Judgement {
    pub(crate) fn of(matrix: &Matrix, secrets_exposed: Exposed) -> Judgement {
        let backup_mechanism = [
            &matrix.gpg_binary,
            &matrix.gpg_mechanism,
            &matrix.pg_dump,
            &matrix.database,
            &matrix.target_tables,
        ]
        .iter()
        .fold(RowState::Ready, |worst, row| worst.max(row.state()));

        let key = matrix.backup_key.state();
        let backup_key = match (key, matrix.backup_key.flaw()) {
            (RowState::Failed, Some(flaw)) => KeyWord::Flaw(flaw),
            _ => KeyWord::RowState(key),
        };
        // A seam that nobody configured is no obstacle to the runner.
        let seam = match matrix.pre_write_backup_seam.state() {
            RowState::Missing => RowState::Ready,
            state => state,
        };
        let runner = matrix.store.state().max(matrix.backup_runner.state());
        let backup_runner = match key {
            RowState::Missing => RowState::Missing,
            _ => runner.max(seam),
        };
        let ready = [key, backup_runner].iter().all(|s| *s == RowState::Ready);
        let f4_status = match (backup_mechanism, ready) {
            (RowState::Ready, true) => F4::Ready,
            (RowState::Ready, false) => F4::Partial,
            _ => F4::Blocked,
        };
        Judgement {
            backup_mechanism,
            backup_key,
            backup_runner,
            f4_status,
            secrets_exposed,
            g3: Verdict::pass_if(backup_mechanism == RowState::Ready && !matrix.open_question()),
        }
    }

    /// The block as reports end with it.
    pub(crate) fn text(&self) -> String {
        self.lines()
            .map(|(key, word)| format!("{key}: {word}\n"))
            .concat()
    }

    /// The block's lines, in its order.
    fn lines(&self) -> [(&'static str, &'static str); 6] {
        [
            ("backup_mechanism", self.backup_mechanism.as_str()),
            ("backup_key", self.backup_key.as_str()),
            ("backup_runner", self.backup_runner.as_str()),
            ("f4_status", self.f4_status.as_str()),
            ("secrets_exposed", self.secrets_exposed.as_str()),
            ("g3", self.g3.as_str()),
        ]
    }
}

impl Matrix {
    /// A row that could not be checked, and not for lack of a key.
    fn open_question(&self) -> bool {
        self.findings()
            .iter()
            .any(|row| row.state() == RowState::Unknown && !row.awaits_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use crate::report::matrix::Evidence;
    use crate::report::matrix::Finding;

    fn finding(state: RowState) -> Finding {
        match state {
            RowState::Ready => Finding::ready(Evidence::read("x", "y")),
            RowState::Missing => Finding::missing("x"),
            RowState::Failed => Finding::failed("x"),
            RowState::Unknown => Finding::unknown("x"),
        }
    }

    fn ready() -> Matrix {
        let row = || finding(RowState::Ready);
        Matrix {
            gpg_binary: row(),
            gpg_mechanism: row(),
            backup_key: row(),
            pg_dump: row(),
            database: row(),
            target_tables: row(),
            restore_closure: row(),
            store: row(),
            backup_runner: row(),
            pre_write_backup_seam: row(),
        }
    }

    fn words(matrix: &Matrix) -> String {
        let words = Judgement::of(matrix, Exposed::None).lines();
        words.map(|(_, word)| word).join(" ")
    }

    #[test]
    fn the_fold() {
        use RowState::{Failed, Missing, Ready, Unknown};
        type Change = fn(&mut Matrix, Finding);
        let mechanism: Change = |m, f| m.gpg_mechanism = f;
        let key: Change = |m, f| m.backup_key = f;
        let closure: Change = |m, f| m.restore_closure = f;
        let store: Change = |m, f| m.store = f;
        let runner: Change = |m, f| m.backup_runner = f;
        let seam: Change = |m, f| m.pre_write_backup_seam = f;
        each(
            [
                (key, Ready, "READY READY READY READY NONE PASS"),
                (key, Missing, "READY MISSING MISSING PARTIAL NONE PASS"),
                (key, Failed, "READY FAILED READY PARTIAL NONE PASS"),
                (key, Unknown, "READY UNKNOWN READY PARTIAL NONE FAIL"),
                (mechanism, Missing, "MISSING READY READY BLOCKED NONE FAIL"),
                (mechanism, Failed, "FAILED READY READY BLOCKED NONE FAIL"),
                (mechanism, Unknown, "UNKNOWN READY READY BLOCKED NONE FAIL"),
                (closure, Failed, "READY READY READY READY NONE PASS"),
                (closure, Unknown, "READY READY READY READY NONE FAIL"),
                (store, Missing, "READY READY MISSING PARTIAL NONE PASS"),
                (store, Failed, "READY READY FAILED PARTIAL NONE PASS"),
                (runner, Failed, "READY READY FAILED PARTIAL NONE PASS"),
                (runner, Unknown, "READY READY UNKNOWN PARTIAL NONE FAIL"),
                (seam, Missing, "READY READY READY READY NONE PASS"),
                (seam, Failed, "READY READY FAILED PARTIAL NONE PASS"),
                (seam, Unknown, "READY READY UNKNOWN PARTIAL NONE FAIL"),
            ],
            |(change, state, expected)| {
                let mut matrix = ready();
                change(&mut matrix, finding(state));
                assert_eq!(words(&matrix), expected, "{state:?}");
            },
        );
    }

    #[test]
    fn each_part_of_the_mechanism_counts_and_the_worst_wins() {
        let changes: [fn(&mut Matrix) -> &mut Finding; 5] = [
            |m| &mut m.gpg_binary,
            |m| &mut m.gpg_mechanism,
            |m| &mut m.pg_dump,
            |m| &mut m.database,
            |m| &mut m.target_tables,
        ];
        each(changes, |change| {
            let mut matrix = ready();
            *change(&mut matrix) = finding(RowState::Missing);
            assert!(words(&matrix).starts_with("MISSING"));
        });
        let mut matrix = ready();
        matrix.gpg_binary = finding(RowState::Missing);
        matrix.pg_dump = finding(RowState::Unknown);
        assert!(words(&matrix).starts_with("UNKNOWN"));
        matrix.database = finding(RowState::Failed);
        assert!(words(&matrix).starts_with("FAILED"));
    }

    #[test]
    fn for_lack_of_a_key_alone_g3_passes() {
        let mut matrix = ready();
        matrix.backup_key = Finding::failed("x").because(Some(KeyFlaw::Expired));
        matrix.backup_runner = Finding::unknown("no key").awaiting_key();
        assert_eq!(words(&matrix), "READY EXPIRED UNKNOWN PARTIAL NONE PASS");
    }
}
