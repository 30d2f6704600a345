//! What was proved, what was not, and what turned out to be wrong.

use crate::base::hint::Hints;
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
pub(crate) struct Findings {
    checks: Vec<Check>,
    /// What helps where one of them failed, if that is known.
    #[serde(skip)]
    advice: Hints,
}

impl Findings {
    pub(crate) fn add(&mut self, check: &'static str, standing: CheckStatus, detail: String) {
        self.checks.push(Check {
            check,
            standing,
            detail,
        });
    }

    pub(crate) fn extend(&mut self, more: &Findings) {
        self.checks.extend_from_slice(&more.checks);
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

    /// Says what helps where what was recorded last is wrong.
    pub(crate) fn advise(&mut self, advice: impl Into<Hints>) {
        if self.advice.is_empty() {
            self.advice = advice.into();
        }
    }

    pub(crate) fn advice(&self) -> &Hints {
        &self.advice
    }

    /// Not asked for, or not possible: it is said, and no reproach.
    pub(crate) fn record_not_checked(&mut self, check: &'static str, detail: &str) {
        self.add(check, CheckStatus::NotProved, detail.into());
    }

    pub(crate) fn all(&self) -> &[Check] {
        &self.checks
    }

    /// `check: detail` of each that is wrong.
    pub(crate) fn failed(&self) -> Vec<String> {
        let failed = self
            .checks
            .iter()
            .filter(|f| f.standing == CheckStatus::Failed);
        failed
            .map(|f| format!("{}: {}", f.check, f.detail))
            .collect()
    }

    pub(crate) fn proved(&self, check: &str) -> bool {
        let proved = |f: &Check| f.check == check && f.standing == CheckStatus::Proved;
        self.checks.iter().any(proved)
    }

    /// Nothing proved is no pass.
    pub(crate) fn verdict(&self) -> Verdict {
        let proved = self
            .checks
            .iter()
            .any(|f| f.standing == CheckStatus::Proved);
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
