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

/// What stands before the text of an error, where the text may be told.
pub(crate) const TEXT: &str = "text: ";

/// The names of objects, in the order in which libpq prints them, right before LOCATION.
const LABELS: &[(&str, &str)] = &[
    ("SCHEMA NAME:  ", "schema"),
    ("TABLE NAME:  ", "table"),
    ("COLUMN NAME:  ", "column"),
    ("DATATYPE NAME:  ", "data type"),
    ("CONSTRAINT NAME:  ", "constraint"),
];

/// psql ends with the first error, and what libpq itself knows of the error stands last: so only
/// the first error's line and the last lines are read. Whatever is in between may be a value that
/// looks like either.
#[derive(Debug, Default)]
pub(crate) struct ErrorFilter {
    /// A line of the script has been named: from now on a line may hold a value.
    in_script: bool,
    error: Option<FirstError>,
    /// Names of objects, in lines that follow each other, and the place of the last one's label.
    objects: Vec<String>,
    rank: Option<usize>,
    /// The last line told the place in the server's source.
    located: Option<Located>,
    lost: bool,
}

#[derive(Debug)]
struct FirstError {
    /// `line 7: ERROR`, or what psql itself met.
    told: String,
    /// `42P01`
    state: Option<String>,
    /// Where its class holds no data.
    text: Option<String>,
}

impl FirstError {
    /// `line 7: ERROR 42P01 undefined_table`. A state that is nobody's may be a function's choice.
    fn told(&self) -> String {
        let told = &self.told;
        match &self.state {
            None => told.clone(),
            Some(state) => match name(state) {
                Some(name) => format!("{told} {state} {name}"),
                None => format!("{told} unknown condition"),
            },
        }
    }
}

#[derive(Debug)]
struct Located {
    objects: Vec<String>,
    /// A function of a user's raised it, with a text, a class and names of its own choice.
    by_function: bool,
}

pub(crate) fn filter() -> Box<dyn StderrFilter> {
    Box::new(ErrorFilter::default())
}

impl StderrFilter for ErrorFilter {
    fn line(&mut self, line: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(line);
        if let Some(rest) = line.strip_prefix("psql:<stdin>:") {
            self.in_script = true;
            let (at, rest) = rest.split_once(": ")?;
            return match &self.error {
                None => self.first(at, rest),
                Some(_) => {
                    self.after(rest);
                    None
                }
            };
        }
        // Before psql has read a line there is no data.
        if !self.in_script {
            let own = line.starts_with("psql: ") || line.starts_with('\t');
            return own.then(|| line.into_owned());
        }
        self.after(&line);
        None
    }

    fn finish(&mut self) -> Option<String> {
        let error = self.error.take()?;
        let mut lines = vec![error.told()];
        if let Some(located) = self.located.take().filter(|it| !it.by_function) {
            if !located.objects.is_empty() {
                lines.push(located.objects.join(", "));
            }
            lines.extend(error.text.map(|text| format!("{TEXT}{text}")));
        }
        if self.lost {
            lines.push("the connection to the server was lost".into());
        }
        Some(lines.join("\n"))
    }
}

impl ErrorFilter {
    /// `ERROR:  23514: new row for relation "t" violates check constraint "c"`
    fn first(&mut self, at: &str, text: &str) -> Option<String> {
        let Some((severity, rest)) = text.split_once(":  ") else {
            self.lost = is_lost(text);
            let known = if self.lost {
                "psql ended"
            } else {
                "psql cannot read its input"
            };
            self.error = Some(FirstError {
                told: format!("line {at}: {known}"),
                state: None,
                text: None,
            });
            return None;
        };
        let (state, message) = rest.split_once(": ")?;
        let class = state.get(..2)?;
        let severity = match severity {
            "FATAL" | "PANIC" => severity,
            _ if is_warning(severity, class) => {
                let ours = message.starts_with(OURS);
                return ours.then(|| format!("line {at}: {message}"));
            }
            _ => "ERROR",
        };
        self.error = Some(FirstError {
            told: format!("line {at}: {severity}"),
            state: Some(state.into()),
            text: WITHOUT_DATA.contains(&class).then(|| message.into()),
        });
        None
    }

    /// A line behind the first error.
    fn after(&mut self, line: &str) {
        if is_lost(line) || line.starts_with('\t') {
            self.lost |= is_lost(line);
            return;
        }
        self.located = line.strip_prefix("LOCATION:  ").map(|place| Located {
            objects: std::mem::take(&mut self.objects),
            // `exec_stmt_raise, pl_exec.c:3893`: every language's files begin so.
            by_function: place.split_once(", pl").is_some(),
        });
        let label = LABELS.iter().enumerate().find_map(|(rank, (label, what))| {
            let name = line.strip_prefix(label)?;
            // The end of a value in quotes looks like this.
            (!name.ends_with('"')).then(|| (rank, format!("{what} {name}")))
        });
        let expected = self.rank.take();
        self.rank = match label {
            // The server names the schema first. What stood before it was a value's.
            Some((0, object)) => {
                self.objects = vec![object];
                Some(0)
            }
            Some((rank, object)) if expected.is_some_and(|last| last < rank) => {
                self.objects.push(object);
                Some(rank)
            }
            _ => {
                self.objects.clear();
                None
            }
        };
    }
}

/// Where the server speaks another language its word is not known, but the class of the SQLSTATE is:
/// success, warning or no data.
fn is_warning(severity: &str, class: &str) -> bool {
    match severity {
        "ERROR" => false,
        "WARNING" | "NOTICE" | "INFO" | "LOG" | "DEBUG" => true,
        _ => ["00", "01", "02"].contains(&class),
    }
}

fn is_lost(text: &str) -> bool {
    matches!(
        text,
        "server closed the connection unexpectedly" | "error: connection to server was lost"
    )
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
    use proptest::prelude::*;

    fn kept(text: &str) -> Vec<String> {
        let mut filter = filter();
        let lines = text.lines().filter_map(|line| filter.line(line.as_bytes()));
        let mut lines: Vec<String> = lines.collect();
        let end = filter.finish().unwrap_or_default();
        lines.extend(end.lines().map(String::from));
        lines
    }

    #[test]
    fn an_error_without_its_data() {
        let text = "psql:<stdin>:3: ERROR:  23514: new row for relation \"t\" violates check constraint \"c\"\n\
            DETAIL:  Failing row contains (secret,\n\
            TABLE NAME:  secret\n\
            LOCATION:  secret, x.c:1\n\
            psql:<stdin>:9: ERROR:  42703: secret\n\
            psql: error: secret\n\tsecret\n\
            psql:<stdin>:7: secret connection to server was lost\n\
            x).\nSCHEMA NAME:  public\nTABLE NAME:  t\nCONSTRAINT NAME:  c\nLOCATION:  ExecConstraints, execMain.c:2074\n";
        assert_eq!(
            kept(text),
            [
                "line 3: ERROR 23514 check_violation",
                "schema public, table t, constraint c"
            ]
        );
        // The last value of a row may end like a name of the server's.
        let text = "psql:<stdin>:3: ERROR:  23502: null value\n\
            DETAIL:  Failing row contains (null,\nSCHEMA NAME:  secret\nTABLE NAME:  secret).\n\
            SCHEMA NAME:  public\nTABLE NAME:  t\nCOLUMN NAME:  c\nLOCATION:  ExecConstraints, execMain.c:1\n";
        assert_eq!(
            kept(text),
            [
                "line 3: ERROR 23502 not_null_violation",
                "schema public, table t, column c"
            ]
        );
        let text = "psql:<stdin>:9: ERROR:  22P02: invalid input syntax for type integer: \"secret\n\
            SCHEMA NAME:  secret\"\nLOCATION:  pg_strtoint32, numutils.c:232\n";
        assert_eq!(
            kept(text),
            ["line 9: ERROR 22P02 invalid_text_representation"]
        );
        let text = "psql:<stdin>:9: ERROR:  42501: row secret is refused\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n";
        assert_eq!(kept(text), ["line 9: ERROR 42501 insufficient_privilege"]);
        let text = "psql:<stdin>:9: ERROR:  SECRT: secret\nCONSTRAINT NAME:  secret\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n";
        assert_eq!(kept(text), ["line 9: ERROR unknown condition"]);
    }

    #[test]
    fn a_text_of_a_class_that_holds_no_data() {
        let text = "psql:<stdin>:2: ERROR:  42P01: relation \"x\" does not exist\nLINE 1: secret\nHINT:  secret\nLOCATION:  f, n.c:4\n";
        let want = [
            "line 2: ERROR 42P01 undefined_table",
            "text: relation \"x\" does not exist",
        ];
        assert_eq!(kept(text), want);
    }

    #[test]
    fn a_server_that_speaks_another_language() {
        let text = "psql:<stdin>:1: WARNUNG:  01000: pgseal: left out: x\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n\
            psql:<stdin>:1: WARNUNG:  01000: geheim\npsql:<stdin>:2: HINWEIS:  00000: geheim\n\
            psql:<stdin>:3: FEHLER:  23514: geheim\nDETAIL:  geheim\nSCHEMA NAME:  s\nTABLE NAME:  t\nLOCATION:  f, n.c:4\n";
        let want = [
            "line 1: pgseal: left out: x",
            "line 3: ERROR 23514 check_violation",
            "schema s, table t",
        ];
        assert_eq!(kept(text), want);
    }

    #[test]
    fn what_psql_says_itself() {
        let text = "psql: error: connection to server on socket \"/x\" failed: No such file or directory\n\
            \tIs the server running locally and accepting connections on that socket?\n";
        assert_eq!(kept(text).len(), 2);
        let text = "psql:<stdin>:1: WARNING:  01000: pgseal: left out: owner of SCHEMA a (role \"x\" does not exist)\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n\
            psql:<stdin>:1: WARNING:  01000: secret\nNOTICE:  secret\n\
            psql:<stdin>:7: error: invalid command \\secret\n";
        let want = [
            "line 1: pgseal: left out: owner of SCHEMA a (role \"x\" does not exist)",
            "line 7: psql cannot read its input",
        ];
        assert_eq!(kept(text), want);
        let text = "psql:<stdin>:8: FATAL:  57P01: terminating connection due to administrator command\nLOCATION:  ProcessInterrupts, postgres.c:3181\n\
            psql:<stdin>:8: server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\
            psql:<stdin>:8: error: connection to server was lost\n";
        let want = [
            "line 8: FATAL 57P01 admin_shutdown",
            "text: terminating connection due to administrator command",
            "the connection to the server was lost",
        ];
        assert_eq!(kept(text), want);
    }

    proptest! {
        /// A value of any lines is not told, however much these look like what a server says.
        #[test]
        fn any_value_stays_untold(
            value in any_value(),
            other in any_value(),
            state in "(22P02|23514|23505|P0001|XX000|[0-9A-Z]{5})",
            function: bool,
        ) {
            let place = if function { "exec_stmt_raise, pl_exec.c:3893" } else { "ExecConstraints, execMain.c:2074" };
            prop_assume!(!WITHOUT_DATA.contains(&&state[..2]));
            let text = format!(
                "psql:<stdin>:3: ERROR:  {state}: a row ({value}) is wrong\nDETAIL:  Failing row contains ({other}).\n\
                 SCHEMA NAME:  public\nTABLE NAME:  t\nCONSTRAINT NAME:  c\nLOCATION:  {place}\n"
            );
            let told = kept(&text).join("\n");
            prop_assert!(!told.contains("hunter2"), "{}\n---\n{}", text, told);
            prop_assert!(told.starts_with("line 3: ERROR "));
            prop_assert!(function || told.ends_with("schema public, table t, constraint c"), "{}", told);
        }
    }

    fn any_value() -> impl Strategy<Value = String> {
        proptest::collection::vec(any_line(), 0..5).prop_map(|lines| lines.join("\n"))
    }

    fn any_line() -> impl Strategy<Value = String> {
        let looks = "(psql:<stdin>:[0-9]: (ERROR:  (42P01|22000): |WARNING:  01000: |FATAL:  57P01: |error: |)|(SCHEMA|TABLE|COLUMN|DATATYPE|CONSTRAINT) NAME:  |LOCATION:  |DETAIL:  |HINT:  |LINE 1: |\t|psql: error: |)";
        (looks, "hunter2[\", .)a-z]{0,6}").prop_map(|(looks, value)| looks + &value)
    }
}
