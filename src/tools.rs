//! A tool's name → the absolute path of the program that will run, or what to install.

use crate::config::Env;
use crate::error::{Code, Error, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Gpg,
    Gpgconf,
    PgDump,
    Psql,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Tool::Gpg => "gpg",
            Tool::Gpgconf => "gpgconf",
            Tool::PgDump => "pg_dump",
            Tool::Psql => "psql",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Tool::Gpg | Tool::Gpgconf => "gnupg",
            Tool::PgDump | Tool::Psql => "postgresql-client",
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
        .hint(format!("apt-get install {}", tool.package()))
    };
    let found = which::which_in(tool.name(), Some(path), "/").map_err(|_| missing())?;
    let real = found.canonicalize().unwrap_or_else(|_| found.clone());
    let program = if real.file_name().is_some_and(|name| name == "pg_wrapper") {
        newest(tool).ok_or_else(missing)?
    } else {
        found
    };
    text(program)
}

/// The program of one PostgreSQL major version, where Debian's folder holds it.
pub(crate) fn of_major(tool: Tool, major: u32) -> Option<String> {
    let path = Path::new(DEBIAN).join(major.to_string()).join("bin");
    let path = path.join(tool.name());
    path.is_file().then(|| text(path).ok()).flatten()
}

fn newest(tool: Tool) -> Option<PathBuf> {
    let majors = std::fs::read_dir(DEBIAN).ok()?.flatten();
    let majors = majors.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    majors
        .filter_map(|major| Some((major, of_major(tool, major)?)))
        .max()
        .map(|(_, path)| path.into())
}

fn text(path: PathBuf) -> Result<String> {
    path.into_os_string().into_string().map_err(|path| {
        Error::new(
            Code::ToolMissing,
            format!("the path {path:?} is not UTF-8 text"),
        )
    })
}
