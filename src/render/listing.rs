//! The store's runs as a table, and what a pruning does to them.

use super::term::{bytes, plain, thousands};
use crate::commands::list::{Line, Listing};
use crate::commands::prune::Pruning;

pub(crate) fn text(listing: &Listing) -> String {
    let store = plain(&listing.store);
    if listing.runs.is_empty() {
        return format!("the store `{store}` is empty\n");
    }
    let mut rows = vec![
        [
            "RUN", "STATE", "SIGNED", "CREATED", "AGE", "SIZE", "ROWS", "FOR KEY",
        ]
        .map(String::from),
    ];
    rows.extend(listing.runs.iter().map(cells));
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
            .and_then(|at| listing.runs[at].detail.as_ref());
        if let Some(detail) = detail {
            out += &format!("  {}\n", plain(detail));
        }
    }
    out
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

pub(crate) fn pruning(pruning: &Pruning) -> String {
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
    for run in &pruning.reported {
        let detail = run.detail.as_deref().unwrap_or_default();
        let why = format!(": {}, {detail}", run.state.as_str());
        line("left alone", run, &why);
    }
    let remove = if pruning.applied {
        "removed"
    } else {
        "would remove"
    };
    for run in &pruning.remove {
        line(remove, run, "");
    }
    for kept in &pruning.keep {
        line("kept", &kept.run, &format!(": {}", kept.why));
    }
    let freed = pruning.remove.iter().map(|run| run.size_bytes).sum();
    let count = pruning.remove.len();
    out += &match (count, pruning.applied) {
        (0, _) => "nothing to remove\n".to_string(),
        (_, true) => format!("{count} runs removed, {} freed\n", bytes(freed)),
        (_, false) => format!(
            "{count} runs and {} would be removed; nothing was, give --apply\n",
            bytes(freed)
        ),
    };
    out
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
