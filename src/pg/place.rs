//! Where an answer came from, as errors and summaries tell it.

use std::fmt;

/// Not worth a word: what libpq takes where no port is said, and what it tells of it where several
/// hosts are.
const DEFAULT_PORT: &[&str] = &["5432", ""];

/// A database, the host that answered for it, and the role that asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub database: String,
    pub host: String,
    pub port: String,
    pub role: String,
    /// Where psql ran, and the host is to be understood.
    pub container: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database `{}` on host `{}`", self.database, self.host)?;
        if !DEFAULT_PORT.contains(&self.port.as_str()) {
            write!(f, " port {}", self.port)?;
        }
        write!(f, " as role `{}`", self.role)?;
        match &self.container {
            Some(name) => write!(f, ", in the container `{name}`"),
            None => Ok(()),
        }
    }
}
