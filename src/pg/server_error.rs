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
mod tests;
