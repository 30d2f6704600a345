//! What goes to psql: only statements that were read and judged here, and rows. Nothing in the
//! stream can end the transaction; only `commit` does, whose words nobody can say before.

use super::digest::{RowSum, Sum};
use super::rules::{Rules, Ruling};
use super::statement;
use crate::manifest::Table;
use crate::pg::scan::Listener;

/// The longest statement that is taken; all but comments and bodies of functions are short.
pub(crate) const LONGEST: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Gate {
    rules: Rules,
    /// What may go on to psql.
    pub out: Vec<u8>,
    /// What was left out.
    pub skipped: Vec<String>,
    /// In the order of their COPY statements, where they are wanted.
    sums: Option<Vec<RowSum>>,
}

impl Gate {
    pub(crate) fn new(rules: Rules, digest: bool) -> Gate {
        Gate {
            rules,
            out: Vec::new(),
            skipped: Vec::new(),
            sums: digest.then(Vec::new),
        }
    }

    pub(crate) fn sums(&self) -> Vec<Sum> {
        let sums = self.sums.iter().flatten();
        sums.map(RowSum::sum).collect()
    }
}

impl Listener for Gate {
    fn statement(&mut self, text: &[u8]) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        if text.len() >= LONGEST {
            return Err(format!("it holds a statement of more than {LONGEST} bytes"));
        }
        let statement = statement::read(text).map_err(|why| {
            let start = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
            format!("{why}: {start}")
        })?;
        match self.rules.judge(&statement)? {
            Ruling::Pass => {
                self.out.extend_from_slice(&statement.text);
                self.out.extend_from_slice(b";\n");
                if let (Some(sums), true) = (&mut self.sums, statement.begins(&["copy"])) {
                    sums.push(RowSum::default());
                }
            }
            Ruling::Skip(what) => self.skipped.push(what),
            Ruling::Aside => {}
        }
        Ok(())
    }

    fn rows(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        if let Some(sum) = self.sums.as_mut().and_then(|sums| sums.last_mut()) {
            sum.push(bytes);
        }
    }
}

/// What stands around the stream, and what cannot be guessed.
pub(crate) struct Frame {
    token: String,
}

impl Frame {
    pub(crate) fn new(random: [u8; 16]) -> Frame {
        Frame {
            token: hex::encode(random),
        }
    }

    /// psql's first lines. `\restrict` forbids every other backslash command. The latch is a row
    /// that breaks a constraint which is only looked at when the transaction commits: until the
    /// tail mends it no COMMIT can succeed.
    pub(crate) fn head(&self, pins: &str) -> String {
        let latch = self.latch();
        format!(
            "\\restrict {token}\n\
             BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\n\
             {pins}{settings}\
             SET client_min_messages = warning;\n\
             CREATE TEMPORARY TABLE {latch} (a int PRIMARY KEY, \
             b int REFERENCES {latch} DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP;\n\
             INSERT INTO {latch} VALUES (1, 2);\n",
            token = self.token,
            settings = SETTINGS,
        )
    }

    fn latch(&self) -> String {
        format!("pg_temp.pgseal_{}", self.token)
    }

    /// Opens the latch, lets whatever was put off until COMMIT happen now, tells the rows of every
    /// table on standard output, and fails where they are not right. Without its last word the end
    /// of input rolls all back.
    pub(crate) fn tail(&self, tables: &[&Table]) -> String {
        let latch = self.latch();
        let counts = format!("{latch}_rows");
        let mut out = format!(
            "{SETTINGS}SET row_security = off;\n\
             UPDATE {latch} SET b = a;\n\
             SET CONSTRAINTS ALL IMMEDIATE;\n\
             CREATE TEMPORARY TABLE {counts} (at int, rows bigint, told bigint) ON COMMIT DROP;\n"
        );
        for (at, table) in tables.iter().enumerate() {
            let name = table.table().pattern();
            out += &format!(
                "INSERT INTO {counts} SELECT {at}, pg_catalog.count(*), {} FROM ONLY {name};\n",
                table.rows
            );
        }
        out + &format!(
            "SELECT '{token}', at, rows FROM {counts} ORDER BY at;\n\
             SELECT 1 OPERATOR(pg_catalog./) CASE WHEN EXISTS \
             (SELECT FROM {counts} WHERE rows OPERATOR(pg_catalog.<>) told) THEN 0 ELSE 1 END;\n\
             COMMIT;\n\
             \\unrestrict {token}\n",
            token = self.token
        )
    }

    /// What psql answered, by the table's place.
    pub(crate) fn counts(&self, answer: &[u8]) -> Vec<(usize, u64)> {
        let text = String::from_utf8_lossy(answer);
        let lines = text.lines().filter_map(|line| {
            let (at, rows) = line
                .strip_prefix(&self.token)?
                .strip_prefix('|')?
                .split_once('|')?;
            Some((at.parse().ok()?, rows.parse().ok()?))
        });
        lines.collect()
    }
}

/// How the rest is read. A function of the prelude, or of a table, could have changed it: names
/// and operators too, which are the catalog's where no other schema is searched.
pub(crate) const SETTINGS: &str = "SET standard_conforming_strings = on;\n\
    SET client_encoding = 'UTF8';\nSET search_path = '';\nSET array_nulls = on;\n";
