//! What a service file says of a service, read as libpq reads it.

use crate::base::env::Env;
use crate::process::interruptible;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where Debian's libpq looks last; one that was built otherwise looks elsewhere.
const SYSTEM: &str = "/etc/postgresql-common";

/// Files of services are short.
const MOST: u64 = 1 << 20;

/// Keywords and values, the first of each; none where it is not known what libpq would find.
pub(crate) fn said(service: &str, env: &Env) -> Vec<(String, String)> {
    for path in files(env) {
        let Some(text) = read(&path) else { continue };
        if let Some(said) = section(&text, service) {
            return said;
        }
    }
    Vec::new()
}

fn files(env: &Env) -> Vec<PathBuf> {
    let own = match (env.get("PGSERVICEFILE"), env.value("HOME")) {
        (Some(file), _) => Some(PathBuf::from(file)),
        (None, home) => home.map(|home| Path::new(home).join(".pg_service.conf")),
    };
    let folder = env.get("PGSYSCONFDIR").unwrap_or(SYSTEM.as_ref());
    let system = Path::new(folder).join("pg_service.conf");
    own.into_iter().chain([system]).collect()
}

fn read(path: &Path) -> Option<String> {
    let file = interruptible::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first section of that name.
fn section(text: &str, service: &str) -> Option<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let header = format!("[{service}]");
    lines.find(|line| line.starts_with(&header))?;
    let mut said = Vec::<(String, String)>::new();
    for line in lines.take_while(|line| !line.starts_with('[')) {
        match line.split_once('=') {
            Some((key, value)) if !line.starts_with("ldap") => {
                if said.iter().all(|(known, _)| known != key) {
                    said.push((key.into(), value.into()));
                }
            }
            // A directory decides what the service is, or it is an error: libpq will say so.
            _ => return Some(Vec::new()),
        }
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_section_and_the_first_word() {
        let text = "# services\n[other]\nhost=o\n\n [shop] \n  host=db1\n#port=1\nuser=a=b \nhost=db2\n[shop]\nport=2\n";
        let said = section(text, "shop").unwrap();
        let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
        assert_eq!(said, [pair("host", "db1"), pair("user", "a=b")]);
        assert_eq!(section(text, "sho"), None);
        assert_eq!(section("[a]\nhost=x\nldap://h/?a\n", "a"), Some(Vec::new()));
        assert_eq!(section("[a]\nhost\n", "a"), Some(Vec::new()));
    }
}
