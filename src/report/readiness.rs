//! The readiness matrix for a terminal.

use crate::report::matrix::{Evidence, EvidenceKind};
use crate::report::proof::Readiness;
use crate::report::style::TerminalStyle;

const COMPONENT: usize = 22;
const STATE: usize = 8;

/// A row with its evidence beside it; argv is in `--json` and in the Markdown report.
pub(crate) fn table(found: &Readiness, look: &TerminalStyle) -> String {
    let mut out = format!("{:<COMPONENT$} {:<STATE$} EVIDENCE\n", "COMPONENT", "STATE");
    let indent = COMPONENT + STATE + 2;
    for row in found.rows.rows() {
        let mut lines: Vec<String> = Vec::new();
        for evidence in row.evidence {
            lines.extend(look.wrapped(indent, &look.safe(&said(evidence))));
        }
        for (at, hint) in row.hint.as_deref().unwrap_or_default().lines().enumerate() {
            let label = if at == 0 { "hint:" } else { "     " };
            lines.extend(look.wrapped(indent, &look.safe(&format!("{label} {hint}"))));
        }
        let mut lines = lines.into_iter();
        out += &format!(
            "{:<COMPONENT$} {} {}\n",
            row.component,
            look.state(row.state, STATE),
            lines.next().unwrap_or_default()
        );
        for line in lines {
            out += &format!("{:indent$}{line}\n", "");
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
    out
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
