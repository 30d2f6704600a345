//! What was found: data and one fold. How it is said is `render`'s.

use crate::base::exit::Exit;
use crate::base::text::plain;
use crate::base::version::Version;
use crate::report::judgement::Judgement;
use crate::report::matrix::Matrix;
use crate::report::print::Report;
use crate::report::verify::HEAD;
use serde::Serialize;

/// What `readiness` and `preflight` tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Readiness {
    pub schema: &'static str,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub host: String,
    pub pgseal_version: &'static str,
    /// The configured tables.
    pub tables: Vec<String>,
    /// Of those that are there.
    pub estimates: Vec<TableEstimate>,
    pub rows: Matrix,
    pub verdict: Judgement,
    pub gpg_mechanism_proof: Option<MechanismProof>,
    /// Where a canary passphrase was looked for.
    pub searched: Vec<String>,
}

/// How large a table is, with its partitions and children, as the catalog has it from the last ANALYZE or
/// VACUUM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TableEstimate {
    pub table: String,
    pub rows: u64,
    pub bytes: u64,
}

/// One thing that was tried, and whether it came out as it must.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    pub name: &'static str,
    pub passed: bool,
    /// What was seen, with its numbers.
    pub detail: String,
    /// What was run, if a command was.
    pub argv: Option<Vec<String>>,
}

/// Whether the canary was seen anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Exposed {
    None,
    Found,
    Unknown,
}

impl Exposed {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Exposed::None => "NONE",
            Exposed::Found => "FOUND",
            Exposed::Unknown => "UNKNOWN",
        }
    }
}

/// The proof that gpg does on this host what a backup needs of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MechanismProof {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    pub result: Verdict,
    pub gpg: Version,
    pub libgcrypt: String,
    /// Of the throw-away key: primary and encryption subkey.
    pub key: String,
    pub compression: String,
    pub sample_bytes: usize,
    pub ciphertext_bytes: usize,
    pub steps: Vec<Step>,
    pub secrets_exposed: Exposed,
    /// Where the canary was looked for.
    pub searched: Vec<String>,
}

/// A proof, step by step, for a person.
impl Report for MechanismProof {
    fn text(&self) -> String {
        let mut out = format!(
            "{HEAD}gpg {} ({}), libgcrypt {}\nthrow-away key: {}\ncompression: {}\n\n",
            plain(&self.gpg.version),
            plain(&self.gpg.path),
            plain(&self.libgcrypt),
            plain(&self.key),
            self.compression
        );
        for step in &self.steps {
            let mark = if step.passed { "ok" } else { "FAIL" };
            out += &format!("  [{mark:^4}] {}: {}\n", step.name, plain(&step.detail));
        }
        out + &format!("\nGPG_MECHANISM_PROOF: {}\n", self.result.as_str())
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Verdict {
    Pass,
    Fail,
}

impl Verdict {
    /// Nothing tried is nothing proved.
    pub(crate) fn of(steps: &[Step]) -> Verdict {
        Verdict::pass_if(!steps.is_empty() && steps.iter().all(|step| step.passed))
    }

    pub(crate) fn pass_if(passed: bool) -> Verdict {
        if passed { Verdict::Pass } else { Verdict::Fail }
    }

    pub(crate) fn exit(self) -> Exit {
        match self {
            Verdict::Pass => Exit::Yes,
            Verdict::Fail => Exit::No,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_not_a_pass() {
        let step = |passed| Step {
            name: "x",
            passed,
            detail: String::new(),
            argv: None,
        };
        assert_eq!(Verdict::of(&[]), Verdict::Fail);
        assert_eq!(Verdict::of(&[step(true), step(false)]), Verdict::Fail);
        assert_eq!(Verdict::of(&[step(true)]), Verdict::Pass);
    }
}
