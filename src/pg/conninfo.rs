//! A connection string that carries no secret and cannot switch off our guards.

use crate::pg::conninfo_syntax::{keyword_pairs, uri_pairs};
use std::fmt;

/// The keywords that a conninfo of ours may hold. A list of what is allowed: a keyword that a
/// later libpq invents is refused until somebody has looked at it. `options` is left out since
/// it replaces the read-only guard in `PGOPTIONS`, `client_encoding` since all is asked in UTF-8,
/// and everything that holds a password, a token or a key. The second column is libpq's
/// environment variable for the same thing.
const ALLOWED: &[(&str, &str)] = &[
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("fallback_application_name", ""),
    ("gssencmode", "PGGSSENCMODE"),
    ("gsslib", "PGGSSLIB"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_count", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("passfile", "PGPASSFILE"),
    ("port", "PGPORT"),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("service", "PGSERVICE"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslcompression", "PGSSLCOMPRESSION"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslkey", "PGSSLKEY"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslsni", "PGSSLSNI"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
];

const SECRET: &[&str] = &[
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
];

/// A conninfo in keyword form, URI form, or a bare database name, as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnInfo {
    text: String,
    pairs: Vec<(String, String)>,
}

/// What is wrong with a conninfo, and what to do. Never quotes a value: it may be the secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub why: String,
    pub hint: String,
}

impl ConnInfo {
    pub(crate) fn parse(text: &str) -> Result<ConnInfo, Refused> {
        let shape = |why: &str| Refused {
            why: format!("the connection string {why}"),
            hint: "Write it as `host=… dbname=…`, as a postgresql:// URI, or as a database's name."
                .into(),
        };
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(shape("is empty or has control characters"));
        }
        let uri = ["postgresql://", "postgres://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        let pairs = match uri {
            Some(rest) => uri_pairs(rest).map_err(shape)?,
            None if text.contains('=') => keyword_pairs(text).map_err(shape)?,
            None => vec![("dbname".into(), text.into())],
        };
        for (key, _) in &pairs {
            check(key)?;
        }
        Ok(ConnInfo {
            text: text.into(),
            pairs,
        })
    }

    /// The same without the keywords that the environment sets, so that the environment keeps
    /// its place above the config file; nothing is left where it names a whole service.
    pub(crate) fn below_environment(&self, is_set: impl Fn(&str) -> bool) -> Option<ConnInfo> {
        if is_set("PGSERVICE") {
            return None;
        }
        // Two words for one place: libpq would take the file's address for the environment's host.
        let place = is_set("PGHOST") || is_set("PGHOSTADDR");
        let overridden = |key: &str| match key {
            "host" | "hostaddr" => place,
            // A service names a whole connection, and would stand above the environment.
            "service" => ["PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER"]
                .iter()
                .any(|var| is_set(var)),
            _ => ALLOWED
                .iter()
                .any(|(k, var)| *k == key && !var.is_empty() && is_set(var)),
        };
        if !self.pairs.iter().any(|(key, _)| overridden(key)) {
            return Some(self.clone());
        }
        let pairs: Vec<(String, String)> = self
            .pairs
            .iter()
            .filter(|(key, _)| !overridden(key))
            .cloned()
            .collect();
        if pairs.is_empty() {
            return None;
        }
        Some(ConnInfo::of(pairs))
    }

    fn of(pairs: Vec<(String, String)>) -> ConnInfo {
        let text = pairs
            .iter()
            .map(|(k, v)| format!("{k}='{}'", v.replace('\\', "\\\\").replace('\'', "\\'")))
            .collect::<Vec<_>>()
            .join(" ");
        ConnInfo { text, pairs }
    }

    /// The same for another role, which may have another database by default.
    pub(crate) fn as_role(&self, role: &str, database: &str) -> ConnInfo {
        let mut pairs = self.pairs.clone();
        pairs.retain(|(key, _)| key != "user");
        if !pairs.iter().any(|(key, _)| key == "dbname") {
            pairs.push(("dbname".into(), database.into()));
        }
        pairs.push(("user".into(), role.into()));
        ConnInfo::of(pairs)
    }

    #[cfg(test)]
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.pairs.iter().rev().find(|(k, _)| k == key)?;
        Some(&found.1)
    }
}

impl fmt::Display for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn check(key: &str) -> Result<(), Refused> {
    if ALLOWED.iter().any(|(k, _)| *k == key) {
        return Ok(());
    }
    let why = format!("the connection string may not hold `{key}`");
    let hint = if SECRET.contains(&key) {
        "A command line is readable by everybody on this host: put the secret in ~/.pgpass or \
         the file named by PGPASSFILE, or in a service file, and change it, since it was on \
         this one."
            .into()
    } else if key == "options" {
        "It would replace the read-only guard; set PGOPTIONS instead, to which the guard is \
         added."
            .into()
    } else {
        let near = crate::base::text::nearest(key, ALLOWED.iter().map(|(k, _)| *k));
        match near {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Put it in a service file, or leave it out.".into(),
        }
    };
    Err(Refused { why, hint })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn allowed_forms() {
        each(
            [
                ("mydb", "dbname", "mydb"),
                ("host=/run/pg dbname=x", "host", "/run/pg"),
                ("host = 'a b' user=me", "host", "a b"),
                ("dbname='it\\'s'", "dbname", "it's"),
                (
                    "postgresql://me@db.example:5433/x?sslmode=require",
                    "port",
                    "5433",
                ),
                ("postgres://%2Frun%2Fpg/x", "host", "/run/pg"),
                ("postgresql://[::1]:5433/x", "host", "::1"),
                ("postgresql:///x?host=/run/pg&user=me", "user", "me"),
            ],
            |(text, key, value)| {
                let conninfo = ConnInfo::parse(text).unwrap();
                assert_eq!(conninfo.get(key), Some(value), "{text}");
                assert_eq!(conninfo.to_string(), text);
            },
        );
    }

    #[test]
    fn secrets_and_options_are_refused_and_not_repeated() {
        each(
            [
                "password=hunter2",
                "host=x password = 'hunter2'",
                "postgresql://me:hunter2@host/db",
                "postgresql://me:hun?ter2hunter2@host/db",
                "postgresql://host/db?password=hunter2",
                "postgresql://host/db?pass%77ord=hunter2",
                "postgresql://host/db?sslpassword=hunter2",
                "options='-c hunter2=off'",
                "postgresql:///db?options=-c%20hunter2",
                "oauth_client_secret=hunter2",
                "invented_in_2031=hunter2",
                "client_encoding=hunter2",
            ],
            |text| {
                let refused = ConnInfo::parse(text).unwrap_err();
                assert!(!refused.why.contains("hunter2") && !refused.hint.contains("hunter2"));
            },
        );
        let refused = ConnInfo::parse("pasword=x").unwrap_err();
        assert!(refused.why.contains("pasword"));
        each(
            ["", "host=x dbname", "host='x", "postgresql://h/d?x", "a\nb"],
            |text| {
                assert!(ConnInfo::parse(text).is_err(), "{text:?}");
            },
        );
    }

    #[test]
    fn the_environment_stands_above_the_config_file() {
        let info = ConnInfo::parse("host=db1 dbname='a b' user=me").unwrap();
        let only = |names: &'static [&'static str]| move |var: &str| names.contains(&var);
        assert_eq!(info.below_environment(only(&[])), Some(info.clone()));
        let left = info.below_environment(only(&["PGHOST"])).unwrap();
        assert_eq!(left.to_string(), "dbname='a b' user='me'");
        assert_eq!(ConnInfo::parse(&left.to_string()).unwrap(), left);
        assert_eq!(info.below_environment(only(&["PGSERVICE"])), None);
        let info = ConnInfo::parse("hostaddr=10.0.0.1 user=me").unwrap();
        let left = info.below_environment(only(&["PGHOST"])).unwrap();
        assert_eq!(left.to_string(), "user='me'");
        let info = ConnInfo::parse("service=prod").unwrap();
        assert_eq!(info.below_environment(only(&["PGHOST"])), None);
        assert_eq!(
            info.below_environment(only(&["PGAPPNAME"])),
            Some(info.clone())
        );
    }
}
