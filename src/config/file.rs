//! `pgseal.toml`: its keys, and what is wrong with one that cannot be used.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::base::place;
use crate::base::text::nearest;
use crate::config::flags::Settings;
use crate::config::trusted::read_trusted;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

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
    (
        "postgres",
        &[
            "dbname",
            "lock_wait",
            "container",
            "container_engine",
            "container_user",
        ],
    ),
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
    /// Those that it has, empty ones too.
    #[serde(skip)]
    pub sections: Vec<String>,
    /// The file itself, where there is one, and the SHA-256 of its bytes.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    #[serde(skip)]
    pub sha256: String,
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
    pub container: Option<String>,
    pub container_engine: Option<String>,
    pub container_user: Option<String>,
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
    let parsed = DeTable::parse(text).map_err(|err| {
        let at = line(text, err.span());
        wrong(&format!("line {at}: {}", err.message()))
    })?;
    for (name, value) in parsed.get_ref() {
        let at = line(text, Some(name.span()));
        let name: &str = name.get_ref();
        let keys = KNOWN.iter().find(|(section, _)| *section == name);
        match (keys, value.get_ref()) {
            (Some((_, keys)), DeValue::Table(section)) => {
                let known = |key: &str| keys.contains(&key);
                if let Some(key) = section.keys().find(|key| !known(key.get_ref())) {
                    let at = line(text, Some(key.span()));
                    let section = format!("{shown}: line {at}: [{name}] ");
                    return Err(unknown(&section, key.get_ref(), keys.iter()));
                }
            }
            (Some(_), _) => {
                let what = format!("line {at}: `{name}` is a section, write [{name}]");
                return Err(wrong(&what));
            }
            (None, _) if TOP.contains(&name) => {}
            (None, _) => {
                let known = KNOWN.iter().map(|(section, _)| section).chain(TOP);
                return Err(unknown(&format!("{shown}: line {at}: "), name, known));
            }
        }
    }
    let table: toml::Table = toml::from_str(text).unwrap_or_default();
    let mut file: File = table
        .clone()
        .try_into()
        .map_err(|_| wrong(&wrong_type(text, &table)))?;
    file.shown = shown;
    file.sections = table.keys().cloned().collect();
    file.path = Some(path.into());
    file.sha256 = hex::encode(Sha256::digest(text));
    Ok(file)
}

/// The number of the line in which something stands.
fn line(text: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start.min(text.len()));
    1 + text[..start].matches('\n').count()
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
    let line = line(text, at);
    // A path is a string to whoever writes it.
    let expected = match expected.as_deref() {
        Some("path string") => "a string",
        expected => expected.unwrap_or("another"),
    };
    format!("line {line}: {key} has the wrong type, expected {expected}")
}

/// `place` is the file, the line and the section.
fn unknown<'a>(
    place: &str,
    key: &str,
    known: impl Iterator<Item = &'a &'static str> + Clone,
) -> Error {
    let error = Error::new(Code::Setting, format!("{place}unknown key `{key}`"));
    match nearest(key, known.clone().copied()) {
        Some(near) => error.hint(format!("Did you mean `{near}`?")),
        None => {
            let all: Vec<&str> = known.copied().collect();
            error.hint(format!("Known here: {}.", all.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests;
