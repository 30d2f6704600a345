//! The store's runs as a table, and what a pruning does to them.

use crate::base::text::{bytes, counted, plain, thousands};
use crate::report::print::Report;
use crate::store::folder::Store;
use crate::store::listing::{Run, RunState};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    pub schema: &'static str,
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
    /// Whether a signature lies beside the manifest; whose it is, and of what, was not looked at.
    pub signed: bool,
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
            signed: run.signed(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Pruning {
    pub schema: &'static str,
    pub store: String,
    /// False: nothing was removed, this is what would be.
    pub applied: bool,
    pub keep: Vec<Kept>,
    pub remove: Vec<Line>,
    /// Not complete, so not ours to judge: left where they are.
    pub reported: Vec<Line>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Kept {
    pub why: &'static str,
    pub run: Line,
}

impl Report for Listing {
    fn text(&self) -> String {
        let store = plain(&self.store);
        if self.runs.is_empty() {
            return format!("the store `{store}` is empty\n");
        }
        let mut rows = vec![
            [
                "RUN", "STATE", "SIGNED", "CREATED", "AGE", "SIZE", "ROWS", "FOR KEY",
            ]
            .map(String::from),
        ];
        rows.extend(self.runs.iter().map(cells));
        let width = |at: usize| {
            rows.iter()
                .map(|row| row[at].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; 8] = std::array::from_fn(width);
        let mut out = String::new();
        for (at, row) in rows.iter().enumerate() {
            let [run, state, signed, created, age, size, count, key] = row;
            let [w0, w1, w2, w3, w4, w5, w6, _] = widths;
            let line = format!(
                "{run:<w0$}  {state:<w1$}  {signed:<w2$}  {created:<w3$}  {age:>w4$}  {size:>w5$}  {count:>w6$}  {key}"
            );
            out += &format!("{}\n", line.trim_end());
            let detail = at
                .checked_sub(1)
                .and_then(|at| self.runs[at].detail.as_ref());
            if let Some(detail) = detail {
                out += &format!("  {}\n", plain(detail));
            }
        }
        out
    }
}

fn cells(line: &Line) -> [String; 8] {
    let unknown = || "?".to_string();
    let key = match &line.recipients[..] {
        [] => unknown(),
        [one] => one.clone(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
    };
    [
        line.run_id.clone(),
        line.state.as_str().into(),
        if line.signed { "yes" } else { "no" }.into(),
        line.created_at.clone().unwrap_or_else(unknown),
        line.age_seconds.map_or_else(unknown, age),
        bytes(line.size_bytes),
        line.rows.map_or_else(unknown, thousands),
        key,
    ]
    .map(|cell| plain(&cell))
}

/// `12s`, `34m`, `5h`, `67d`.
fn age(seconds: i64) -> String {
    match seconds {
        ..0 => "in the future".into(),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

impl Report for Pruning {
    fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |what: &str, line: &Line, why: &str| {
            let age = line.age_seconds.map_or_else(|| "?".into(), age);
            let size = bytes(line.size_bytes);
            out += &format!(
                "{what:<12} {}  {age}, {size}{}\n",
                plain(&line.run_id),
                plain(why)
            );
        };
        for run in &self.reported {
            let detail = run.detail.as_deref().unwrap_or_default();
            let why = format!(": {}, {detail}", run.state.as_str());
            line("left alone", run, &why);
        }
        let remove = if self.applied {
            "removed"
        } else {
            "would remove"
        };
        for run in &self.remove {
            line(remove, run, "");
        }
        for kept in &self.keep {
            line("kept", &kept.run, &format!(": {}", kept.why));
        }
        let freed = self.remove.iter().map(|run| run.size_bytes).sum();
        let count = self.remove.len();
        out += &match (count, self.applied) {
            (0, _) => "nothing to remove\n".to_string(),
            (n, true) => format!("{} removed, {} freed\n", counted(n, "run"), bytes(freed)),
            (n, false) => format!(
                "{} and {} would be removed; nothing was, give --apply\n",
                counted(n, "run"),
                bytes(freed)
            ),
        };
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (seconds, want) in [
            (-1, "in the future"),
            (0, "0s"),
            (3599, "59m"),
            (90_000, "25h"),
            (172_800, "2d"),
        ] {
            assert_eq!(age(seconds), want);
        }
    }
}
