//! One long-lived psql session, from its first line to its last: statements in, answers out.
//!
//! Whatever holds a row stays between the server and us: an answer is a line of JSON in COPY's text
//! form, and an error is told by the line of psql's input, without values.

use crate::base::error::{Code, Error};
use crate::base::names::literal;
use crate::pg::session::Pinned;
use crate::process::flow::{Passed, StreamError};
use crate::undo::answer_reader::Line;
use serde::de::DeserializeOwned;
use std::io::{PipeWriter, Write};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a part of the session is about, for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The server looks at names and rights alone, so that its own sentence may be told.
    Names(String),
    /// Rows are read or written: an error's sentence could hold one.
    Rows(String),
    /// What the user gave is read and run.
    Given(String),
}

/// Where each step begins in psql's input. Clones share it: it is read where the session is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps(Arc<Mutex<Vec<(u64, Step)>>>);

impl Steps {
    fn begin(&self, line: u64, step: Step) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.last().is_none_or(|(_, last)| *last != step) {
            steps.push((line, step));
        }
    }

    /// The step that this line of psql's input belongs to.
    pub(crate) fn at(&self, line: u64) -> Option<Step> {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let after = steps.partition_point(|(first, _)| *first <= line);
        Some(steps.get(after.checked_sub(1)?)?.1.clone())
    }
}

/// How a transaction reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every statement sees what is committed by then.
    Write,
    /// All statements see one moment. Temporary tables may be written to, but not made.
    ReadOneMoment,
}

impl Mode {
    fn sql(self) -> &'static str {
        match self {
            Mode::Write => "READ COMMITTED READ WRITE",
            Mode::ReadOneMoment => "REPEATABLE READ READ ONLY",
        }
    }
}

/// Sets the search path to the catalog and then the role's own path: to plan a query of a live table the
/// server looks at its indexes' expressions, and a function in one may name what only that path finds.
macro_rules! path {
    () => {
        "SET LOCAL search_path TO DEFAULT;\n\
         SELECT WHERE pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog', \
         CASE WHEN pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.<>) '' \
         THEN pg_catalog.current_setting('search_path') END), true) IS NULL;\n"
    };
}

/// Sets no search path, so that an expression of bare names finds nothing but what it is asked of.
pub(crate) const NO_PATH: &str = "SET LOCAL search_path = '';\n";

/// Sets what any other write of this role has, so that triggers and constraints find what they name.
pub(crate) const AS_ANY_WRITE: &str =
    "SET LOCAL search_path TO DEFAULT;\nSET LOCAL row_security TO DEFAULT;\n";
/// Sets again what was set before AS_ANY_WRITE or NO_PATH.
pub(crate) const AS_BEFORE: &str = concat!("SET LOCAL row_security = off;\n", path!());

/// Our end of the session. Dropped, psql ends, and an open transaction is rolled back.
pub(crate) struct Session {
    to: PipeWriter,
    lines: u64,
    steps: Steps,
    token: String,
    pinned: String,
    lock_wait: Duration,
    answers: Receiver<Line>,
    waits: bool,
}

/// What the session is begun with.
pub(crate) struct SessionStart {
    /// Random, so that no row and no statement can hold it.
    pub token: String,
    pub pinned: Pinned,
    pub lock_wait: Duration,
    pub answers: Receiver<Line>,
    pub steps: Steps,
}

fn ended() -> StreamError {
    StreamError::BrokenPipe("psql ended".into())
}

impl SessionStart {
    /// psql's first line forbids every backslash command from then on.
    pub(crate) fn open(self, to: PipeWriter) -> Result<Session, StreamError> {
        let mut session = Session {
            to,
            lines: 0,
            steps: self.steps,
            token: self.token,
            pinned: self.pinned.set + path!(),
            lock_wait: self.lock_wait,
            answers: self.answers,
            waits: false,
        };
        let restrict = format!("\\restrict {}\n", session.token);
        session.run(
            Step::Names("the beginning of the session".into()),
            &restrict,
        )?;
        session.wait()?;
        Ok(session)
    }
}

impl Session {
    /// Until the next transaction begins, however long gpg or what passes by takes. In one that sees
    /// and holds nothing, for outside of one the server may end the session (`idle_session_timeout`).
    pub(crate) fn wait(&mut self) -> Passed {
        self.begin(Mode::Write)?;
        self.waits = true;
        Ok(())
    }

    /// Begins a transaction, under settings of its own; no statement may stand outside of one.
    pub(crate) fn begin(&mut self, mode: Mode) -> Passed {
        if std::mem::take(&mut self.waits) {
            self.run(Step::Names("the end of the wait".into()), "COMMIT;\n")?;
        }
        let (pins, wait) = (&self.pinned, self.lock_wait.as_millis());
        let sql = format!(
            "BEGIN TRANSACTION ISOLATION LEVEL {};\n{pins}SET LOCAL client_min_messages = error;\n\
             SET LOCAL lock_timeout = {wait};\n",
            mode.sql()
        );
        self.run(Step::Names("the beginning of a transaction".into()), &sql)
    }

    /// Sets the settings of the transaction again: a condition of the user's may have changed one.
    pub(crate) fn pin(&mut self) -> Passed {
        let sql = self.pinned.clone();
        self.run(Step::Names("the settings of the session".into()), &sql)
    }

    /// Sends statements that answer nothing. One that fails ends the session: the next question
    /// gets no answer.
    pub(crate) fn run(&mut self, step: Step, sql: &str) -> Passed {
        self.steps.begin(self.lines + 1, step);
        self.write(sql.as_bytes())
    }

    /// Rows behind a COPY statement, in pieces.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Passed {
        self.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.to.write_all(bytes).map_err(StreamError::broken)
    }

    /// Asks a query of one column, and gives each row's text as it comes; nothing is kept.
    pub(crate) fn each(
        &mut self,
        step: Step,
        query: &str,
        row: &mut dyn FnMut(&str) -> Passed,
    ) -> Passed {
        let (begin, end) = (self.mark("begin"), self.mark("end"));
        self.run(step, &format!("{begin}COPY ({query}) TO STDOUT;\n{end}"))?;
        loop {
            match self.answers.recv().map_err(|_| ended())? {
                Line::End => return Ok(()),
                Line::Row(text) => row(&text)?,
            }
        }
    }

    /// All rows of a query of one column of JSON; only for few and small ones.
    pub(crate) fn all<T: DeserializeOwned>(
        &mut self,
        step: Step,
        query: &str,
    ) -> Result<Vec<T>, StreamError> {
        let mut all = Vec::new();
        self.each(step, query, &mut |text| {
            all.push(parsed(text)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The one row of a query of one column of JSON.
    pub(crate) fn one<T: DeserializeOwned>(
        &mut self,
        step: Step,
        query: &str,
    ) -> Result<T, StreamError> {
        let mut rows = self.all(step, query)?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            _ => Err(unreadable("it is not one row").into()),
        }
    }

    /// Waits until the server has run all that it was sent.
    pub(crate) fn settle(&mut self, step: Step) -> Passed {
        self.each(step, "SELECT WHERE false", &mut |_| Ok(()))
    }

    fn mark(&self, word: &str) -> String {
        format!(
            "COPY (SELECT {}) TO STDOUT;\n",
            literal(&format!("{} {word}", self.token))
        )
    }
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, StreamError> {
    serde_json::from_str(text).map_err(|err| unreadable(&err.to_string()).into())
}

fn unreadable(why: &str) -> Error {
    let what = format!("the database's answer cannot be read: {why}");
    Error::new(Code::Database, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_the_step_before_it() {
        let steps = Steps::default();
        let named = |text: &str| Step::Names(text.into());
        steps.begin(1, named("a"));
        steps.begin(4, named("b"));
        let at = [0, 1, 3, 4, 99].map(|line| steps.at(line));
        let (a, b) = (Some(named("a")), Some(named("b")));
        assert_eq!(at, [None, a.clone(), a, b.clone(), b]);
    }
}
