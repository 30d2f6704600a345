//! The readiness matrix: ten rows, always all of them. READY cannot be said without evidence:
//! only `Finding::ready` makes it, and it takes what was run or read.

use crate::base::hint::{Given, Hints};
use crate::process::command::CommandSpec;
use crate::report::row_state::{KeyFlaw, RowState};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EvidenceKind {
    /// A command and its answer.
    Run,
    /// A file, folder or setting and what it held.
    Read,
    /// Why the row is not READY.
    Reason,
    /// What does not make the row unfit, and should be looked at.
    Warning,
}

/// What was run or read, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Evidence {
    pub kind: EvidenceKind,
    /// Of the command that was run.
    pub argv: Option<Vec<String>>,
    /// What was read.
    pub source: Option<String>,
    pub answer: String,
}

impl Evidence {
    pub(crate) fn run(spec: &CommandSpec, answer: impl Into<String>) -> Evidence {
        Evidence::argv(spec.argv(), answer)
    }

    pub(crate) fn argv(argv: Vec<String>, answer: impl Into<String>) -> Evidence {
        Evidence {
            kind: EvidenceKind::Run,
            argv: Some(argv),
            source: None,
            answer: answer.into(),
        }
    }

    pub(crate) fn read(source: impl Into<String>, answer: impl Into<String>) -> Evidence {
        Evidence {
            kind: EvidenceKind::Read,
            argv: None,
            source: Some(source.into()),
            answer: answer.into(),
        }
    }

    pub(crate) fn warning(what: impl Into<String>) -> Evidence {
        Evidence {
            kind: EvidenceKind::Warning,
            argv: None,
            source: None,
            answer: what.into(),
        }
    }

    fn reason(why: impl Into<String>) -> Evidence {
        Evidence {
            kind: EvidenceKind::Reason,
            ..Evidence::warning(why)
        }
    }
}

/// The state of one row and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    state: RowState,
    flaw: Option<KeyFlaw>,
    awaits_key: bool,
    evidence: Vec<Evidence>,
    hints: Hints,
}

impl Finding {
    pub(crate) fn ready(first: Evidence) -> Finding {
        Finding {
            evidence: vec![first],
            ..Finding::of(RowState::Ready)
        }
    }

    pub(crate) fn missing(why: impl Into<String>) -> Finding {
        Finding::unfit(RowState::Missing, why)
    }

    pub(crate) fn failed(why: impl Into<String>) -> Finding {
        Finding::unfit(RowState::Failed, why)
    }

    pub(crate) fn unknown(why: impl Into<String>) -> Finding {
        Finding::unfit(RowState::Unknown, why)
    }

    fn unfit(state: RowState, why: impl Into<String>) -> Finding {
        Finding {
            evidence: vec![Evidence::reason(why)],
            ..Finding::of(state)
        }
    }

    fn of(state: RowState) -> Finding {
        Finding {
            state,
            flaw: None,
            awaits_key: false,
            evidence: Vec::new(),
            hints: Hints::default(),
        }
    }

    pub(crate) fn with(mut self, evidence: Evidence) -> Finding {
        self.evidence.push(evidence);
        self
    }

    pub(crate) fn with_all(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Finding {
        self.evidence.extend(evidence);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<Hints>) -> Finding {
        self.hints = hint.into();
        self
    }

    pub(crate) fn because(mut self, flaw: Option<KeyFlaw>) -> Finding {
        self.flaw = flaw;
        self
    }

    /// It could be checked if only there were a key.
    pub(crate) fn awaiting_key(mut self) -> Finding {
        self.awaits_key = true;
        self
    }

    pub(crate) fn state(&self) -> RowState {
        self.state
    }

    pub(crate) fn hints(&self) -> &Hints {
        &self.hints
    }

    pub(crate) fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == RowState::Ready
    }

    pub(crate) fn flaw(&self) -> Option<KeyFlaw> {
        self.flaw
    }

    pub(crate) fn awaits_key(&self) -> bool {
        self.awaits_key
    }
}

/// All ten, by name: a matrix that lacks a row cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub gpg_binary: Finding,
    pub gpg_mechanism: Finding,
    pub backup_key: Finding,
    pub pg_dump: Finding,
    pub database: Finding,
    pub target_tables: Finding,
    pub restore_closure: Finding,
    pub store: Finding,
    pub backup_runner: Finding,
    pub pre_write_backup_seam: Finding,
}

/// One row as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row<'a> {
    pub component: &'static str,
    pub state: RowState,
    pub evidence: &'a [Evidence],
    /// Lines for a shell: commands, and `#` before what a person must do.
    pub hint: Option<String>,
}

impl Matrix {
    /// In their order.
    pub(crate) fn rows(&self) -> [Row<'_>; 10] {
        self.named().map(|(component, finding)| Row {
            component,
            state: finding.state,
            evidence: &finding.evidence,
            hint: finding.hints.script(),
        })
    }

    pub(crate) fn findings(&self) -> [&Finding; 10] {
        self.named().map(|(_, finding)| finding)
    }

    /// With the settings that were given in each hint that is a command of ours.
    pub(crate) fn given(mut self, given: &Given) -> Matrix {
        for finding in [
            &mut self.gpg_binary,
            &mut self.gpg_mechanism,
            &mut self.backup_key,
            &mut self.pg_dump,
            &mut self.database,
            &mut self.target_tables,
            &mut self.restore_closure,
            &mut self.store,
            &mut self.backup_runner,
            &mut self.pre_write_backup_seam,
        ] {
            finding.hints = std::mem::take(&mut finding.hints).completed(given);
        }
        self
    }

    fn named(&self) -> [(&'static str, &Finding); 10] {
        [
            ("gpg_binary", &self.gpg_binary),
            ("gpg_mechanism", &self.gpg_mechanism),
            ("backup_key", &self.backup_key),
            ("pg_dump", &self.pg_dump),
            ("database", &self.database),
            ("target_tables", &self.target_tables),
            ("restore_closure", &self.restore_closure),
            ("store", &self.store),
            ("backup_runner", &self.backup_runner),
            ("pre_write_backup_seam", &self.pre_write_backup_seam),
        ]
    }
}

impl Serialize for Matrix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.rows();
        let mut seq = serializer.serialize_seq(Some(rows.len()))?;
        for row in &rows {
            seq.serialize_element(row)?;
        }
        seq.end()
    }
}
