//! The comment that a file of `fixtures/schemas` begins with.

use std::path::{Path, PathBuf};

/// What a restore into an empty database is to come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All comes back, and the backup told of nothing that would not.
    Restored,
    /// The tables come back; this, which hangs on them, does not, and the backup told of it.
    RestoredWithout(Reference),
    /// Refused before anything is changed, for this, which the backup told of.
    Told {
        reference: Reference,
        skip_external: SkipExternal,
    },
    /// No backup is made: an error of this code.
    Refused { code: String },
}

/// An external reference of the manifest.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    pub kind: String,
    pub name: String,
}

/// What `restore --skip-external` comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum SkipExternal {
    Restored,
    Refused,
    /// Only a text seemed to name it, and it was needed.
    RolledBack,
}

/// Where a schema fails today, and words of what it says.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownFault {
    pub step: String,
    pub words: String,
}

pub struct Schema {
    pub name: String,
    pub path: PathBuf,
    pub tables: Vec<String>,
    /// The least major version of a server that knows all of it.
    pub server: u32,
    pub outcome: Outcome,
    pub roles: Vec<String>,
    pub tablespaces: Vec<String>,
    /// Options of CREATE DATABASE.
    pub database: String,
    pub known_fault: Option<KnownFault>,
}

const KEYS: &[&str] = &[
    "shows",
    "tables",
    "server",
    "roles",
    "tablespaces",
    "database",
    "outcome",
    "skip-external",
    "known-fault",
];

impl Schema {
    pub fn read(path: &Path) -> Schema {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let header = text.lines().map_while(|line| line.strip_prefix("-- "));
        let header: Vec<(&str, &str)> = header
            .map(|line| {
                line.split_once(": ")
                    .unwrap_or_else(|| panic!("{name}: {line}"))
            })
            .collect();
        let mut order = KEYS.iter();
        for (key, _) in &header {
            let known = order.any(|known| known == key);
            assert!(known, "{name}: `{key}` is unknown, double or out of order");
        }
        let get = |key: &str| header.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        let must = |key: &str| get(key).unwrap_or_else(|| panic!("{name}: no `{key}:`"));
        let list = |key: &str| -> Vec<String> {
            let items = get(key).into_iter().flat_map(|value| value.split(", "));
            items.map(String::from).collect()
        };
        must("shows");
        must("tables");
        Schema {
            tables: list("tables"),
            server: must("server").parse().unwrap(),
            outcome: outcome(&name, must("outcome"), get("skip-external")),
            roles: list("roles"),
            tablespaces: list("tablespaces"),
            database: get("database").unwrap_or_default().into(),
            known_fault: get("known-fault").map(|value| {
                let (step, words) = value.split_once(": ").unwrap();
                KnownFault {
                    step: step.into(),
                    words: words.into(),
                }
            }),
            path: path.into(),
            name,
        }
    }
}

fn outcome(name: &str, value: &str, skip_external: Option<&str>) -> Outcome {
    let wrong = || -> ! { panic!("{name}: outcome: {value}, skip-external: {skip_external:?}") };
    let reference = |rest: &str| {
        let (kind, name) = rest.split_once(' ').unwrap_or_else(|| wrong());
        Reference {
            kind: kind.into(),
            name: name.into(),
        }
    };
    if let Some(rest) = value.strip_prefix("told ") {
        return Outcome::Told {
            reference: reference(rest),
            skip_external: match skip_external {
                Some("restored") => SkipExternal::Restored,
                Some("refused") => SkipExternal::Refused,
                Some("rolled back") => SkipExternal::RolledBack,
                _ => wrong(),
            },
        };
    }
    assert_eq!(skip_external, None, "{name}: only of what is told");
    if let Some(rest) = value.strip_prefix("restored without ") {
        Outcome::RestoredWithout(reference(rest))
    } else if let Some(code) = value.strip_prefix("refused ") {
        Outcome::Refused { code: code.into() }
    } else if value == "restored" {
        Outcome::Restored
    } else {
        wrong()
    }
}
