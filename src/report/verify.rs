//! What was proved of an artifact.

use crate::base::exit::Exit;
use crate::base::text::plain;
use crate::report::findings::{Check, CheckStatus, Findings};
use crate::report::print::Report;
use crate::report::proof::Verdict;
use serde::Serialize;

/// What `verify` has to say of one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct VerifyReport {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    pub result: Verdict,
    pub run_id: Option<String>,
    pub artifact: String,
    /// Null where there is none: an orphan.
    pub manifest: Option<String>,
    /// As read now; null where it is larger than the manifest says, and so was not.
    pub sha256: Option<String>,
    pub size_bytes: Option<u64>,
    /// RFC 3339, UTC; null where there is no second mark that can be relied on.
    pub command_ended_at: Option<String>,
    pub checks: Findings,
}

pub(crate) const SCHEMA: &str = "pgseal/verify/1";

impl Report for VerifyReport {
    fn text(&self) -> String {
        let run = match &self.run_id {
            Some(run_id) => format!("run {run_id}: "),
            None => String::new(),
        };
        let artifact = plain(&self.artifact);
        let ending = ending(&self.checks, "VERIFY", self.result);
        format!("{HEAD}{}{artifact}\n{ending}", plain(&run))
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}

/// What every report of checks begins with: who made it.
pub(crate) const HEAD: &str = concat!("pgseal ", env!("CARGO_PKG_VERSION"), "\n");

/// What every report of checks ends with: the checks, and the answer under the verb's name.
pub(crate) fn ending(checks: &Findings, verb: &str, result: Verdict) -> String {
    format!("\n{}\n{verb}: {}\n", findings(checks), result.as_str())
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
