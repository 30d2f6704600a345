//! What a statement of a dump changes: the relation that must have come with the dump itself.

use super::words::{Statement, Word, qualified};
use crate::names::TableName;

fn begins(statement: &Statement, first: &str, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| statement.begins(&[first, kind]))
}

/// `None` where it names none that could be told: then it may not pass.
pub(super) fn changed(statement: &Statement) -> Option<TableName> {
    let words = &statement.words[..];
    let object = |at: usize| qualified(&words[at.min(words.len())..]);
    // A partition may join a parent that was there before: then the parent is what is changed.
    let partition = words
        .windows(2)
        .position(|w| w[0].is("attach") && w[1].is("partition"));
    let behind = |keyword: &str| {
        let at = words.iter().position(|word| word.is(keyword))? + 1;
        object(at + usize::from(words.get(at).is_some_and(|word| word.is("only"))))
    };
    let begins = |first: &str, kinds: &[&str]| begins(statement, first, kinds);
    if let Some(at) = partition {
        object(at + 2)
    } else if begins(
        "create",
        &["index", "unique", "trigger", "constraint", "policy"],
    ) {
        behind("on")
    } else if begins("create", &["rule"]) {
        behind("to")
    } else if begins("create", &["statistics"]) {
        behind("from")
    } else if begins("alter", &["index"]) {
        object(2)
    } else if begins("alter", &["publication"]) {
        behind("table")
    } else if statement.begins(&["comment", "on"]) {
        match words.get(2).is_some_and(|kind| {
            ["constraint", "trigger", "policy", "rule"]
                .iter()
                .any(|k| kind.is(k))
        }) {
            true => words[3..]
                .iter()
                .position(|word| word.is("on"))
                .and_then(|at| object(at + 4)),
            false => object(3),
        }
    } else if statement.begins(&["security", "label"]) {
        let on = words.iter().position(|word| word.is("on"));
        on.and_then(|at| object(at + 2))
    } else if statement.begins(&["alter", "table", "only"]) {
        object(3)
    } else if statement.begins(&["alter", "table"]) || statement.begins(&["alter", "sequence"]) {
        object(2)
    } else if statement.begins(&["copy"]) {
        object(1)
    } else if statement.begins(&["grant"]) || statement.begins(&["revoke"]) {
        let on = words.iter().position(|word| word.is("on"));
        let kind = on.and_then(|on| words.get(on + 1));
        match kind.is_some_and(|kind| kind.is("table") || kind.is("sequence")) {
            true => object(on.unwrap_or(0) + 2),
            false => None,
        }
    } else {
        None
    }
}

/// The index that it makes, which lives in the schema of its table; a constraint's has the
/// constraint's name.
pub(super) fn makes_index(statement: &Statement) -> Option<&str> {
    let words = &statement.words[..];
    let at = if begins(statement, "create", &["index"]) {
        2
    } else if begins(statement, "create", &["unique"]) {
        3
    } else {
        let added = words
            .windows(2)
            .position(|w| w[0].is("add") && w[1].is("constraint"));
        added? + 2
    };
    words.get(at).and_then(Word::name)
}
