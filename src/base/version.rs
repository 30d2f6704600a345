//! Our own version; and PostgreSQL's version numbers, from ten on: major and minor.

use serde::Serialize;

/// Of this program.
pub(crate) const PGSEAL: &str = env!("CARGO_PKG_VERSION");

/// And of which sources it was built, for what, with what: `build.rs` finds out.
pub(crate) const BUILD: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("PGSEAL_COMMIT"),
    "\ntarget: ",
    env!("PGSEAL_TARGET"),
    "\nfeatures: ",
    env!("PGSEAL_FEATURES"),
);

/// A program and the version it says it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Version {
    pub path: String,
    pub version: String,
}

/// `pg_dump (PostgreSQL) 15.18 (Debian …)` → `15.18`, without the packager's words.
pub(crate) fn from_tool(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("(PostgreSQL) ")?;
    Some(rest.split_whitespace().next()?.to_string())
}

/// `15.18`, `17beta1` → the major version.
pub(crate) fn major(version: &str) -> Option<u32> {
    let end = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let line = "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(from_tool(line).as_deref(), Some("15.18"));
        assert_eq!(from_tool("pg_dump 9"), None);
        assert_eq!(major("15.18"), Some(15));
        assert_eq!(major("17beta1"), Some(17));
        assert_eq!(major("x"), None);
    }
}
