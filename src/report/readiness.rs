//! The readiness matrix for a terminal.

use crate::base::text::split_at_width;
use crate::report::matrix::{Evidence, EvidenceKind, Row};
use crate::report::proof::Readiness;
use crate::report::row_state::RowState;
use crate::report::style::TerminalStyle;

const COMPONENT: usize = 22;
const STATE: usize = 8;
const INDENT: usize = COMPONENT + STATE + 2;

/// How much of each row is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What it rests on, in one line, or why it is not READY; and warnings.
    Reason,
    /// And hints; argv is in `--json` and in the Markdown report.
    AllEvidence,
}

/// The matrix, the verdict, and the command lines that tell more.
pub(crate) fn table(
    found: &Readiness,
    detail: Detail,
    more: &[String],
    look: &TerminalStyle,
) -> String {
    let heading = match detail {
        Detail::Reason => "REASON",
        Detail::AllEvidence => "EVIDENCE",
    };
    let mut out = format!(
        "{:<COMPONENT$} {:<STATE$} {heading}\n",
        "COMPONENT", "STATE"
    );
    for row in found.rows.rows() {
        let lines = match detail {
            Detail::Reason => reason(&row, look),
            Detail::AllEvidence => evidence(&row, look),
        };
        let mut lines = lines.into_iter();
        out += &format!(
            "{:<COMPONENT$} {} {}\n",
            row.component,
            look.state(row.state, STATE),
            lines.next().unwrap_or_default()
        );
        for line in lines {
            out += &format!("{:INDENT$}{line}\n", "");
        }
    }
    out.push('\n');
    out += &found.verdict.text();
    if !found.searched.is_empty() {
        let searched = format!(
            "a canary passphrase was searched for in {}",
            found.searched.join("; ")
        );
        out.push('\n');
        for line in look.wrapped(0, &look.safe(&searched)) {
            out += &format!("{line}\n");
        }
    }
    if !more.is_empty() {
        out.push('\n');
    }
    for line in more {
        out += &format!("{}\n", look.safe(line));
    }
    out
}

/// What is fine takes one line; what is not is told whole.
fn reason(row: &Row, look: &TerminalStyle) -> Vec<String> {
    let first = row.evidence.first().map(brief).unwrap_or_default();
    let mut lines = look.wrapped(INDENT, &look.safe(&first));
    if row.state == RowState::Ready && lines.len() > 1 {
        lines.truncate(1);
        let most = look.width.saturating_sub(INDENT + 4);
        lines[0] = look.safe(&format!("{} …", split_at_width(&lines[0], most).0));
    }
    let warnings = row.evidence.iter().skip(1);
    for warning in warnings.filter(|e| e.kind == EvidenceKind::Warning) {
        lines.extend(look.wrapped(INDENT, &look.safe(&said(warning))));
    }
    lines
}

fn evidence(row: &Row, look: &TerminalStyle) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for evidence in row.evidence {
        lines.extend(look.wrapped(INDENT, &look.safe(&said(evidence))));
    }
    for (at, hint) in row.hint.as_deref().unwrap_or_default().lines().enumerate() {
        let label = if at == 0 { "hint:" } else { "     " };
        lines.extend(look.wrapped(INDENT, &look.safe(&format!("{label} {hint}"))));
    }
    lines
}

/// Without the program that was run.
fn brief(evidence: &Evidence) -> String {
    match evidence.kind {
        EvidenceKind::Run => evidence.answer.clone(),
        _ => said(evidence),
    }
}

/// One piece of evidence, short.
pub(crate) fn said(evidence: &Evidence) -> String {
    match (evidence.kind, &evidence.argv, &evidence.source) {
        (EvidenceKind::Warning, _, _) => format!("warning: {}", evidence.answer),
        (EvidenceKind::Run, Some(argv), _) => match argv.first() {
            Some(program) => format!("{program}: {}", evidence.answer),
            None => evidence.answer.clone(),
        },
        (EvidenceKind::Read, _, Some(source)) => format!("{source}: {}", evidence.answer),
        _ => evidence.answer.clone(),
    }
}
