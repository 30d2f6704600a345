//! How a throw-away cluster is reached: by its socket alone.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::pg::conninfo::ConnInfo;
use std::path::Path;

pub(crate) fn conninfo(dir: &Path, user: &str, database: &str) -> Result<ConnInfo> {
    // The longest path that a socket may have is 107 bytes.
    let socket = dir.join(".s.PGSQL.5432");
    if socket.as_os_str().len() > 107 {
        let what = format!("the path `{}` is too long for a socket", dir.display());
        return Err(Error::new(Code::Setting, what).hint("Name a shorter --scratch-dir."));
    }
    let host = dir
        .display()
        .to_string()
        .replace('\\', "\\\\")
        .replace('\'', "\\'");
    ConnInfo::parse(&format!(
        "host='{host}' port=5432 user={user} dbname={database}"
    ))
    .map_err(|refused| Error::new(Code::Setting, refused.why))
}

/// PGSERVICE=production shall lead nobody out of here.
pub(crate) fn without_postgres(env: &Env) -> Env {
    env.without(|name| name.as_encoded_bytes().starts_with(b"PG"))
}
