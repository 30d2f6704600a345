//! The operator's checklist.

use crate::report::matrix::EvidenceKind;
use crate::report::proof::Readiness;
use crate::report::readiness::said;
use crate::report::row_state::RowState;
use crate::report::style::TerminalStyle;

/// Under each `[ ]` what is wrong and, ready to be pasted, what mends it.
pub(crate) fn checklist(found: &Readiness, look: &TerminalStyle) -> String {
    let mut out = String::new();
    for row in found.rows.rows() {
        let ready = row.state == RowState::Ready;
        let (mark, state) = if ready {
            (look.colored("[x]", 32), String::new())
        } else {
            (look.colored("[ ]", 31), format!("{}: ", row.state.as_str()))
        };
        let first = row.evidence.first().map(said).unwrap_or_default();
        let text = look.safe(&format!("{}: {state}{first}", row.component));
        for (at, line) in look.wrapped(4, &text).iter().enumerate() {
            match at {
                0 => out += &format!("{mark} {line}\n"),
                _ => out += &format!("    {line}\n"),
            }
        }
        let warnings = row.evidence.iter().skip(1);
        for warning in warnings.filter(|e| e.kind == EvidenceKind::Warning) {
            for line in look.wrapped(6, &look.safe(&said(warning))) {
                out += &format!("      {line}\n");
            }
        }
        if !ready {
            // Never wrapped: it is to be pasted as it is.
            for line in row.hint.as_deref().unwrap_or_default().lines() {
                out += &format!("      {}\n", look.safe(line));
            }
        }
    }
    out.push('\n');
    out += &found.verdict.text();
    out
}
