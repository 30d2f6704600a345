//! Questions to this host: which tools, which keys, what the server says. Each answer is typed,
//! each refusal an error with its remedy.

use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::gnupg::colons::{self, Key, Part};
use crate::gnupg::{self, Gpg};
use crate::names::{Fingerprint, TableName};
use crate::pg::{self, catalog::Catalog, closure, closure::Closure, version};
use crate::pipeline::{End, Input, Ran, run};
use crate::spec::CommandSpec;
use crate::tools::{self, Tool};
use crate::watch::Watch;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A program and the version it says it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Version {
    pub path: String,
    pub version: String,
}

/// Runs a question; what is not an answer becomes an error of this code.
pub(crate) fn ask(
    spec: &CommandSpec,
    input: Input,
    watch: &Watch,
    code: Code,
    what: &str,
) -> Result<Ran> {
    answered(run(spec, input, watch), code, what)
}

fn answered(ran: Ran, code: Code, what: &str) -> Result<Ran> {
    if ran.ok() {
        return Ok(ran);
    }
    let spec = &ran.outcome.spec;
    if let Some(stop) = ran.stop {
        return Err(crate::seal::stopped(stop).while_doing(what));
    }
    let error = match &ran.outcome.end {
        End::NotStarted(why) => Error::new(
            Code::ToolUnfit,
            format!("{what}: `{}` could not be started: {why}", spec.program()),
        )
        .hint("Reinstall it, or take it out of PATH."),
        end => Error::new(code, format!("{what}: {end}")),
    };
    Err(error.stages(vec![ran.outcome.report()]))
}

pub(crate) fn gpg(config: &Config) -> Result<Gpg> {
    let program = tools::find(Tool::Gpg, &config.env)?;
    Ok(Gpg::new(&program, &config.gnupg_home, &config.env))
}

/// Versions of gpg and of libgcrypt.
pub(crate) fn gpg_version(gpg: &Gpg, watch: &Watch) -> Result<(Version, String)> {
    let what = "cannot ask gpg for its version";
    let ran = ask(&gpg.version(), Input::Null, watch, Code::ToolUnfit, what)?;
    let (version, libgcrypt) = gnupg::versions(&ran.text()).ok_or_else(|| {
        Error::new(
            Code::ToolUnfit,
            format!("`{}` does not answer as GnuPG does", gpg.program()),
        )
        .hint("apt-get install --reinstall gnupg")
    })?;
    let path = gpg.program().to_string();
    Ok((Version { path, version }, libgcrypt))
}

/// A recipient that can be encrypted to now.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub key: Key,
    pub subkey: Part,
    pub expires_at: Option<i64>,
}

/// How near an expiry is a warning.
const SOON: i64 = 30 * 24 * 3600;

impl Recipient {
    pub(crate) fn expires_soon(&self, now: i64) -> Option<String> {
        let at = self.expires_at.filter(|at| at - now < SOON)?;
        Some(format!(
            "the key {} expires in {} days: provision its successor now",
            self.key.primary.fingerprint,
            (at - now) / (24 * 3600)
        ))
    }
}

/// Asked first, since listing the keys of an empty folder would create a keyring in it.
pub(crate) fn has_keyring(home: &Path) -> bool {
    let rings = ["pubring.kbx", "pubring.gpg", "public-keys.d/pubring.db"];
    rings.iter().any(|ring| home.join(ring).exists())
}

pub(crate) fn recipient(
    gpg: &Gpg,
    config: &Config,
    fingerprint: &Fingerprint,
    now: i64,
    watch: &Watch,
) -> Result<Recipient> {
    let key = find_key(gpg, config, fingerprint, watch)?;
    let subkey = key.encryption_subkey(now).map_err(|why| {
        let what = format!("the key {fingerprint} {}", why.as_str());
        Error::new(Code::KeyUnfit, what).hint(
            "Extend or replace it where the secret key is, and import the public key here again.",
        )
    })?;
    let (subkey, expires_at) = (subkey.clone(), key.expires_at(subkey));
    Ok(Recipient {
        key,
        subkey,
        expires_at,
    })
}

/// The key whose primary fingerprint this is, whatever its state.
pub(crate) fn find_key(
    gpg: &Gpg,
    config: &Config,
    fingerprint: &Fingerprint,
    watch: &Watch,
) -> Result<Key> {
    let home = config.gnupg_home.display();
    let unfit = |what: String| Error::new(Code::KeyUnfit, what);
    let unknown = || {
        unfit(format!(
            "no public key {fingerprint} in the keyring `{home}`"
        ))
        .hint(format!(
            "Import the public key: gpg --homedir {home} --import KEYFILE; or name its keyring \
             with --gnupg-home."
        ))
        .absent()
    };
    if !has_keyring(&config.gnupg_home) {
        return Err(unknown());
    }
    let spec = gpg.list_key(fingerprint.as_str());
    let what = format!("cannot list the key {fingerprint}");
    let ran = run(&spec, Input::Null, watch);
    let said = |word: &str| ran.outcome.status.iter().any(|line| line.contains(word));
    if !ran.ok() && said("keylist.getkey") {
        return Err(unknown());
    }
    let ran = answered(ran, Code::KeyUnfit, &what)?;
    let mut keys = colons::keys(&ran.text());
    let key = match (keys.pop(), keys.pop()) {
        (Some(key), None) => key,
        (None, _) => return Err(unknown()),
        _ => return Err(unfit(format!("more than one key answers to {fingerprint}"))),
    };
    let primary = &key.primary.fingerprint;
    if primary != fingerprint.as_str() {
        return Err(
            unfit(format!("{fingerprint} is a subkey of {primary}")).hint(format!(
                "Name the primary: BACKUP_GPG_FPR={primary}; gpg takes its newest encryption \
                 subkey."
            )),
        );
    }
    Ok(key)
}

/// How long one catalog query may take on the server.
const QUERY_LIMIT_MS: &str = "60000";

pub(crate) fn catalog(config: &Config, tables: &[TableName], watch: &Watch) -> Result<Catalog> {
    let text = query(config, tables, pg::catalog::QUERY, watch)?;
    let catalog = Catalog::parse(&text)?;
    catalog.check_read_only()?;
    Ok(catalog)
}

/// In one session: the second answer costs half of what it would alone.
pub(crate) fn catalog_and_closure(
    config: &Config,
    tables: &[TableName],
    watch: &Watch,
) -> Result<(Catalog, Closure)> {
    let script = [pg::catalog::QUERY, closure::QUERY].concat();
    let answer = query(config, tables, &script, watch)?;
    let mut answers = serde_json::Deserializer::from_str(&answer);
    let mut read = || -> serde_json::Result<(Catalog, Closure)> {
        let both = (
            Catalog::deserialize(&mut answers)?,
            Closure::deserialize(&mut answers)?,
        );
        answers.end()?;
        Ok(both)
    };
    let (catalog, closure) = read().map_err(|err| pg::catalog::unreadable(&err))?;
    catalog.check_read_only()?;
    Ok((catalog, closure))
}

/// What a restore of these tables needs, and what it would miss.
pub(crate) fn closure(config: &Config, tables: &[TableName], watch: &Watch) -> Result<Closure> {
    Closure::parse(&query(config, tables, closure::QUERY, watch)?)
}

fn query(config: &Config, tables: &[TableName], sql: &str, watch: &Watch) -> Result<String> {
    let spec = catalog_query(config, tables)?;
    let input = Input::Bytes(sql.into());
    let what = "cannot ask the database";
    let ran = ask(&spec, input, watch, Code::Database, what).map_err(|error| {
        let talk = error.stages.iter().flat_map(|stage| &stage.said);
        let talk = talk.fold(String::new(), |all, line| all + line + "\n");
        match error.hint {
            None => error.hint(connection_hint(&talk)),
            Some(_) => error,
        }
    })?;
    Ok(ran.text())
}

pub(crate) fn catalog_query(config: &Config, tables: &[TableName]) -> Result<CommandSpec> {
    let psql = tools::find(Tool::Psql, &config.env)?;
    let targets = serde_json::json!(tables).to_string();
    let variables = [
        ("targets", targets),
        ("lock_timeout", config.lock_wait.as_millis().to_string()),
        ("statement_timeout", QUERY_LIMIT_MS.to_string()),
    ];
    Ok(pg::psql(&psql, config, &variables))
}

/// psql speaks English here (LC_ALL=C).
fn connection_hint(talk: &str) -> &'static str {
    let said = |words: &str| talk.contains(words);
    if said("password") {
        "Put the password into ~/.pgpass or the file named by PGPASSFILE (mode 0600); it is \
         never asked for."
    } else if said("does not exist") {
        "Check PGUSER and PGDATABASE, or --dbname."
    } else if said("unsupported startup parameter") || said("options") {
        "A pooler stands in between and refuses PGOPTIONS: connect to the server itself."
    } else if said("timeout") {
        "The server did not answer in time: look for locks on the catalog, or try again."
    } else {
        "Check that the server runs and that PGHOST, PGPORT or --dbname lead to it."
    }
}

/// The pg_dump for a server of this major version: the one on PATH if it fits, else the server's
/// own where Debian keeps it. `first` is the one on PATH with its version, asked beforehand.
pub(crate) fn pg_dump_for(
    config: &Config,
    first: Version,
    major: u32,
    watch: &Watch,
) -> Result<(Version, Option<String>)> {
    let of = |v: &Version| version::major(&v.version).unwrap_or(0);
    let chosen = if of(&first) == major {
        first
    } else {
        match tools::of_major(Tool::PgDump, major) {
            Some(program) => pg_version(config, &program, watch)?,
            None => first,
        }
    };
    let (path, text) = (&chosen.path, &chosen.version);
    if of(&chosen) < major {
        return Err(Error::new(
            Code::ToolUnfit,
            format!("pg_dump {text} (`{path}`) is older than the server, {major}"),
        )
        .hint(format!("apt-get install postgresql-client-{major}")));
    }
    let newer = (of(&chosen) > major).then(|| {
        format!(
            "pg_dump {text} is newer than the server, {major}: the dump may not restore into it; \
             install postgresql-client-{major}"
        )
    });
    Ok((chosen, newer))
}

/// The pg_dump on PATH.
pub(crate) fn pg_dump(config: &Config, watch: &Watch) -> Result<Version> {
    let program = tools::find(Tool::PgDump, &config.env)?;
    pg_version(config, &program, watch)
}

fn pg_version(config: &Config, program: &str, watch: &Watch) -> Result<Version> {
    let spec = pg::version(program, &config.env);
    let what = format!("cannot ask `{program}` for its version");
    let ran = ask(&spec, Input::Null, watch, Code::ToolUnfit, &what)?;
    let version = version::from_tool(&ran.text())
        .filter(|v| version::major(v).is_some())
        .ok_or_else(|| {
            Error::new(
                Code::ToolUnfit,
                format!("`{program}` does not answer as PostgreSQL's tools do"),
            )
            .hint("apt-get install --reinstall postgresql-client")
        })?;
    Ok(Version {
        path: program.into(),
        version,
    })
}
