//! A tool's name → the absolute path of the program that will run, or what to install.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hint;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Gpg,
    Gpgconf,
    GpgAgent,
    PgDump,
    Psql,
    PgConfig,
    Postgres,
    Setpriv,
    Cat,
    Docker,
    Podman,
    Kubectl,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Gpg => "gpg",
            Tool::Gpgconf => "gpgconf",
            Tool::GpgAgent => "gpg-agent",
            Tool::PgDump => "pg_dump",
            Tool::Psql => "psql",
            Tool::PgConfig => "pg_config",
            Tool::Postgres => "postgres",
            Tool::Setpriv => "setpriv",
            Tool::Cat => "cat",
            Tool::Docker => "docker",
            Tool::Podman => "podman",
            Tool::Kubectl => "kubectl",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Tool::Gpg | Tool::Gpgconf | Tool::GpgAgent => "gnupg",
            Tool::PgDump | Tool::Psql => "postgresql-client",
            Tool::PgConfig => "libpq-dev",
            Tool::Postgres => "postgresql",
            Tool::Setpriv => "util-linux",
            Tool::Cat => "coreutils",
            Tool::Docker => "docker.io",
            Tool::Podman => "podman",
            Tool::Kubectl => "kubernetes-client",
        }
    }
}

/// Where Debian and Ubuntu keep one folder a major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The first on PATH. Debian's `pg_wrapper` stands there for the client tools and chooses a
/// version by rules of its own, so the newest real program is taken in its place.
pub(crate) fn find(tool: Tool, env: &Env) -> Result<String> {
    let path = env.get("PATH").unwrap_or_default();
    let missing = || {
        Error::new(
            Code::ToolMissing,
            format!("`{}` is not on PATH ({})", tool.name(), path.display()),
        )
        .hint(Hint::run(format!("apt-get install {}", tool.package())))
    };
    let found = which::which_in(tool.name(), Some(path), "/").map_err(|_| missing())?;
    let real = found.canonicalize().unwrap_or_else(|_| found.clone());
    let program = if real.file_name().is_some_and(|name| name == "pg_wrapper") {
        newest(tool)?.ok_or_else(missing)?
    } else {
        found
    };
    text(program)
}

fn debian(major: u32) -> PathBuf {
    Path::new(DEBIAN).join(major.to_string()).join("bin")
}

/// The major versions that it holds.
fn majors() -> Result<Vec<u32>> {
    let entries = match std::fs::read_dir(DEBIAN) {
        Ok(entries) => entries.flatten(),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => {
            let what = format!("`{DEBIAN}` could not be listed");
            return Err(Error::not_started(&what, &err));
        }
    };
    let majors = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(majors.collect())
}

/// The program of one PostgreSQL major version, where Debian's folder holds it.
pub(crate) fn of_major(tool: Tool, major: u32) -> Option<String> {
    let path = debian(major).join(tool.name());
    path.is_file().then(|| text(path).ok()).flatten()
}

/// What a throw-away cluster takes, all of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerTools {
    pub initdb: String,
    pub postgres: String,
    /// All that is asked of the cluster goes through it: the one on PATH may lead elsewhere.
    pub psql: String,
    pub major: u32,
}

/// The folders that may hold a server, best first: PATH's, pg_config's, Debian's of this major
/// version and of newer ones. `ask` tells a program's answer to one argument.
pub(crate) fn server(
    major: u32,
    env: &Env,
    ask: impl Fn(&str, &str) -> Option<String>,
) -> Result<ServerTools> {
    let real = |path: String| Path::new(&path).canonicalize().ok();
    let folder = |path: PathBuf| path.parent().map(Path::to_path_buf);
    let on_path = find(Tool::Postgres, env)
        .ok()
        .and_then(real)
        .and_then(folder);
    let config = find(Tool::PgConfig, env).ok();
    let config = config.and_then(|program| ask(&program, "--bindir"));
    let config = config.map(|dir| PathBuf::from(dir.trim()));
    let mut own = majors().unwrap_or_default();
    own.push(major);
    own.retain(|found| *found >= major);
    own.sort_unstable();
    own.dedup();
    let fits = |dir: PathBuf| {
        let program = |name: &str| {
            let path = dir.join(name);
            path.is_file().then(|| text(path).ok()).flatten()
        };
        let postgres = program("postgres")?;
        let version = crate::base::version::from_tool(&ask(&postgres, "--version")?)?;
        let found = crate::base::version::major(&version)?;
        Some(ServerTools {
            initdb: program("initdb")?,
            postgres,
            psql: program("psql").or_else(|| find(Tool::Psql, env).ok())?,
            major: found,
        })
        .filter(|tools| tools.major >= major)
    };
    let mut folders = on_path
        .into_iter()
        .chain(config)
        .chain(own.into_iter().map(debian));
    folders.find_map(fits).ok_or_else(|| {
        let what = format!("no PostgreSQL server of version {major} or newer on this host");
        Error::new(Code::ToolMissing, what)
            .hint(Hint::run(format!("apt-get install postgresql-{major}")))
    })
}

fn newest(tool: Tool) -> Result<Option<PathBuf>> {
    let programs = majors()?.into_iter();
    let programs = programs.filter_map(|major| Some((major, of_major(tool, major)?)));
    Ok(programs.max().map(|(_, path)| path.into()))
}

fn text(path: PathBuf) -> Result<String> {
    path.into_os_string().into_string().map_err(|path| {
        Error::new(
            Code::ToolMissing,
            format!("the path {path:?} is not UTF-8 text"),
        )
    })
}
