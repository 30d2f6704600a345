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

#[track_caller]
fn none_holds<'a>(files: impl Iterator<Item = (&'a String, &'a str)>, words: &[&str]) {
    let mut found = Vec::new();
    for (name, text) in files {
        let held = words.iter().filter(|word| text.contains(**word));
        found.extend(held.map(|word| format!("{name}: {word}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Which rooms a room may import from; the same table as in `src/lib.rs`, floor by floor.
const FLOORS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("process", &["base"]),
    ("pg", &["base", "process"]),
    ("gnupg", &["base", "process"]),
    ("store", &["base", "gnupg", "pg"]),
    ("config", &["base", "gnupg", "pg", "process"]),
    ("report", &["base", "process", "store"]),
    (
        "backup",
        &[
            "base", "config", "gnupg", "pg", "process", "report", "store",
        ],
    ),
    (
        "verify",
        &["base", "gnupg", "pg", "process", "report", "store"],
    ),
    (
        "readiness",
        &[
            "backup", "base", "config", "gnupg", "pg", "process", "report", "store",
        ],
    ),
    (
        "restore",
        &[
            "backup", "base", "config", "gnupg", "pg", "process", "report", "store", "verify",
        ],
    ),
    (
        "undo",
        &[
            "backup", "base", "config", "gnupg", "pg", "process", "report", "store", "verify",
        ],
    ),
    (
        "commands",
        &[
            "backup",
            "base",
            "config",
            "gnupg",
            "pg",
            "process",
            "readiness",
            "report",
            "restore",
            "store",
            "undo",
            "verify",
        ],
    ),
];

/// Every `crate::…` path of a file, with the number of its line; a group in braces is one path a
/// member.
fn paths(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("crate::") {
        let line = text[..start].matches('\n').count() + 1;
        let comment = text[..start].rsplit('\n').next().unwrap_or_default();
        if comment.trim_start().starts_with("//") {
            continue;
        }
        let rest = &text[start + "crate::".len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let (path, rest) = rest.split_at(end.unwrap_or(rest.len()));
        match (path.strip_suffix("::"), rest.strip_prefix('{')) {
            (Some(path), Some(group)) => {
                let (group, _) = group.split_once('}').unwrap();
                for member in group.split(',').map(str::trim) {
                    match member {
                        "" => {}
                        "self" => found.push((line, path.to_string())),
                        member => found.push((line, format!("{path}::{member}"))),
                    }
                }
            }
            _ => found.push((line, path.to_string())),
        }
    }
    found
}

/// The rooms of a file and of its ancestors: `src/pg/scan/tests.rs` is `pg::scan::tests`.
fn module(name: &str) -> String {
    let inner = name.trim_start_matches("src/").trim_end_matches(".rs");
    inner.replace('/', "::")
}

#[test]
fn a_room_imports_only_from_the_floors_below_it() {
    let mut wrong = Vec::new();
    for (name, text) in files("src") {
        let module = module(&name);
        let room = module.split("::").next().unwrap();
        let Some((_, allowed)) = FLOORS.iter().find(|(floor, _)| *floor == room) else {
            assert!(["lib", "main"].contains(&room), "{name} is in no room");
            continue;
        };
        for (line, path) in paths(&text) {
            let to = path.split("::").next().unwrap();
            if to != room && !allowed.contains(&to) {
                wrong.push(format!(
                    "{name}:{line}: {room} may not import crate::{path}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A parent holds `mod` lines; what its children share lives in one of them.
#[test]
fn no_child_imports_its_parent() {
    let all = files("src");
    let modules: Vec<String> = all.iter().map(|(name, _)| module(name)).collect();
    let mut wrong = Vec::new();
    for (name, text) in &all {
        let child = module(name);
        let code = code(text);
        if child.ends_with("::tests") {
            continue;
        }
        for (line, path) in paths(code) {
            let path = path.trim_end_matches(':');
            // What is imported: an item of the longest module that the path begins with.
            let begins = |m: &&String| path == m.as_str() || path.starts_with(&format!("{m}::"));
            let from = modules.iter().filter(begins).max_by_key(|m| m.len());
            if let Some(from) = from
                && child.starts_with(&format!("{from}::"))
            {
                wrong.push(format!(
                    "{name}:{line}: crate::{path} is of its parent {from}"
                ));
            }
        }
        if code.contains("super::") {
            wrong.push(format!(
                "{name}: write the path from the crate in place of super::"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_one_room_starts_processes() {
    nowhere(&["duct::", "use duct"], &["src/process"]);
    // Not duct, but the exec by which guard becomes its COMMAND.
    nowhere(
        &["std::process::Command", "Command::new("],
        &["src/process/exec"],
    );
    // Not on this host, but inside a container, where it ends what its client left behind.
    let inside = ["src/pg/container"];
    nowhere(&["\"sh\"", "\"bash\"", "\"/bin/sh\"", "sh -c"], &inside);
}

#[test]
fn only_one_room_prints() {
    let prints = [
        "print!(",
        "println!(",
        "eprint!(",
        "dbg!(",
        "stdout()",
        "stderr()",
    ];
    nowhere(&prints, &["src/report", "src/process/tty", "src/main"]);
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
                "src/process/command",
                "src/pg/command",
                "src/pg/scan",
                "src/pg/prelude",
                "src/gnupg/command",
                "src/gnupg/status",
                "src/backup/plan",
                "src/base/names",
                "src/report/matrix",
                "src/report/judgement",
            ],
        )
    });
    assert!(!plans.is_empty() && !rest.is_empty());
    let words = [
        "std::fs",
        "fs::read",
        "std::env",
        "env::var",
        "Timestamp::now",
        "Instant::now",
        "getrandom",
    ];
    let plans = plans.iter().map(|(name, text)| (name, code(text)));
    none_holds(plans, &words);
}

#[test]
fn no_file_is_too_long() {
    let files = files("src").into_iter();
    let long = files.filter(|(_, text)| code(text).lines().count() > 300);
    let long: Vec<String> = long.map(|(name, _)| name).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
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
    let words = words.each_ref().map(String::as_str);
    let (src, tests) = (files("src"), files("tests"));
    let all = src.iter().chain(&tests);
    none_holds(all.map(|(name, text)| (name, text.as_str())), &words);
}

/// A script may rely on them, so each stands in the list.
#[test]
fn every_error_code_is_documented() {
    let source = std::fs::read_to_string(root().join("src/base/error.rs")).unwrap();
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

#[test]
fn every_dependency_has_its_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let (listed, _) = page.split_once("## Looked at").unwrap();
    let listed = listed
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: Vec<&str> = listed.map(|(name, _)| name).collect();
    let sections = manifest.split("\n[").skip(1);
    let sections = sections.filter_map(|section| section.split_once("dependencies]\n"));
    let lines = sections.flat_map(|(_, lines)| lines.lines());
    let used = lines.filter_map(|line| Some(line.split_once(" = ")?.0));
    assert_eq!(used.collect::<Vec<_>>(), listed);
}

/// A crate of the build for this host, as far as its manifest tells.
#[derive(serde::Deserialize)]
struct Crate {
    name: String,
    license: Option<String>,
    source: Option<String>,
}

/// What cargo-deny looks at too, which not everybody has.
#[test]
fn every_crate_is_of_a_licence_and_a_source_that_are_allowed() {
    #[derive(serde::Deserialize)]
    struct Metadata {
        packages: Vec<Crate>,
    }
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let out = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", &host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let Metadata { packages } = serde_json::from_slice(&out.stdout).unwrap();
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let rules: toml::Table = toml::from_str(&text).unwrap();
    let allowed = rules["licenses"]["allow"].as_array().unwrap();
    let allowed: Vec<&str> = allowed.iter().filter_map(|name| name.as_str()).collect();
    let is_fit = |one: &Crate| {
        // `A OR B`, of old `A/B`; `(A OR B) AND C`. An exception to a licence only permits more.
        let license = one.license.clone().unwrap_or_default().replace('/', " OR ");
        let fits = license.split(" AND ").all(|part| {
            let mut names = part.trim_matches(['(', ')', ' ']).split(" OR ");
            names.any(|name| allowed.contains(&name.trim().split(" WITH ").next().unwrap()))
        });
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        let ours = one.name == "pgseal" && one.source.is_none();
        fits && (ours || one.source.as_deref() == Some(registry))
    };
    assert!(packages.len() > 50);
    let unfit = packages.iter().filter(|one| !is_fit(one));
    let unfit: Vec<String> = unfit
        .map(|one| format!("{}: {:?}", one.name, one.license))
        .collect();
    assert!(unfit.is_empty(), "{}", unfit.join("\n"));
    let used = |name: &&str| {
        let held = |one: &Crate| {
            one.license
                .as_ref()
                .is_some_and(|text| text.contains(*name))
        };
        packages.iter().any(held)
    };
    let idle: Vec<&&str> = allowed.iter().filter(|name| !used(name)).collect();
    assert!(idle.is_empty(), "allowed, and nobody's: {idle:?}");
}

/// README shows the rooms to who reads no Rust.
#[test]
fn readme_and_lib_show_one_picture() {
    let rows = |file: &str, comment: &str| -> Vec<String> {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix(comment));
        let rows = rows.filter(|row| {
            let cell = row.trim_start_matches("| ").chars().next();
            row.starts_with("| ") && cell.is_some_and(|c| c.is_ascii_digit())
        });
        rows.map(|row| row.replace(['[', ']'], "")).collect()
    };
    let picture = rows("src/lib.rs", "//! ");
    assert_eq!(picture.len(), FLOORS.len());
    assert_eq!(picture, rows("README.md", ""));
}

/// Every page is in the index, and what the pages link to is there.
#[test]
fn pages_are_listed_and_links_lead_somewhere() {
    let mut wrong = Vec::new();
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|page| root().join(page))
        .into();
    for folder in ["docs", "docs/recipes"] {
        let index = std::fs::read_to_string(root().join(folder).join("README.md")).unwrap();
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "md") {
                let name = path.file_name().unwrap().to_str().unwrap().to_string();
                if name != "README.md" && !index.contains(&format!("]({name})")) {
                    wrong.push(format!("{folder}/README.md does not list {name}"));
                }
                pages.push(path);
            }
        }
    }
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let there = target.contains("://") || page.parent().unwrap().join(target).exists();
            if !there {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_recipe_is_run_by_a_test() {
    let tests = files("tests").into_iter();
    let tests: String = tests.map(|(_, text)| text).collect();
    for entry in std::fs::read_dir(root().join("docs/recipes")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let opened = format!("Page::open(\"docs/recipes/{name}\")");
        assert!(tests.contains(&opened), "no test opens {name}");
    }
}
