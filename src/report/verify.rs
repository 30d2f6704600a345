//! What was proved of an artifact.

use crate::base::exit::Exit;
use crate::base::text::plain;
use crate::report::findings::{Check, CheckStatus, Findings, VerifyReport};
use crate::report::print::Report;

impl Report for VerifyReport {
    fn text(&self) -> String {
        let run = match &self.run_id {
            Some(run_id) => format!("run {run_id}: "),
            None => String::new(),
        };
        let mut out = format!("{}{}\n\n", plain(&run), plain(&self.artifact));
        out += &findings(&self.checks);
        out + &format!("\nVERIFY: {}\n", self.result.as_str())
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}

pub(crate) fn findings(checks: &Findings) -> String {
    let width = checks.all().iter().map(|f| f.check.len()).max();
    let lines = checks.all().iter().map(|f| line(f, width.unwrap_or(0)));
    lines.collect()
}

fn line(finding: &Check, width: usize) -> String {
    let mark = match finding.standing {
        CheckStatus::Proved => "ok",
        CheckStatus::Failed => "FAIL",
        CheckStatus::NotProved => "--",
    };
    let label = format!("{}:", finding.check);
    let width = width + 1;
    format!("  [{mark:^4}] {label:<width$} {}\n", plain(&finding.detail))
}
