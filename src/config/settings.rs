//! Command line, environment, config file, dotenv → what is meant. Precedence: flag, then
//! environment, then config file, then default.

use crate::base::duration;
use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::Given;
use crate::base::names::TableName;
use crate::base::place;
use crate::config::connection::{Whole, connection, container};
use crate::config::flags::Settings;
use crate::config::operator::Operator;
use crate::config::recipients::{self, Recipients};
use crate::config::scope::{self, Restorable};
use crate::config::signing::{self, Signing};
use crate::config::{file, given};
use crate::gnupg::compression::Compression;
use crate::pg::connection::Connection;
use crate::pg::encoding::Encoding;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is meant. Tables and recipients that are missing or wrong stop a backup, not a report,
/// so their errors are kept until somebody needs them.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub tables: Result<Vec<TableName>>,
    pub recipients: Result<Recipients>,
    pub signing: Signing,
    /// Seal what the tables need around them as well.
    pub prelude: bool,
    /// Of the dump; none: as the database wants it.
    pub encoding: Option<Encoding>,
    pub restorable: Restorable,
    pub store: PathBuf,
    pub connection: Connection,
    pub compression: Compression,
    pub timeout: Option<Duration>,
    pub gnupg_home: PathBuf,
    /// The check of the writer's seam, as argv; empty where none is configured.
    pub seam: Vec<String>,
    pub operator: Operator,
    /// Sections of the config file.
    pub sections: Vec<String>,
    /// The config file that was read, and the SHA-256 of its bytes.
    pub file: Option<PathBuf>,
    pub file_sha256: String,
    /// The dotenv file that may set the recipients.
    pub env_file: Option<PathBuf>,
    pub env: Env,
    /// What this command line says of it all, for hints.
    pub given: Given,
}

/// A setting that is wrong, and the error that says why.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub key: &'static str,
    pub error: Error,
}

/// Refuses where the setting of this name is wrong: what rests on it is not asked.
pub(crate) fn refused(broken: &[Broken], key: &str) -> Result<()> {
    match broken.iter().find(|broken| broken.key == key) {
        Some(broken) => Err(broken.error.clone()),
        None => Ok(()),
    }
}

impl Config {
    /// A setting that is wrong has its default here, and is named: what reports goes on, what
    /// acts stops. A flag that is wrong, and a file that cannot be read, is an error at once.
    pub(crate) fn load(settings: &Settings, env: Env) -> Result<(Config, Vec<Broken>)> {
        let file = file::load(settings, &env)?;
        let setting = |why: String| Error::new(Code::Setting, why);
        let mut broken = Vec::new();

        let (tables, code) = if settings.tables.is_empty() {
            (file.tables(), Code::Setting)
        } else {
            (Ok(settings.tables.clone()), Code::Usage)
        };
        let tables = tables.and_then(|tables| {
            if let Some(table) = tables.iter().find(|table| table.is_systems()) {
                let what = format!("table `{table}` is the system's: every database has its own");
                return Err(Error::new(Code::TableUnfit, what)
                    .hint("Name tables of yours: what a restore brings back is theirs alone."));
            }
            once_each(tables, |table| {
                Error::new(code, format!("table `{table}` is named twice"))
                    .hint("Name each table once.")
            })
        });

        let Whole {
            conninfo,
            env: postgres_env,
            passed_over,
            refused,
        } = connection(settings, &env, &file)?;
        mended(&mut broken, "dbname", refused, || ());
        let container = container(settings, &file, &postgres_env, conninfo.as_ref());
        let container = mended(&mut broken, "dbname", container, || None);

        let compression = match (&settings.compress, &file.encryption.compress) {
            (Some(text), _) => Compression::parse(text)
                .map_err(|why| Error::new(Code::Usage, format!("--compress: {why}")))?,
            (None, Some(text)) => {
                let parsed = Compression::parse(text)
                    .map_err(|why| setting(format!("{}: compress: {why}", file.shown)));
                mended(&mut broken, "compress", parsed, || Compression::DEFAULT)
            }
            (None, None) => Compression::DEFAULT,
        };
        let encoding = match (settings.encoding, &file.scope.encoding) {
            (Some(encoding), _) => Some(encoding),
            (None, Some(text)) => {
                let parsed = Encoding::parse(text)
                    .map_err(|why| setting(format!("{}: [scope] encoding: {why}", file.shown)));
                mended(&mut broken, "encoding", parsed.map(Some), || None)
            }
            (None, None) => None,
        };
        let mut duration = |flag: Option<Duration>, key: &'static str, text: &Option<String>| {
            let parsed = text.as_ref().map(|text| {
                duration::duration(text)
                    .map_err(|why| setting(format!("{}: {key}: {why}", file.shown)))
            });
            match (flag, parsed) {
                (Some(duration), _) => Some(duration),
                (None, Some(parsed)) => mended(&mut broken, key, parsed.map(Some), || None),
                (None, None) => None,
            }
        };
        let lock_wait = duration(settings.lock_wait, "lock_wait", &file.postgres.lock_wait);
        let timeout = duration(settings.timeout, "timeout", &file.timeout);
        let gnupg_home = settings
            .gnupg_home
            .clone()
            .or_else(|| env.value("GNUPGHOME").map(PathBuf::from))
            .or_else(|| file.encryption.gnupg_home.clone())
            .or_else(|| env.value("HOME").map(|home| Path::new(home).join(".gnupg")))
            .ok_or_else(|| {
                setting("neither GNUPGHOME nor HOME is set, so there is no keyring".into())
                    .hint("Set GNUPGHOME, or give --gnupg-home DIR.")
            })
            .and_then(|home| absolute("gnupg home", home));
        let nowhere = || PathBuf::from("/nonexistent");
        let gnupg_home = mended(&mut broken, "gnupg_home", gnupg_home, nowhere);
        let store = settings
            .store
            .clone()
            .or_else(|| env.value("PGSEAL_STORE").map(PathBuf::from))
            .or_else(|| file.store.dir.clone())
            .unwrap_or_else(|| PathBuf::from(place::STORE));
        let store = mended(&mut broken, "store", absolute("store", store), nowhere);
        let operator = Operator::new(&file.operator.name, &file.operator.email)
            .map_err(|why| setting(format!("{}: [operator] {why}", file.shown)));
        let operator = mended(&mut broken, "operator", operator, Operator::default);
        let signing = signing::signing(settings, &env, &file);
        let signing = mended(&mut broken, "signing", signing, Signing::default);

        let restorable = scope::restorable(settings, &file);
        let default = Restorable::default;
        let restorable = mended(&mut broken, "known_external", restorable, default);

        let config = Config {
            tables,
            recipients: recipients::recipients(settings, &env, &file),
            signing,
            prelude: !settings.no_prelude && file.scope.prelude.unwrap_or(true),
            encoding,
            restorable,
            store,
            connection: Connection {
                conninfo,
                env: postgres_env,
                passed_over,
                lock_wait: lock_wait.unwrap_or(Duration::from_secs(30)),
                container,
                psql: None,
            },
            compression,
            timeout,
            gnupg_home,
            seam: file.seam.command.clone().unwrap_or_default(),
            operator,
            sections: file.sections.clone(),
            file: file.path.clone(),
            file_sha256: file.sha256.clone(),
            env_file: settings
                .env_file
                .clone()
                .or(file.encryption.env_file.clone()),
            env,
            given: given::given(settings),
        };
        Ok((config, broken))
    }
}

fn mended<T>(
    broken: &mut Vec<Broken>,
    key: &'static str,
    value: Result<T>,
    default: impl Fn() -> T,
) -> T {
    value.unwrap_or_else(|error| {
        broken.push(Broken { key, error });
        default()
    })
}

/// Paths stand in JSON and on command lines, so they must be text.
fn absolute(what: &str, path: PathBuf) -> Result<PathBuf> {
    let path = std::path::absolute(&path)
        .map_err(|err| Error::io(Code::Setting, "resolve", &path, &err))?;
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => Ok(path),
        _ => Err(Error::new(
            Code::Setting,
            format!("the {what}'s path {path:?} is not plain UTF-8 text"),
        )
        .hint("Name a path of printable letters.")),
    }
}

/// Refuses a list that names one of its items again.
pub(crate) fn once_each<T: Ord>(items: Vec<T>, twice: impl Fn(&T) -> Error) -> Result<Vec<T>> {
    let mut seen = std::collections::BTreeSet::new();
    match items.iter().find(|item| !seen.insert(*item)) {
        Some(again) => Err(twice(again)),
        None => Ok(items),
    }
}
