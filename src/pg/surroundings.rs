//! What the environment may add to a connection string that is set: a password, files, and what
//! leads nowhere else. libpq fills every keyword that the string leaves open from a variable, so a
//! variable that was meant for another program could lead to another server, or in as another role.

use crate::base::env::Env;
use crate::pg::conninfo::ConnInfo;
use crate::pg::keywords::{Class, KEYWORDS, Keyword};
use crate::pg::service_file;
use std::ffi::OsStr;

/// Together they are the whole of a connection; the first two are two words for one place.
const PLACE: &[&str] = &["host", "hostaddr"];
const WHOLE: &[&str] = &["port", "user", "dbname"];

/// Set in the environment, and said by nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub keyword: &'static str,
    pub variable: &'static str,
    pub value: String,
}

/// What becomes of the environment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// Where one of these is set, nobody knows which connection is meant.
    pub open: Vec<Open>,
    /// Variables that say otherwise, each with what is said in its place.
    pub passed_over: Vec<String>,
    /// `role`, where PGOPTIONS sets it.
    pub role: Option<String>,
}

/// Whether a variable stays with a connection string that is set: none stays that can identify.
pub(crate) fn stays(variable: &OsStr) -> bool {
    let known = KEYWORDS.iter().find(|known| *known.variable == *variable);
    known.is_none_or(|known| known.class != Class::Identifies)
}

/// Holds the environment against a connection string, which warnings call by this name.
pub(crate) fn look(info: &ConnInfo, called: &str, env: &Env) -> Surroundings {
    let service = info.get("service");
    let by_service = service.map(|name| service_file::said(name, env));
    let by_service = by_service.unwrap_or_default();
    let said = |key: &str| {
        let by_service = || Some(&*by_service.iter().find(|(known, _)| known == key)?.1);
        info.get(key).or_else(by_service)
    };
    let is_said = |key: &&'static str| said(key).is_some();
    let whole = PLACE.iter().any(is_said) && WHOLE.iter().all(is_said);
    let hosts: Vec<&str> = PLACE.iter().filter_map(|key| said(key)).collect();
    let one_host = !hosts.is_empty() && !hosts.iter().any(|hosts| hosts.contains(','));

    let mut found = Surroundings {
        role: env.value("PGOPTIONS").and_then(role),
        ..Surroundings::default()
    };
    let set = |keyword: &'static Keyword| {
        let value = env.value(keyword.variable)?;
        Some((keyword, value.to_string_lossy().into_owned()))
    };
    let allowed = KEYWORDS.iter().filter(|keyword| keyword.allowed());
    for (keyword, value) in allowed.filter_map(set) {
        let (name, variable) = (keyword.name, keyword.variable);
        match (said(name), keyword.class) {
            (Some(said), _) if said != value => {
                found.passed_over.push(format!(
                    "{variable}={value} is passed over: {called} says {name}={said}"
                ));
            }
            // A service fills what is open, and here nothing is.
            (None, Class::Identifies) if name == "service" && whole => {
                found.passed_over.push(format!(
                    "{variable}={value} is passed over: {called} says host, port, user and dbname"
                ));
            }
            (None, Class::ChoosesHost) if one_host => {}
            (None, Class::Identifies | Class::ChoosesHost) => found.open.push(Open {
                keyword: name,
                variable,
                value,
            }),
            _ => {}
        }
    }
    found
}

/// The setting by which these options make the session another role's.
fn role(options: &OsStr) -> Option<String> {
    let options = options.to_string_lossy().replace('\\', "");
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let setting = match word {
            "-c" => words.next().unwrap_or_default(),
            word => word
                .strip_prefix("--")
                .or_else(|| word.strip_prefix("-c"))
                .unwrap_or_default(),
        };
        let (name, _) = setting.split_once('=').unwrap_or_default();
        let name = name.to_ascii_lowercase().replace('-', "_");
        if matches!(name.as_str(), "role" | "session_authorization") {
            return Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests;
