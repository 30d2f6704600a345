//! What came of a run.

use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

pub struct Ran {
    pub(super) shown: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ran {
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| -self.status.signal().unwrap_or(0))
    }

    pub fn whole(&self) -> String {
        format!(
            "{}\n{}\n--- stdout\n{}--- stderr\n{}",
            self.shown, self.status, self.stdout, self.stderr
        )
    }

    #[track_caller]
    pub fn check(&self, holds: bool, what: &str) {
        assert!(holds, "{what}\n{}", self.whole());
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        self.check(self.code() == code, &format!("the status must be {code}"));
        self
    }

    /// It failed as it should: nothing on standard output, one error, and all these words in it.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Ran {
        let ran = self.exits(code);
        ran.check(ran.stdout.is_empty(), "standard output must be empty");
        let errors = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "));
        ran.check(errors.count() == 1, "there must be one line of error");
        ran.says(words)
    }

    #[track_caller]
    pub fn says(self, words: &[&str]) -> Ran {
        for word in words {
            self.check(self.stderr.contains(word), &format!("it must say {word:?}"));
        }
        self
    }

    /// It sealed a backup: one line, four keys.
    #[track_caller]
    pub fn envelope(&self) -> Value {
        self.check(self.code() == 0, "the status must be 0");
        self.check(
            self.stdout.ends_with('\n') && self.stdout.matches('\n').count() == 1,
            "there must be one line",
        );
        let envelope: Value = serde_json::from_str(&self.stdout).unwrap();
        let keys: Vec<&String> = envelope.as_object().unwrap().keys().collect();
        let four = ["artifact_ref", "gpg_fpr", "sha256", "size_bytes"];
        self.check(keys == four, "there must be four keys");
        envelope
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}\n{}", self.whole()))
    }
}
