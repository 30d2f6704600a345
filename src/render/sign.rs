//! Which runs were signed, and why the others were not.

use super::term::plain;
use super::verify::findings;
use crate::commands::sign::Report;

pub(crate) fn text(report: &Report) -> String {
    let mut out = String::new();
    for run in &report.runs {
        let what = match &run.signature {
            Some(file) => format!("signed, {file}"),
            None => "not signed".into(),
        };
        out += &format!("run {}: {}\n\n", plain(&run.run_id), plain(&what));
        out += &findings(&run.checks);
        out.push('\n');
    }
    out + &format!("SIGN: {}\n", report.result.as_str())
}
