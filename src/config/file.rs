//! `pgseal.toml`, and the rule by which a file of settings is trusted.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hint;
use crate::base::names::TableName;
use crate::base::place;
use crate::base::text::{nearest, shell_word};
use crate::config::cli::Settings;
use crate::process::interruptible;
use serde::Deserialize;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Every key that a config file may hold.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "scope",
        &[
            "tables",
            "prelude",
            "encoding",
            "require_restorable",
            "known_external",
        ],
    ),
    (
        "encryption",
        &["recipients", "env_file", "compress", "gnupg_home"],
    ),
    ("signing", &["key", "trusted"]),
    ("store", &["dir"]),
    ("postgres", &["dbname", "lock_wait"]),
    ("seam", &["command"]),
    ("operator", &["name", "email"]),
];
const TOP: &[&str] = &["timeout"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct File {
    /// How errors call it.
    #[serde(skip)]
    pub shown: String,
    pub scope: Scope,
    pub encryption: Encryption,
    pub signing: Signing,
    pub store: Store,
    pub postgres: Postgres,
    pub seam: Option<Seam>,
    pub operator: Operator,
    /// The file itself, where there is one.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    pub timeout: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Scope {
    pub tables: Option<Vec<String>>,
    pub prelude: Option<bool>,
    pub encoding: Option<String>,
    pub require_restorable: Option<bool>,
    pub known_external: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Encryption {
    pub recipients: Option<Vec<String>>,
    pub env_file: Option<PathBuf>,
    pub compress: Option<String>,
    pub gnupg_home: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Signing {
    pub key: Option<String>,
    pub trusted: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Store {
    pub dir: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Postgres {
    pub dbname: Option<String>,
    pub lock_wait: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seam {
    pub command: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Operator {
    pub name: Option<String>,
    pub email: Option<String>,
}

impl File {
    pub(crate) fn tables(&self) -> Result<Vec<TableName>> {
        let texts = self.scope.tables.as_deref().unwrap_or_default();
        if texts.is_empty() {
            return Err(Error::new(
                Code::Setting,
                format!(
                    "no table is named: neither --table nor {} [scope] tables",
                    self.shown
                ),
            )
            .absent()
            .hint("Name the tables of the write, `--table schema.table` once for each."));
        }
        texts
            .iter()
            .map(|text| TableName::parse(text))
            .collect::<std::result::Result<_, _>>()
            .map_err(|why| Error::new(Code::Setting, format!("{}: {why}", self.shown)))
    }
}

/// The file named by --config, else by PGSEAL_CONFIG, else /etc/pgseal/pgseal.toml if it is
/// there. Never one from the working directory: it can name a command and a host.
pub(crate) fn load(settings: &Settings, env: &Env) -> Result<File> {
    let named = settings
        .config
        .clone()
        .or_else(|| env.value("PGSEAL_CONFIG").map(PathBuf::from));
    let path = match named {
        Some(path) => path,
        // One that cannot be looked at is opened, to say why.
        None if Path::new(place::CONFIG).try_exists().unwrap_or(true) => place::CONFIG.into(),
        None => {
            return Ok(File {
                shown: place::CONFIG.into(),
                ..File::default()
            });
        }
    };
    let text = read_trusted(&path)?;
    parse(&text, &path)
}

fn parse(text: &str, path: &Path) -> Result<File> {
    let shown = path.display().to_string();
    let wrong = |why: &str| Error::new(Code::Setting, format!("{shown}: {why}"));
    // The parser's own message quotes the line, which may hold somebody's password.
    let table: toml::Table = toml::from_str(text).map_err(|err: toml::de::Error| {
        let at = err.span().map_or(0, |span| span.start);
        let line = 1 + text[..at.min(text.len())].matches('\n').count();
        wrong(&format!("line {line}: {}", err.message()))
    })?;
    for (name, value) in &table {
        let keys = KNOWN.iter().find(|(section, _)| section == name);
        match (keys, value) {
            (Some((_, keys)), toml::Value::Table(section)) => {
                for key in section.keys() {
                    if !keys.contains(&key.as_str()) {
                        return Err(unknown(&shown, &format!("[{name}] "), key, keys.iter()));
                    }
                }
            }
            (Some(_), _) => return Err(wrong(&format!("`{name}` is a section, write [{name}]"))),
            (None, _) if TOP.contains(&name.as_str()) => {}
            (None, _) => {
                let known = KNOWN.iter().map(|(section, _)| section).chain(TOP);
                return Err(unknown(&shown, "", name, known));
            }
        }
    }
    let mut file: File = table
        .clone()
        .try_into()
        .map_err(|_| wrong(&wrong_type(text, &table)))?;
    file.shown = shown;
    file.path = Some(path.into());
    Ok(file)
}

/// Which key has a value of the wrong type, and on which line. The parser's own words quote the
/// value, which may be somebody's password.
fn wrong_type(text: &str, table: &toml::Table) -> String {
    let refused = |one: toml::Table| one.try_into::<File>().err();
    let keys = table.iter().flat_map(|(name, value)| match value {
        toml::Value::Table(section) => {
            let of_section = section.iter().map(|(key, value)| {
                let inner = toml::Table::from_iter([(key.clone(), value.clone())]);
                let one = toml::Table::from_iter([(name.clone(), inner.into())]);
                (format!("[{name}] {key}"), one)
            });
            of_section.collect::<Vec<_>>()
        }
        value => vec![(
            name.clone(),
            toml::Table::from_iter([(name.clone(), value.clone())]),
        )],
    });
    let mut found = keys.filter_map(|(key, one)| Some((key, refused(one)?)));
    let (key, expected) = found.next().map_or_else(
        || ("a value".to_string(), None),
        |(key, err)| {
            let what = err.message().rsplit_once(", expected ");
            (key, what.map(|(_, what)| what.to_string()))
        },
    );
    let at = toml::from_str::<File>(text)
        .err()
        .and_then(|err| err.span());
    let line = 1 + text[..at.map_or(0, |at| at.start.min(text.len()))]
        .matches('\n')
        .count();
    let expected = expected.as_deref().unwrap_or("another");
    format!("line {line}: {key} has the wrong type, expected {expected}")
}

fn unknown<'a>(
    shown: &str,
    section: &str,
    key: &str,
    known: impl Iterator<Item = &'a &'static str> + Clone,
) -> Error {
    let error = Error::new(
        Code::Setting,
        format!("{shown}: {section}unknown key `{key}`"),
    );
    match nearest(key, known.clone().copied()) {
        Some(near) => error.hint(format!("Did you mean `{near}`?")),
        None => {
            let all: Vec<&str> = known.copied().collect();
            error.hint(format!("Known here: {}.", all.join(", ")))
        }
    }
}

/// Reads a file of settings, if nobody but us and root could have written it.
pub(crate) fn read_trusted(path: &Path) -> Result<String> {
    let trouble = |action: &str, err: &std::io::Error| {
        let hint = match err.kind() {
            ErrorKind::PermissionDenied => "Run as a user who may read it, or name another file.",
            _ => "Check the path, or name another file.",
        };
        Error::io(Code::Setting, action, path, err).hint(hint)
    };
    // Asked of the open file, so that it cannot be swapped between the look and the read.
    let mut file = interruptible::open(path).map_err(|err| trouble("open", &err))?;
    let meta = file.metadata().map_err(|err| trouble("look at", &err))?;
    let shown = path.display();
    let word = shell_word(&shown.to_string());
    if !meta.is_file() {
        return Err(
            Error::new(Code::Setting, format!("`{shown}` is not a regular file"))
                .hint("Name one: its owner and its mode tell who may have written it."),
        );
    }
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us && meta.uid() != 0 {
        return Err(Error::new(
            Code::Setting,
            format!("`{shown}` belongs to uid {}, not to us or root", meta.uid()),
        )
        .hint(Hint::run(format!("chown root {word}"))));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(Error::new(
            Code::Setting,
            format!(
                "others may write `{shown}` (mode {:04o})",
                meta.mode() & 0o7777
            ),
        )
        .hint(Hint::run(format!("chmod go-w {word}"))));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|err| trouble("read", &err))?;
    String::from_utf8(bytes)
        .map_err(|_| Error::new(Code::Setting, format!("`{shown}` is not UTF-8 text")))
}

#[cfg(test)]
mod tests;
