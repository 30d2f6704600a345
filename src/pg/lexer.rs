//! SQL text as psql splits it: statements, comments, backslash commands. A line that looks like
//! SQL inside a string, a quoted name or a comment is part of that string, name or comment.

/// Statements longer than this are cut in what is reported, never in how they are read.
pub(crate) const KEPT: usize = 256 * 1024;

/// What the bytes so far completed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A statement, without its `;`; white space stands for each comment.
    Statement(Vec<u8>),
    /// A `--` comment that is alone on its line, without the newline.
    Comment(Vec<u8>),
    /// A backslash command, to the end of its line.
    Command(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Sql,
    /// `--` up to the end of the line; true where nothing stood before it.
    Line(bool),
    /// `/* */`, which nests.
    Block(u32),
    /// `'…'`; true where a backslash escapes.
    Text(bool),
    Name,
    /// Between the dollars of `$tag$`.
    Tag,
    /// `$tag$ … $tag$`.
    Dollar,
    Command,
}

#[derive(Debug, Clone)]
pub(crate) struct Lexer {
    within: Within,
    kept: Vec<u8>,
    aside: Vec<u8>,
    tag: Vec<u8>,
    /// The last two bytes of SQL.
    before: [u8; 2],
    escaped: bool,
    /// A string has just ended, in this manner: a quote that follows continues it.
    ended: Option<bool>,
    parentheses: u32,
    /// Non-blank SQL stands in the statement.
    started: bool,
    /// `SET standard_conforming_strings = off`: a backslash escapes in every string.
    backslashes: bool,
}

impl Lexer {
    pub(crate) fn new() -> Lexer {
        Lexer {
            within: Within::Sql,
            kept: Vec::new(),
            aside: Vec::new(),
            tag: Vec::new(),
            before: [b'\n'; 2],
            escaped: false,
            ended: None,
            parentheses: 0,
            started: false,
            backslashes: false,
        }
    }

    /// Nothing is open: no statement, string, name or comment.
    pub(crate) fn at_rest(&self) -> bool {
        self.within == Within::Sql && !self.started
    }

    /// The next byte stands in no string, quoted name or comment, though it may begin one.
    pub(crate) fn is_plain(&self) -> bool {
        self.within == Within::Sql
    }

    pub(crate) fn push(&mut self, byte: u8) -> Option<Token> {
        match self.within {
            Within::Sql => return self.sql(byte),
            Within::Line(alone) => {
                if byte == b'\n' {
                    self.within = Within::Sql;
                    self.before = [b'\n'; 2];
                    let text = std::mem::take(&mut self.aside);
                    return alone.then_some(Token::Comment(text));
                }
                self.note(byte);
            }
            Within::Command => {
                if byte == b'\n' {
                    self.within = Within::Sql;
                    self.before = [b'\n'; 2];
                    return Some(Token::Command(std::mem::take(&mut self.aside)));
                }
                self.note(byte);
            }
            Within::Block(depth) => {
                match (self.before[1], byte) {
                    (b'*', b'/') => {
                        self.within = match depth {
                            1 => Within::Sql,
                            _ => Within::Block(depth - 1),
                        };
                        return self.after(b' ');
                    }
                    (b'/', b'*') => {
                        self.within = Within::Block(depth + 1);
                        return self.after(b' ');
                    }
                    _ => {}
                }
                return self.after(byte);
            }
            Within::Text(backslashes) => {
                self.keep(byte);
                if self.escaped {
                    self.escaped = false;
                } else if backslashes && byte == b'\\' {
                    self.escaped = true;
                } else if byte == b'\'' {
                    self.within = Within::Sql;
                    self.ended = Some(backslashes);
                }
            }
            Within::Name => {
                self.keep(byte);
                if byte == b'"' {
                    self.within = Within::Sql;
                }
            }
            Within::Tag => {
                self.keep(byte);
                let word = byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
                if byte == b'$' {
                    self.within = Within::Dollar;
                    self.aside.clear();
                } else if word && !(self.tag.is_empty() && byte.is_ascii_digit()) {
                    self.tag.push(byte);
                    return None;
                } else {
                    // `$1`, or a lone dollar: no string after all.
                    self.kept.pop();
                    self.within = Within::Sql;
                    return self.sql(byte);
                }
            }
            Within::Dollar => {
                self.keep(byte);
                self.note(byte);
                let end = self.tag.len() + 2;
                if byte == b'$'
                    && self.aside.len() >= end
                    && let [b'$', tag @ .., b'$'] = &self.aside[self.aside.len() - end..]
                    && *tag == self.tag
                {
                    self.within = Within::Sql;
                    self.aside.clear();
                } else if self.aside.len() > 2 * end + 128 {
                    let cut = self.aside.len() - end;
                    self.aside.drain(..cut);
                }
            }
        }
        self.after(byte)
    }

    fn sql(&mut self, byte: u8) -> Option<Token> {
        let [before, last] = self.before;
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80;
        match (last, byte) {
            (b'-', b'-') => {
                self.kept.pop();
                self.started = !self.kept.trim_ascii().is_empty();
                self.keep(b'\n');
                self.within = Within::Line(!self.started);
                self.aside = b"--".to_vec();
                return self.after(b' ');
            }
            (b'/', b'*') => {
                self.kept.pop();
                self.started = !self.kept.trim_ascii().is_empty();
                self.keep(b' ');
                self.within = Within::Block(1);
                return self.after(b' ');
            }
            (_, b'\\') => {
                self.within = Within::Command;
                self.aside = vec![b'\\'];
                return None;
            }
            (_, b';') if self.parentheses == 0 => {
                self.started = false;
                self.ended = None;
                self.before = [b'\n'; 2];
                let statement = std::mem::take(&mut self.kept).trim_ascii().to_vec();
                self.note_setting(&statement);
                return Some(Token::Statement(statement));
            }
            (_, b'(') => self.parentheses += 1,
            (_, b')') => self.parentheses = self.parentheses.saturating_sub(1),
            (_, b'\'') => {
                let escape = matches!(last, b'E' | b'e') && !word(before);
                let manner = self.ended.unwrap_or(escape || self.backslashes);
                self.within = Within::Text(manner);
            }
            (_, b'"') => self.within = Within::Name,
            (_, b'$') if !word(last) => {
                self.within = Within::Tag;
                self.tag.clear();
            }
            _ => {}
        }
        self.keep(byte);
        if !byte.is_ascii_whitespace() {
            self.started = true;
            self.ended = None;
        }
        self.after(byte)
    }

    fn after(&mut self, byte: u8) -> Option<Token> {
        self.before = [self.before[1], byte];
        None
    }

    fn keep(&mut self, byte: u8) {
        if self.kept.len() < KEPT {
            self.kept.push(byte);
        }
    }

    fn note(&mut self, byte: u8) {
        if self.aside.len() < KEPT {
            self.aside.push(byte);
        }
    }

    fn note_setting(&mut self, statement: &[u8]) {
        if let Some(value) = statement.strip_prefix(b"SET standard_conforming_strings = ") {
            self.backslashes = value.trim_ascii() != b"on";
        }
    }
}

#[cfg(test)]
mod tests;
