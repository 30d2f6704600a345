//! The store's runs as a table.

use crate::base::text::{bytes, padded, plain, thousands};
use crate::report::print::Report;
use crate::report::scope::by_scope;
use crate::store::folder::Store;
use crate::store::listing::{Run, RunState};
use crate::store::manifest::RunScope;
use jiff::Timestamp;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    pub store: String,
    pub runs: Vec<Line>,
}

/// One run as it is told.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub run_id: String,
    pub state: RunState,
    /// What is wrong, where it is not complete.
    pub detail: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: Option<String>,
    pub age_seconds: Option<i64>,
    /// Of all its files.
    pub size_bytes: u64,
    /// Null where no manifest tells.
    pub rows: Option<u64>,
    /// Those that store rows.
    pub tables: Option<usize>,
    /// Primary fingerprints.
    pub recipients: Vec<String>,
    pub artifact: Option<String>,
    /// Null where no manifest tells.
    pub scope: Option<RunScope>,
    /// Whether a signature lies beside the manifest; whose it is, and of what, was not looked at.
    pub signed: bool,
    /// Whether a second mark lies beside it; whether it is proved was not looked at.
    pub second_mark: bool,
    /// The run that was to be undone after this backup, which was taken for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_undo_of: Option<String>,
}

impl Line {
    pub(crate) fn of(run: &Run, store: &Store, now: Timestamp) -> Line {
        let manifest = run.manifest.as_ref();
        let recipients = manifest
            .map(|m| m.recipients.as_slice())
            .unwrap_or_default();
        Line {
            run_id: run.id.to_string(),
            state: run.state,
            detail: run.why.clone(),
            created_at: run
                .created
                .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            age_seconds: run.created.map(|at| now.as_second() - at.as_second()),
            size_bytes: run.bytes(),
            rows: manifest.map(|m| m.rows()),
            tables: manifest.map(|m| m.stored().count()),
            recipients: recipients.iter().map(|r| r.fingerprint.clone()).collect(),
            artifact: run
                .artifact()
                .map(|name| store.path(name).display().to_string()),
            scope: run.scope(),
            signed: run.signed(),
            second_mark: run.has_second_mark(),
            before_undo_of: manifest.and_then(|m| m.undo_of.clone()),
        }
    }
}

impl Report for Listing {
    fn text(&self) -> String {
        let store = plain(&self.store);
        if self.runs.is_empty() {
            return format!("the store `{store}` is empty\n");
        }
        let head = ["RUN", "STATE", "SIGNED", "AGE", "SIZE", "ROWS"].map(String::from);
        let width = |at: usize| {
            let cells = self.runs.iter().map(|line| cells(line)[at].width());
            cells.chain([head[at].width()]).max().unwrap_or(0)
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        let row = |[run, state, signed, age, size, count]: [String; 6]| {
            let [w0, w1, w2, w3, w4, w5] = widths;
            let [run, state] = [padded(&run, w0), padded(&state, w1)];
            format!("  {run}  {state}  {signed:<w2$}  {age:>w3$}  {size:>w4$}  {count:>w5$}\n")
        };
        let mut out = row(head.clone());
        for group in by_scope(self.runs.iter(), |line| line) {
            out += &group.heading;
            out += &keys(&group.members);
            for line in group.members {
                out += &row(cells(line));
                if let Some(detail) = &line.detail {
                    out += &format!("    {}\n", plain(detail));
                }
                if let Some(of) = &line.before_undo_of {
                    out += &format!("    taken before an undo of {}\n", plain(of));
                }
            }
        }
        out
    }
}

fn cells(line: &Line) -> [String; 6] {
    let unknown = || "?".to_string();
    [
        line.run_id.clone(),
        line.state.as_str().into(),
        if line.signed { "yes" } else { "no" }.into(),
        line.age_seconds.map_or_else(unknown, age),
        bytes(line.size_bytes),
        line.rows.map_or_else(unknown, thousands),
    ]
}

/// For which keys the runs are, a line for each list of recipients.
fn keys(lines: &[&Line]) -> String {
    let mut told: Vec<&[String]> = Vec::new();
    for line in lines.iter().filter(|line| !line.recipients.is_empty()) {
        if !told.contains(&line.recipients.as_slice()) {
            told.push(&line.recipients);
        }
    }
    let line = |keys: &[String]| match keys {
        [one] => format!("  for key {}\n", plain(one)),
        [first, more @ ..] => format!("  for key {} and {} more\n", plain(first), more.len()),
        [] => String::new(),
    };
    told.into_iter().map(line).collect()
}

/// `12s`, `34m`, `5h`, `67d`.
pub(crate) fn age(seconds: i64) -> String {
    match seconds {
        ..0 => "in the future".into(),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn ages() {
        each(
            [
                (-1, "in the future"),
                (0, "0s"),
                (3599, "59m"),
                (90_000, "25h"),
                (172_800, "2d"),
            ],
            |(seconds, want)| {
                assert_eq!(age(seconds), want);
            },
        );
    }
}
