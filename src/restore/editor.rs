//! A dump on its way to psql: each statement passed on or left out, rows passed on and digested.

use crate::base::names::{TableName, quoted};
use crate::base::text::shortened;
use crate::pg::copy::CopyHeader;
use crate::pg::lexer::{KEPT, Token};
use crate::pg::prelude::late::Part;
use crate::pg::row_digest::DigestKey;
use crate::pg::scan::{Listener, SqlByte};
use crate::restore::copied::CopiedRows;
use crate::restore::late::LateParts;
use crate::restore::omissions::{Omission, Omissions};
use crate::restore::script::TransactionScript;
use crate::restore::selection::Selection;
use crate::restore::statement::{self, Statement};

/// What may be read in a report of a statement that was left out.
const SHOWN: usize = 160;

/// Where an entry of the dump begins in psql's input, for errors that name a line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    line: u64,
    label: String,
}

#[derive(Debug)]
pub(crate) struct DumpEditor {
    script: TransactionScript,
    omissions: Omissions,
    /// None: all of the dump is restored.
    selection: Option<Selection>,
    /// The rows that pass are not restored.
    passing_by: bool,
    /// For psql, to be taken by the caller.
    pub out: Vec<u8>,
    /// Lines that psql has been given.
    lines: u64,
    /// The statement so far, with the white space before it.
    pending: Vec<u8>,
    /// A long statement, of which the head was enough to decide.
    decided: Option<bool>,
    /// The last byte was a `:` outside of strings, which psql could take for a variable.
    colon: bool,
    entries: Vec<Entry>,
    /// The rest of this entry is left out with its first statement.
    entry_omitted: bool,
    /// Who grants, where it is not the owner: what follows takes a superuser to repeat.
    grantor: Option<String>,
    pub copied: CopiedRows,
    late: LateParts,
    /// How many tables psql has been asked to tell again.
    compared: usize,
    /// What was left out, and why.
    pub omitted: Vec<String>,
}

impl DumpEditor {
    pub(crate) fn new(
        script: TransactionScript,
        omissions: Omissions,
        key: DigestKey,
    ) -> DumpEditor {
        DumpEditor {
            script,
            omissions,
            selection: None,
            passing_by: false,
            out: Vec::new(),
            lines: 0,
            pending: Vec::new(),
            decided: None,
            colon: false,
            entries: Vec::new(),
            entry_omitted: false,
            grantor: None,
            copied: CopiedRows::new(key),
            late: LateParts::default(),
            compared: 0,
            omitted: Vec::new(),
        }
    }

    pub(crate) fn with_late(self, parts: Vec<Part>) -> DumpEditor {
        let late = LateParts::new(parts);
        DumpEditor { late, ..self }
    }

    pub(crate) fn with_selection(self, selection: Option<Selection>) -> DumpEditor {
        DumpEditor { selection, ..self }
    }

    /// What is late and has not passed yet, at the end of the dump.
    pub(crate) fn late(&mut self) -> Result<(), String> {
        self.insert_late();
        self.late.done()
    }

    /// All that is late and has the tables that it needs.
    fn insert_late(&mut self) {
        for sql in self.late.ready() {
            // Its own warnings tell what it left out.
            let level = |level| format!("SET LOCAL client_min_messages = {level};\n").into_bytes();
            let text = [level("warning"), sql, level("error")].concat();
            self.insert("the late part of the prelude", &text);
        }
    }

    /// Text of our own, which is no entry of the dump.
    pub(crate) fn insert(&mut self, label: &str, text: &[u8]) {
        self.begin_entry(label.into());
        self.write(text);
    }

    fn begin_entry(&mut self, label: String) {
        let line = self.lines + 1;
        self.entries.push(Entry { line, label });
    }

    fn write(&mut self, text: &[u8]) {
        self.lines += memchr::memchr_iter(b'\n', text).count() as u64;
        self.out.extend_from_slice(text);
    }

    /// The entry that this line of psql's input belongs to.
    pub(crate) fn entry_at(&self, line: u64) -> Option<&str> {
        let after = self.entries.partition_point(|entry| entry.line <= line);
        let entry = self.entries.get(after.checked_sub(1)?)?;
        Some(&entry.label)
    }

    /// Asks for the tables that have passed and were not told yet.
    pub(crate) fn compare(&mut self) {
        let tables = self.copied.told();
        if tables.len() > self.compared {
            let text = self.script.compare(self.compared, &tables);
            self.compared = tables.len();
            self.insert("the comparison of the rows", &text);
        }
    }

    /// Whether the statement goes on to psql.
    fn decide(&mut self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text);
        let statement = statement::read(&text);
        if let Some(selection) = &mut self.selection
            && !selection.takes(&text)
        {
            if let Statement::CreateRelation(there) = &statement {
                self.late.created(there);
            }
            return false;
        }
        match &statement {
            // What triggers of the target say could hold a row; the prelude has been run.
            Statement::Messages => return false,
            Statement::Default => {
                self.entry_omitted = false;
                return true;
            }
            Statement::DefaultTablespace(name) => {
                self.entry_omitted = false;
                if self.omissions.lacks_tablespace(name) {
                    // Else the last one that was set would hold.
                    self.write(b"SET default_tablespace = '';\n");
                    self.omitted.push(format!("tablespace {name}"));
                    return false;
                }
                return true;
            }
            Statement::SessionAuthorization(role) => self.grantor = Some(role.clone()),
            Statement::ResetSessionAuthorization => self.grantor = None,
            // A child has the default of its parent by then, and pg_dump does not take it away.
            Statement::AddIdentity { table, column } => {
                let (table, column) = (table.pattern(), quoted(column));
                let drop =
                    format!("ALTER TABLE ONLY {table} ALTER COLUMN {column} DROP DEFAULT;\n");
                self.write(drop.as_bytes());
            }
            Statement::CreateRelation(name) => self.late.created(name),
            statement if statement.hides_rows() => self.compare(),
            _ => {}
        }
        let switches = matches!(
            statement,
            Statement::SessionAuthorization(_) | Statement::ResetSessionAuthorization
        );
        if self.entry_omitted || switches {
            return false;
        }
        let by_another = self.grantor.as_ref().map(|grantor| Omission {
            why: format!("granted by {grantor}"),
            entry: false,
        });
        match by_another.or_else(|| self.omissions.find(&statement)) {
            Some(Omission { why, entry }) => {
                self.omitted.push(format!("{why}: {}", shown(&text)));
                self.entry_omitted = entry;
                false
            }
            None => true,
        }
    }
}

impl Listener for DumpEditor {
    fn sql(&mut self, SqlByte { byte, plain }: SqlByte) {
        // psql puts in its variables where a name or a quote stands right behind a colon. A blank
        // keeps it from that, and means nothing to the server.
        if self.colon && !matches!(byte, b':' | b'=') {
            self.pending.push(b' ');
        }
        self.colon = plain && byte == b':' && !self.colon;
        self.pending.push(byte);
        if self.pending.len() >= KEPT {
            let pending = std::mem::take(&mut self.pending);
            let keep = match self.decided {
                Some(keep) => keep,
                None => self.decide(pending.trim_ascii_start()),
            };
            self.decided = Some(keep);
            if keep {
                self.write(&pending);
            }
        }
    }

    fn token(&mut self, token: &Token) {
        let pending = std::mem::take(&mut self.pending);
        match token {
            Token::Command(_) => {}
            Token::Comment(text) => {
                if let Some(label) = label(text) {
                    self.entry_omitted = false;
                    self.omissions.head_is_over();
                    self.insert_late();
                    self.begin_entry(label);
                }
            }
            Token::Statement(text) => {
                let decided = self.decided.take();
                let keep = decided.unwrap_or_else(|| self.decide(text));
                if keep {
                    let text = match decided {
                        Some(_) => &pending[..],
                        None => pending.trim_ascii_start(),
                    };
                    self.write(text);
                    self.write(b"\n");
                }
            }
        }
    }

    fn copy(&mut self, header: &CopyHeader, table: &TableName) {
        let selection = self.selection.as_ref();
        self.passing_by = selection.is_some_and(|chosen| !chosen.takes_rows(&header.table));
        if self.passing_by {
            return;
        }
        self.copied.begin(header, table);
    }

    fn rows(&mut self, bytes: &[u8]) {
        if self.passing_by {
            return;
        }
        self.write(bytes);
        self.copied.push(bytes);
    }
}

/// `-- Name: t c; Type: FK CONSTRAINT; Schema: public; Owner: app` → `FK CONSTRAINT t c`. From
/// its end: a name may hold anything but a line's end.
fn label(comment: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(comment);
    let rest = text
        .strip_prefix("-- Name: ")
        .or_else(|| text.strip_prefix("-- Data for Name: "))?;
    let (rest, _) = rest.rsplit_once("; Schema: ")?;
    let (name, kind) = rest.rsplit_once("; Type: ")?;
    Some(format!("{kind} {name}"))
}

/// One line of bounded length.
fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    shortened(&words.join(" "), SHOWN)
}

#[cfg(test)]
mod tests;
