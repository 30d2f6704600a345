//! A connection string that carries no secret and cannot switch off our guards.

use crate::pg::conninfo_syntax::{keyword_pairs, uri_pairs};
use crate::pg::keywords::{self, Class, KEYWORDS, Keyword};
use std::fmt;

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

    fn of(pairs: Vec<(String, String)>) -> ConnInfo {
        let said = pairs.iter().map(|(key, value)| (key.as_str(), value));
        let text = said.map(word).collect::<Vec<_>>().join(" ");
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

    /// One host, and all else that is said. An empty port is the one that libpq takes by default.
    pub(crate) fn at(said: Option<&ConnInfo>, host: &str, port: &str) -> ConnInfo {
        let mut pairs = said.map(|info| info.pairs.clone()).unwrap_or_default();
        pairs.retain(|(key, _)| key != "host" && key != "port");
        pairs.push(("host".into(), host.into()));
        if !port.is_empty() {
            pairs.push(("port".into(), port.into()));
        }
        ConnInfo::of(pairs)
    }

    /// What it says of a keyword: its last word, as libpq has it.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self.pairs.iter().rev().find(|(k, _)| k == key)?;
        Some(&found.1)
    }

    /// The text of a connection string, in keyword form, that says this as well.
    pub(crate) fn with(&self, more: &[(&str, String)]) -> String {
        let said = self.pairs.iter().map(|(key, value)| (key.as_str(), value));
        let more = more.iter().map(|(key, value)| (*key, value));
        said.chain(more).map(word).collect::<Vec<_>>().join(" ")
    }
}

/// A pair in keyword form, quoted where libpq needs it.
fn word((key, value): (&str, &String)) -> String {
    let bare = |c: char| !c.is_whitespace() && c != '\'' && c != '\\';
    if !value.is_empty() && value.chars().all(bare) {
        return format!("{key}={value}");
    }
    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
    format!("{key}='{value}'")
}

impl fmt::Display for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn check(key: &str) -> Result<(), Refused> {
    let known = keywords::find(key);
    if known.is_some_and(Keyword::allowed) {
        return Ok(());
    }
    let why = format!("the connection string may not hold `{key}`");
    let hint = if known.is_some_and(|keyword| keyword.class == Class::Secret) {
        "psql would have it on its command line, which everybody on this host may read: put the \
         secret in ~/.pgpass, the file named by PGPASSFILE, or a service file. Where it stood on a \
         command line, change it."
            .into()
    } else if key == "options" {
        "It would replace the read-only guard; set PGOPTIONS instead, to which the guard is \
         added."
            .into()
    } else {
        let allowed = KEYWORDS.iter().filter(|keyword| keyword.allowed());
        match crate::base::text::nearest(key, allowed.map(|keyword| keyword.name)) {
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
    use proptest::prelude::*;

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
    fn what_is_added_is_read_back() {
        let info = ConnInfo::parse("postgresql://h/it's").unwrap();
        let text = info.with(&[("user", "a b".into()), ("port", "1".into())]);
        assert_eq!(text, "host=h dbname='it\\'s' user='a b' port=1");
        let again = ConnInfo::parse(&text).unwrap();
        assert_eq!(again.get("dbname"), Some("it's"));
        assert_eq!(again.get("user"), Some("a b"));
    }

    fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
        let allowed = KEYWORDS.iter().filter(|keyword| keyword.allowed());
        let names: Vec<&str> = allowed.map(|keyword| keyword.name).collect();
        let pair = (proptest::sample::select(names), "\\PC{0,6}|[a='\\\\ ]{0,6}");
        proptest::collection::vec(pair.prop_map(|(key, value)| (key.to_string(), value)), 1..6)
    }

    fn encoded(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    proptest! {
        /// All forms of one connection say the same.
        #[test]
        fn any_connection_in_any_form(pairs in pairs()) {
            let said = ConnInfo::of(pairs.clone());
            let query: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
            let uri = format!("postgresql:///?{}", query.join("&"));
            for text in [said.to_string(), said.with(&[]), uri] {
                let read = ConnInfo::parse(&text).map_err(|refused| TestCaseError::fail(refused.why))?;
                for (key, _) in &pairs {
                    prop_assert_eq!(read.get(key), said.get(key), "{} of {}", key, text);
                }
            }
        }

        #[test]
        fn any_secret_is_refused_and_not_repeated(pairs in pairs(), at in any::<proptest::sample::Index>(), secret in 0..3_usize) {
            let secret = ["password", "sslpassword", "options"][secret];
            let mut pairs = pairs;
            pairs.insert(at.index(pairs.len() + 1), (secret.into(), "hunter2".into()));
            let query: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
            for text in [ConnInfo::of(pairs).to_string(), format!("postgres://h/d?{}", query.join("&"))] {
                let refused = ConnInfo::parse(&text).unwrap_err();
                let told = format!("{refused:?}");
                prop_assert!(!told.contains("hunter2"), "{}", told);
            }
        }

        #[test]
        fn any_text_for_a_connection(text in "\\PC{0,20}|(postgres://)?[a-c@:/?&=%2,'\\[\\]\\\\ ]{0,20}") {
            if let Ok(read) = ConnInfo::parse(&text) {
                let again = ConnInfo::parse(&read.with(&[])).map_err(|refused| TestCaseError::fail(refused.why));
                // Nothing said is a bare string again, which is none.
                if read.pairs.is_empty() {
                    return Ok(());
                }
                let again = again?;
                for (key, _) in &read.pairs {
                    prop_assert_eq!(again.get(key), read.get(key));
                }
            }
        }
    }
}
