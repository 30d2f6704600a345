//! The plain dump as it passes: which tables, how many rows, and whether it is whole.

use crate::base::names::TableName;
use crate::pg::copy::CopyHeader;
use crate::pg::lexer::{Lexer, Token};
use crate::pg::partition_root::RootLoad;
use std::collections::BTreeSet;

/// The rows of one relation as the stream held them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub table: TableName,
    pub rows: u64,
    /// Bytes of COPY text, newlines included, the closing `\.` not.
    pub bytes: u64,
}

/// A byte of SQL text, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqlByte {
    pub byte: u8,
    /// In no string, quoted name or comment.
    pub plain: bool,
}

/// Follows a dump as it is scanned, piece by piece, in its order.
pub(crate) trait Listener {
    /// A byte of SQL text, which may complete a token.
    fn sql(&mut self, _byte: SqlByte) {}
    /// What the bytes since the last token amount to. Backslash commands are not told.
    fn token(&mut self, _token: &Token) {}
    /// That was a COPY statement, and the rows of this table follow. The header names another one,
    /// its partition root, where pg_dump loads through that.
    fn copy(&mut self, _header: &CopyHeader, _table: &TableName) {}
    /// A piece of the rows that follow the last COPY statement; the last piece ends with the
    /// line `\.`.
    fn rows(&mut self, _bytes: &[u8]) {}
}

/// A scan that nobody follows.
pub(crate) struct Nobody;

impl Listener for Nobody {}

/// Watches a dump of a known set of relations.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    missing: BTreeSet<TableName>,
    /// Partitioned tables, through which rows of their partitions may be loaded.
    roots: BTreeSet<TableName>,
    root_load: RootLoad,
    blocks: Vec<Block>,
    lexer: Lexer,
    mode: Mode,
    restricted: bool,
    /// Of `\restrict`, or of the comment in its place.
    pub random_token: Option<Vec<u8>>,
    trailer: Trailer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sql,
    /// Behind the `;` of a COPY statement.
    Header,
    Rows(Line),
}

/// How much of a line `\.` was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Start,
    Backslash,
    Dot,
    Inside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Trailer {
    None,
    Seen,
    Unrestricted,
}

pub(crate) const COMPLETE: &[u8] = b"-- PostgreSQL database dump complete";

impl Scan {
    /// `expected`: every relation that stores rows, each of which must have its COPY block.
    pub(crate) fn new(expected: impl IntoIterator<Item = TableName>) -> Scan {
        Scan {
            missing: expected.into_iter().collect(),
            roots: BTreeSet::new(),
            root_load: RootLoad::default(),
            blocks: Vec::new(),
            lexer: Lexer::new(),
            mode: Mode::Sql,
            restricted: false,
            random_token: None,
            trailer: Trailer::None,
        }
    }

    /// `roots`: the partitioned tables that the dump creates.
    pub(crate) fn with_roots(mut self, roots: impl IntoIterator<Item = TableName>) -> Scan {
        self.roots.extend(roots);
        self
    }

    /// The table that is passing, or passed last, and how many of its rows have.
    pub(crate) fn passing(&self) -> Option<(&TableName, u64)> {
        let block = self.blocks.last()?;
        Some((&block.table, block.rows))
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.push_to(bytes, &mut Nobody)
    }

    pub(crate) fn push_to(
        &mut self,
        bytes: &[u8],
        listener: &mut impl Listener,
    ) -> Result<(), String> {
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            rest = match self.mode {
                Mode::Rows(line) => {
                    let used = self.rows(line, rest)?;
                    listener.rows(&rest[..used]);
                    &rest[used..]
                }
                Mode::Header if *first == b'\n' => {
                    self.mode = Mode::Rows(Line::Start);
                    after
                }
                Mode::Header => return Err("text behind a COPY statement".into()),
                Mode::Sql => {
                    listener.sql(SqlByte {
                        byte: *first,
                        plain: self.lexer.is_plain(),
                    });
                    if let Some(token) = self.lexer.push(*first) {
                        listener.token(&token);
                        if let Some(header) = self.token(token)?
                            && let Some(block) = self.blocks.last()
                        {
                            listener.copy(&header, &block.table);
                        }
                    }
                    after
                }
            };
        }
        Ok(())
    }

    /// What was dumped, if all of it was.
    pub(crate) fn finish(self) -> Result<Vec<Block>, String> {
        if let (Mode::Rows(_) | Mode::Header, Some(block)) = (self.mode, self.blocks.last()) {
            return Err(format!("the rows of `{}` are cut off", block.table));
        }
        if self.trailer == Trailer::None {
            return Err("its completion trailer is missing".into());
        }
        if !self.lexer.at_rest() {
            return Err("it ends inside a statement".into());
        }
        if self.restricted && self.trailer != Trailer::Unrestricted {
            return Err("its \\unrestrict line is missing".into());
        }
        match self.missing.first() {
            Some(table) => Err(format!("the rows of `{table}` are missing")),
            None => Ok(self.blocks),
        }
    }

    /// The header, where rows follow.
    fn token(&mut self, token: Token) -> Result<Option<CopyHeader>, String> {
        let behind = || Err("there is text behind its completion trailer".to_string());
        match token {
            Token::Comment(text) if self.trailer == Trailer::None => {
                if text == COMPLETE && self.lexer.at_rest() {
                    self.trailer = Trailer::Seen;
                }
                self.random_token = self.random_token.take().or(crate::pg::token::of(&text));
                self.root_load.comment(&text);
                Ok(None)
            }
            Token::Comment(text) if self.trailer == Trailer::Seen && text == b"--" => Ok(None),
            Token::Comment(_) => behind(),
            Token::Command(text) => self.command(&text).map(|()| None),
            Token::Statement(_) if self.trailer != Trailer::None => behind(),
            Token::Statement(text) => {
                let word = text.get(..4).unwrap_or_default();
                if word.eq_ignore_ascii_case(b"copy") {
                    return self.copy(&text).map(Some);
                }
                self.root_load.take();
                Ok(None)
            }
        }
    }

    /// The only backslash commands of a dump are the pair that forbids all others.
    fn command(&mut self, text: &[u8]) -> Result<(), String> {
        let text = text.trim_ascii_end();
        if let Some(key) = text.strip_prefix(b"\\restrict ")
            && !self.restricted
            && self.blocks.is_empty()
            && self.trailer == Trailer::None
        {
            (self.restricted, self.random_token) = (true, Some(key.to_vec()));
            return Ok(());
        }
        if let Some(key) = text.strip_prefix(b"\\unrestrict ")
            && self.trailer == Trailer::Seen
            && (self.restricted, self.random_token.as_deref()) == (true, Some(key))
        {
            self.trailer = Trailer::Unrestricted;
            return Ok(());
        }
        Err("it holds a psql command where none may be".into())
    }

    fn copy(&mut self, text: &[u8]) -> Result<CopyHeader, String> {
        let header = CopyHeader::read(text);
        let header = header.ok_or("it holds a COPY statement that is not pg_dump's")?;
        let table = self.rows_of(&header)?;
        if !self.missing.remove(&table) {
            return Err(if self.blocks.iter().any(|b| b.table == table) {
                format!("the rows of `{table}` come twice")
            } else {
                format!("it holds rows of `{table}`, which was not asked for")
            });
        }
        self.blocks.push(Block {
            table,
            rows: 0,
            bytes: 0,
        });
        self.mode = Mode::Header;
        Ok(header)
    }

    /// The table that the rows belonged to, be they loaded through its root.
    fn rows_of(&mut self, header: &CopyHeader) -> Result<TableName, String> {
        let root = &header.table;
        let Some(entry) = self.root_load.take() else {
            return Ok(root.clone());
        };
        if !self.roots.contains(root) {
            return Err(format!(
                "the rows of a partition can only be loaded through its root `{root}`, which is not in the backup"
            ));
        }
        let table = entry.find(&self.missing).cloned();
        table.ok_or_else(|| format!("it holds rows of `{root}` of no partition that was asked for"))
    }

    /// Takes rows up to the end of the block or of `bytes`; returns how many bytes it used. In
    /// data a backslash is doubled, so the first bare `\.` on a line is the end.
    fn rows(&mut self, mut line: Line, bytes: &[u8]) -> Result<usize, String> {
        let Some(block) = self.blocks.last_mut() else {
            return Ok(bytes.len());
        };
        let mut at = 0;
        while at < bytes.len() {
            line = match (line, bytes[at]) {
                (Line::Start, b'\\') => Line::Backslash,
                (Line::Backslash, b'.') => Line::Dot,
                (Line::Dot, b'\n') => {
                    self.mode = Mode::Sql;
                    block.bytes = (block.bytes + at as u64) - 2;
                    return Ok(at + 1);
                }
                // psql takes `\.` with a carriage return for the end, and would run what follows.
                (Line::Dot, _) => return Err("a row begins like the end of the rows".into()),
                _ => match memchr::memchr(b'\n', &bytes[at..]) {
                    Some(end) => {
                        block.rows += 1;
                        at += end;
                        Line::Start
                    }
                    None => {
                        at = bytes.len();
                        line = Line::Inside;
                        break;
                    }
                },
            };
            at += 1;
        }
        block.bytes += bytes.len() as u64;
        self.mode = Mode::Rows(line);
        Ok(at)
    }
}

#[cfg(test)]
mod tests;
