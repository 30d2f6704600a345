//! What was proved, what was not, and what turned out to be wrong.

use crate::report::proof::Verdict;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CheckStatus {
    Proved,
    Failed,
    NotProved,
}

/// One question about an artifact, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub check: &'static str,
    pub standing: CheckStatus,
    pub detail: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Findings(Vec<Check>);

impl Findings {
    pub(crate) fn add(&mut self, check: &'static str, standing: CheckStatus, detail: String) {
        self.0.push(Check {
            check,
            standing,
            detail,
        });
    }

    pub(crate) fn extend(&mut self, more: &Findings) {
        self.0.extend_from_slice(&more.0);
    }

    /// A check that must come out right.
    pub(crate) fn record(&mut self, check: &'static str, how: Result<String, String>) -> bool {
        let (standing, detail) = match how {
            Ok(detail) => (CheckStatus::Proved, detail),
            Err(why) => (CheckStatus::Failed, why),
        };
        self.add(check, standing, detail);
        standing == CheckStatus::Proved
    }

    /// Not asked for, or not possible: it is said, and no reproach.
    pub(crate) fn record_not_checked(&mut self, check: &'static str, detail: &str) {
        self.add(check, CheckStatus::NotProved, detail.into());
    }

    pub(crate) fn all(&self) -> &[Check] {
        &self.0
    }

    /// `check: detail` of each that is wrong.
    pub(crate) fn failed(&self) -> Vec<String> {
        let failed = self.0.iter().filter(|f| f.standing == CheckStatus::Failed);
        failed
            .map(|f| format!("{}: {}", f.check, f.detail))
            .collect()
    }

    pub(crate) fn proved(&self, check: &str) -> bool {
        let proved = |f: &Check| f.check == check && f.standing == CheckStatus::Proved;
        self.0.iter().any(proved)
    }

    /// Nothing proved is no pass.
    pub(crate) fn verdict(&self) -> Verdict {
        let proved = self.0.iter().any(|f| f.standing == CheckStatus::Proved);
        Verdict::pass_if(proved && self.failed().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_proved_is_no_pass() {
        let mut findings = Findings::default();
        assert_eq!(findings.verdict(), Verdict::Fail);
        findings.record_not_checked("origin", "not proved");
        assert_eq!(findings.verdict(), Verdict::Fail);
        findings.record("size", Ok("1 byte".into()));
        assert_eq!(findings.verdict(), Verdict::Pass);
        findings.record("sha256", Err("differs".into()));
        assert_eq!(findings.verdict(), Verdict::Fail);
        assert_eq!(findings.failed(), ["sha256: differs"]);
    }
}
