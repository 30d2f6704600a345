//! The laws of the house that a line match can see.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Rust files below a folder, with their path from the root and their text.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
                found.push((name.to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Without the unit tests, which stand at the end of a file.
fn code(text: &str) -> &str {
    let tests = text.find("\n#[cfg(test)]\nmod tests {");
    tests.map_or(text, |at| &text[..at])
}

/// A room is a file or its folder: `src/render.rs`, `src/render/…`.
fn within(name: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| {
        let rest = name.strip_prefix(room);
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

/// Compiled for unit tests only.
const TEST_ONLY: &[&str] = &["src/gnupg/fixture.rs"];

/// Lines of code, comments left out, that hold one of `words` outside of `rooms`.
fn trespass(words: &[&str], rooms: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files("src") {
        if within(&name, rooms) || TEST_ONLY.contains(&name.as_str()) {
            continue;
        }
        for (at, line) in code(&text).lines().enumerate() {
            let comment = line.trim_start().starts_with("//");
            if !comment && words.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    found
}

#[track_caller]
fn nowhere(words: &[&str], rooms: &[&str]) {
    let found = trespass(words, rooms);
    assert!(
        found.is_empty(),
        "{words:?} only in {rooms:?}:\n{}",
        found.join("\n")
    );
}

#[test]
fn only_the_pipeline_starts_processes() {
    nowhere(&["duct::", "use duct"], &["src/pipeline"]);
    // Not duct, but the exec by which guard becomes its COMMAND.
    nowhere(
        &["process::Command", "Command::new("],
        &["src/pipeline/handover"],
    );
    nowhere(&["\"sh\"", "\"bash\"", "\"/bin/sh\"", "sh -c"], &[]);
}

#[test]
fn only_render_prints() {
    let prints = [
        "print!(",
        "println!(",
        "eprint!(",
        "dbg!(",
        "stdout()",
        "stderr()",
    ];
    nowhere(&prints, &["src/render", "src/main"]);
}

#[test]
fn an_io_error_has_an_action_and_a_path() {
    nowhere(&["From<io::Error>", "From<std::io::Error>"], &[]);
}

/// What may touch the clock, the environment, files and randomness is not what plans.
#[test]
fn what_plans_is_data() {
    let (plans, rest): (Vec<_>, Vec<_>) = files("src").into_iter().partition(|(name, _)| {
        within(
            name,
            &[
                "src/spec",
                "src/pg",
                "src/gnupg",
                "src/plan",
                "src/names",
                "src/report",
            ],
        )
    });
    assert!(!plans.is_empty() && !rest.is_empty());
    for (name, text) in plans
        .iter()
        .filter(|(name, _)| name != "src/gnupg/fixture.rs")
    {
        for word in [
            "std::fs",
            "fs::read",
            "std::env",
            "env::var",
            "Timestamp::now",
            "Instant::now",
            "getrandom",
        ] {
            assert!(!code(text).contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for (name, text) in files("src") {
        assert!(code(&text).lines().count() <= 300, "{name}");
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Written so that this file does not find itself.
    let words = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X"],
        ["#[ign", "ore"],
        ["todo", "!("],
    ]
    .map(|word| word.concat());
    for (name, text) in files("src").into_iter().chain(files("tests")) {
        for word in &words {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
}

/// A script may rely on them, so each stands in the list.
#[test]
fn every_error_code_is_documented() {
    let source = std::fs::read_to_string(root().join("src/error.rs")).unwrap();
    let known: Vec<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Code::")?.split_once(" => \""))
        .filter_map(|(_, rest)| rest.strip_suffix("\","))
        .collect();
    let page = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
        .map(|(code, _)| code)
        .filter(|code| *code != "guard")
        .collect();
    assert!(!known.is_empty());
    assert_eq!(known, listed);
}
