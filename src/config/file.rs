//! `pgseal.toml`, and the rule by which a file of settings is trusted.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::base::text::nearest;
use crate::config::cli::Settings;
use crate::process::interruptible;
use serde::Deserialize;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(crate) const DEFAULT: &str = "/etc/pgseal/pgseal.toml";

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
    pub seam: Seam,
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
        None if Path::new(DEFAULT).exists() => DEFAULT.into(),
        None => {
            return Ok(File {
                shown: DEFAULT.into(),
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
    let mut file: File = table.try_into().map_err(|err: toml::de::Error| {
        // The rest of the message quotes the value.
        let expected = err
            .message()
            .rsplit_once(", expected ")
            .map(|(_, what)| what);
        wrong(&format!(
            "a value has the wrong type, expected {}",
            expected.unwrap_or("another")
        ))
    })?;
    file.shown = shown;
    file.path = Some(path.into());
    Ok(file)
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
        Error::io(Code::Setting, action, path, err).hint("Check the path, or name another file.")
    };
    // Asked of the open file, so that it cannot be swapped between the look and the read.
    let mut file = interruptible::open(path).map_err(|err| trouble("open", &err))?;
    let meta = file.metadata().map_err(|err| trouble("look at", &err))?;
    let shown = path.display();
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
        .hint(format!("chown root {shown}")));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(Error::new(
            Code::Setting,
            format!(
                "others may write `{shown}` (mode {:04o})",
                meta.mode() & 0o7777
            ),
        )
        .hint(format!("chmod go-w {shown}")));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|err| trouble("read", &err))?;
    String::from_utf8(bytes)
        .map_err(|_| Error::new(Code::Setting, format!("`{shown}` is not UTF-8 text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<File> {
        parse(text, Path::new("p.toml"))
    }

    #[test]
    fn a_typo_is_named_with_the_nearest_key() {
        let error = parsed("[scope]\ntabels = []").unwrap_err();
        assert!(error.message.contains("[scope] unknown key `tabels`"));
        assert_eq!(error.hint.unwrap(), "Did you mean `tables`?");
        assert!(
            parsed("[scop]\n")
                .unwrap_err()
                .hint
                .unwrap()
                .contains("scope")
        );
        assert!(
            parsed("[store]\nzzz = 1")
                .unwrap_err()
                .hint
                .unwrap()
                .contains("dir")
        );
        assert!(parsed("scope = 1").is_err());
        assert!(parsed("[scope]\ntables = 1").is_err());
    }

    #[test]
    fn a_syntax_error_names_the_line_and_not_its_text() {
        let error = parsed("[postgres]\ndbname = hunter2 hunter2\n").unwrap_err();
        assert!(error.message.contains("line 2"), "{}", error.message);
        assert!(!error.message.contains("hunter2"));
    }
}
