//! A server's errors as psql prints them, without what could be data.
//!
//! An error's text can hold a row: `Failing row contains (…)`, `invalid input syntax for type
//! integer: "…"`. So of each only the SQLSTATE, its name and the names of the objects are kept,
//! and the text where its class holds none. psql must print with `VERBOSITY=verbose` and
//! `SHOW_CONTEXT=never`.

use crate::process::command::StderrFilter;

/// Names by SQLSTATE, from PostgreSQL's documentation (appendix A).
const NAMES: &str = include_str!("sqlstate.txt");

/// Classes whose texts name objects, rights, limits and conditions of the server, and no values.
const WITHOUT_DATA: &[&str] = &["42", "3F", "53", "57", "58"];

/// What our own SQL warns of, by its beginning.
pub(crate) const OURS: &str = "pgseal: ";

/// The names of objects, in the order in which libpq prints them, right before LOCATION.
const LABELS: &[(&str, &str)] = &[
    ("SCHEMA NAME:  ", "schema"),
    ("TABLE NAME:  ", "table"),
    ("COLUMN NAME:  ", "column"),
    ("DATATYPE NAME:  ", "data type"),
    ("CONSTRAINT NAME:  ", "constraint"),
];

#[derive(Debug, Default)]
pub(crate) struct ErrorFilter {
    /// An error whose LOCATION has not come yet.
    within_error: bool,
    objects: Vec<String>,
    /// Of a message of psql's own, the lines that follow are indented.
    within_own: bool,
}

pub(crate) fn filter() -> Box<dyn StderrFilter> {
    Box::new(ErrorFilter::default())
}

impl StderrFilter for ErrorFilter {
    fn line(&mut self, line: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(line);
        if self.within_own && line.starts_with('\t') {
            return Some(line.into_owned());
        }
        self.within_own = false;
        if let Some(rest) = line.strip_prefix("psql:<stdin>:") {
            self.within_error = false;
            self.objects.clear();
            let (at, rest) = rest.split_once(": ")?;
            return self.message(at, rest);
        }
        // Before a connection there is no data.
        if line.starts_with("psql: ") {
            self.within_own = true;
            return Some(line.into_owned());
        }
        if !self.within_error {
            return None;
        }
        let label = LABELS.iter().find_map(|(label, what)| {
            let name = line.strip_prefix(label)?;
            // The end of a value in quotes looks like this.
            (!name.ends_with('"')).then(|| format!("{what} {name}"))
        });
        match label {
            Some(object) => self.objects.push(object),
            None if line.starts_with("LOCATION:  ") => {
                self.within_error = false;
                let objects = std::mem::take(&mut self.objects);
                return (!objects.is_empty()).then(|| objects.join(", "));
            }
            // What looked like names before this line was part of a text.
            None => self.objects.clear(),
        }
        None
    }
}

impl ErrorFilter {
    /// `ERROR:  23514: new row for relation "t" violates check constraint "c"`
    fn message(&mut self, at: &str, text: &str) -> Option<String> {
        let Some((severity, rest)) = text.split_once(":  ") else {
            self.within_own = text.starts_with("server closed the connection");
            let lost = self.within_own || text.ends_with("connection to server was lost");
            let known = if lost {
                text
            } else {
                "psql cannot read its input"
            };
            return Some(format!("line {at}: {known}"));
        };
        let (state, message) = rest.split_once(": ")?;
        match severity {
            "WARNING" => message.starts_with(OURS).then(|| message.to_string()),
            "ERROR" | "FATAL" | "PANIC" => {
                self.within_error = true;
                let name = name(state).unwrap_or("unknown condition");
                let class = state.get(..2)?;
                let said = match WITHOUT_DATA.contains(&class) {
                    true => format!(": {message}"),
                    false => String::new(),
                };
                Some(format!("line {at}: {severity} {state} {name}{said}"))
            }
            _ => None,
        }
    }
}

fn name(state: &str) -> Option<&'static str> {
    NAMES.lines().find_map(|line| {
        let (known, name) = line.split_once(' ')?;
        (known == state).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Vec<String> {
        let mut filter = filter();
        let lines = text.lines().filter_map(|line| filter.line(line.as_bytes()));
        lines.collect()
    }

    #[test]
    fn an_error_without_its_data() {
        let text = "psql:<stdin>:3: ERROR:  23514: new row for relation \"t\" violates check constraint \"c\"\n\
            DETAIL:  Failing row contains (secret,\n\
            TABLE NAME:  secret\n\
            x).\nSCHEMA NAME:  public\nTABLE NAME:  t\nCONSTRAINT NAME:  c\nLOCATION:  ExecConstraints, execMain.c:2074\n";
        assert_eq!(
            kept(text),
            [
                "line 3: ERROR 23514 check_violation",
                "schema public, table t, constraint c"
            ]
        );
        let text = "psql:<stdin>:9: ERROR:  22P02: invalid input syntax for type integer: \"secret\n\
            SCHEMA NAME:  secret\"\nLOCATION:  pg_strtoint32, numutils.c:232\n";
        assert_eq!(
            kept(text),
            ["line 9: ERROR 22P02 invalid_text_representation"]
        );
    }

    #[test]
    fn a_text_of_a_class_that_holds_no_data() {
        let text = "psql:<stdin>:2: ERROR:  42P01: relation \"x\" does not exist\nLINE 1: secret\nHINT:  secret\nLOCATION:  f, n.c:4\n";
        let want = "line 2: ERROR 42P01 undefined_table: relation \"x\" does not exist";
        assert_eq!(kept(text), [want]);
    }

    #[test]
    fn what_psql_says_itself() {
        let text = "psql: error: connection to server on socket \"/x\" failed: No such file or directory\n\
            \tIs the server running locally and accepting connections on that socket?\n\
            psql:<stdin>:7: error: invalid command \\secret\n\
            psql:<stdin>:8: server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\
            psql:<stdin>:8: error: connection to server was lost\n\
            psql:<stdin>:1: WARNING:  01000: pgseal: left out: SCHEMA a (role \"x\" does not exist)\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n\
            psql:<stdin>:1: WARNING:  01000: secret\nNOTICE:  secret\n";
        let kept = kept(text);
        assert_eq!(kept.len(), 7, "{kept:?}");
        assert_eq!(kept[2], "line 7: psql cannot read its input");
        assert_eq!(
            kept[6],
            "pgseal: left out: SCHEMA a (role \"x\" does not exist)"
        );
        assert!(!kept.iter().any(|line| line.contains("secret")));
    }
}
