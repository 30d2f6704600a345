//! Lines that the reports of `diff` and `undo` have in common.

use crate::base::text::{padded, plain, thousands};
use crate::report::diff::StructureLine;
use crate::report::findings::{CheckStatus, Findings};
use unicode_width::UnicodeWidthStr;

/// A table's line: its name, and numbers.
pub(crate) fn cells(name: &str, numbers: &[u64]) -> Vec<String> {
    let numbers = numbers.iter().copied().map(thousands);
    [plain(name)].into_iter().chain(numbers).collect()
}

/// The head and the lines, each column as wide as it must be: names to the left, numbers to the right.
pub(crate) fn columns(head: &[&str], lines: Vec<Vec<String>>) -> Vec<String> {
    let head = head.iter().map(|word| (*word).to_string()).collect();
    let mut all: Vec<Vec<String>> = vec![head];
    all.extend(lines);
    let mut widths: Vec<usize> = vec![0];
    for line in &all {
        widths.resize(widths.len().max(line.len()), 6);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.width().max(*width);
        }
    }
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).enumerate();
        let cells = cells.map(|(at, (text, width))| match at {
            0 => padded(text, *width),
            _ => format!("  {text:>width$}"),
        });
        cells.collect::<String>().trim_end().to_string() + "\n"
    };
    all.iter().map(line).collect()
}

pub(crate) fn structure_lines(lines: &[StructureLine]) -> String {
    let line =
        |line: &StructureLine| format!("schema  {}: {}\n", plain(&line.object), plain(&line.what));
    lines.iter().map(line).collect()
}

/// The notes of a report, and the checks that did not prove anything. All others proved what they are
/// about, or there would be no report.
pub(crate) fn note_lines(notes: &[String], checks: &Findings) -> String {
    let notes = notes.iter().map(|note| format!("note: {}\n", plain(note)));
    let unproved = checks.all().iter();
    let unproved = unproved.filter(|check| check.standing != CheckStatus::Proved);
    let unproved =
        unproved.map(|check| format!("note: {}: {}\n", check.check, plain(&check.detail)));
    notes.chain(unproved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_whatever_the_letters() {
        let lines = vec![cells("a.表表表", &[1, 12_345_678]), cells("a.b", &[1, 2])];
        let told = [
            "table       then         now\n",
            "a.表表表       1  12,345,678\n",
            "a.b            1           2\n",
        ];
        assert_eq!(columns(&["table", "then", "now"], lines), told);
    }
}
