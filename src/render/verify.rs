//! What was proved of an artifact.

use super::term::plain;
use crate::verify::{Finding, Findings, Report, Standing};

pub(crate) fn text(report: &Report) -> String {
    let run = match &report.run_id {
        Some(run_id) => format!("run {run_id}: "),
        None => String::new(),
    };
    let mut out = format!("{}{}\n\n", plain(&run), plain(&report.artifact));
    out += &findings(&report.checks);
    out + &format!("\nVERIFY: {}\n", report.result.as_str())
}

pub(super) fn findings(checks: &Findings) -> String {
    let width = checks.all().iter().map(|f| f.check.len()).max();
    let lines = checks.all().iter().map(|f| line(f, width.unwrap_or(0)));
    lines.collect()
}

fn line(finding: &Finding, width: usize) -> String {
    let mark = match finding.standing {
        Standing::Proved => "ok",
        Standing::Failed => "FAIL",
        Standing::NotProved => "--",
    };
    let label = format!("{}:", finding.check);
    let width = width + 1;
    format!("  [{mark:^4}] {label:<width$} {}\n", plain(&finding.detail))
}
