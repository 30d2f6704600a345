//! Which runs were signed, and why the others were not.

use crate::base::exit::Exit;
use crate::base::text::plain;
use crate::report::findings::Findings;
use crate::report::print::Report;
use crate::report::proof::Verdict;
use crate::report::verify::{HEAD, findings};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct SignReport {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    /// PASS where every run is signed.
    pub result: Verdict,
    pub store: String,
    /// Primary fingerprint of the signing key.
    pub signing_key: String,
    pub runs: Vec<SignedRun>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SignedRun {
    pub run_id: String,
    pub result: Verdict,
    /// The file that was written; null where the run was refused.
    pub signature: Option<String>,
    pub checks: Findings,
}

impl Report for SignReport {
    fn text(&self) -> String {
        let mut out = HEAD.to_string();
        for run in &self.runs {
            let what = match &run.signature {
                Some(file) => format!("signed, {file}"),
                None => "not signed".into(),
            };
            out += &format!("run {}: {}\n\n", plain(&run.run_id), plain(&what));
            out += &findings(&run.checks);
            out.push('\n');
        }
        out + &format!("SIGN: {}\n", self.result.as_str())
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}
