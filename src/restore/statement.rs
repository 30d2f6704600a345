//! One statement, read so strictly that psql cannot read it in another way. What could be read
//! in two ways is refused, not guessed; and what is passed on is what was read here, without the
//! comments, and with every backslash spelt in the way that no setting changes.

use super::words::{Statement, Word};

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    words: Vec<Word>,
    out: Vec<u8>,
    depth: u32,
}

type Read<T = ()> = Result<T, String>;

/// Of a statement as the lexer gives it.
pub(crate) fn read(bytes: &[u8]) -> Read<Statement> {
    let mut reader = Reader {
        bytes,
        at: 0,
        words: Vec::new(),
        out: Vec::with_capacity(bytes.len()),
        depth: 0,
    };
    while let Some(byte) = reader.peek(0) {
        reader.word(byte)?;
    }
    if reader.depth != 0 {
        return Err("its parentheses do not close".into());
    }
    let statement = Statement {
        words: reader.words,
        text: reader.out,
    };
    match statement.has_atomic_body() {
        // psql keeps such a body together by rules of its own.
        true => Err("it has a function body between BEGIN and END".into()),
        false => Ok(statement),
    }
}

fn letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn inside_word(byte: u8) -> bool {
    letter(byte) || byte.is_ascii_digit() || byte == b'$'
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Passes on `n` bytes as they are.
    fn pass(&mut self, n: usize) {
        self.out
            .extend_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
    }

    /// How many bytes from here on are of this kind.
    fn run(&self, fits: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes[self.at..];
        rest.iter()
            .position(|byte| !fits(*byte))
            .unwrap_or(rest.len())
    }

    fn text_of(&self, n: usize) -> Read<String> {
        let bytes = self.bytes[self.at..self.at + n].to_vec();
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
    }

    fn word(&mut self, byte: u8) -> Read {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => self.pass(1),
            b'\'' => self.string(false)?,
            b'"' => self.name()?,
            b'$' => self.dollar()?,
            b':' => self.colon(),
            b'(' | b')' => {
                match byte {
                    b'(' => self.depth += 1,
                    _ => self.depth = self.depth.checked_sub(1).ok_or("a `)` opens nothing")?,
                }
                self.mark(byte);
            }
            b';' if self.depth == 0 => return Err("it is more than one statement".into()),
            b'-' if self.peek(1) == Some(b'-') => return Err("it holds a comment".into()),
            b'/' if self.peek(1) == Some(b'*') => return Err("it holds a comment".into()),
            b'\\' => return Err("it holds a psql command".into()),
            byte if letter(byte) => self.bare()?,
            byte if byte.is_ascii_digit() => self.number()?,
            byte if byte.is_ascii_punctuation() => self.mark(byte),
            _ => return Err("it holds a control character".into()),
        }
        Ok(())
    }

    fn mark(&mut self, byte: u8) {
        self.words.push(Word::Mark(byte.into()));
        self.pass(1);
    }

    fn bare(&mut self) -> Read {
        let n = self.run(inside_word);
        let text = self.text_of(n)?.to_ascii_lowercase();
        // In some encodings the server would lower its letters too; pg_dump quotes such a name.
        if !text.is_ascii() {
            return Err("a name without quotes is not ASCII".into());
        }
        match (self.peek(n), self.peek(n + 1)) {
            (Some(b'\''), _) if text == "e" => {
                self.at += n;
                return self.string(true);
            }
            // Bits: as a string, and without a backslash in any right one.
            (Some(b'\''), _) if matches!(text.as_str(), "b" | "x") => {}
            (Some(b'\'' | b'"'), _) => return Err("a quote touches a word".into()),
            (Some(b'&'), Some(b'\'' | b'"')) if text == "u" => {
                return Err("it holds a U& string".into());
            }
            _ => {}
        }
        self.words.push(Word::Bare(text));
        self.pass(n);
        Ok(())
    }

    fn number(&mut self) -> Read {
        let mut n = self.run(|byte| byte.is_ascii_digit() || byte == b'.');
        if let (Some(b'e' | b'E'), Some(next)) = (self.peek(n), self.peek(n + 1)) {
            let sign = usize::from(matches!(next, b'+' | b'-'));
            if self
                .peek(n + 1 + sign)
                .is_some_and(|byte| byte.is_ascii_digit())
            {
                n += 1 + sign;
                while self.peek(n).is_some_and(|byte| byte.is_ascii_digit()) {
                    n += 1;
                }
            }
        }
        if self.peek(n).is_some_and(inside_word) {
            return Err("a number runs into a word".into());
        }
        let text = self.text_of(n)?;
        self.words.push(Word::Number(text));
        self.pass(n);
        Ok(())
    }

    /// `'…'`, or `E'…'` behind its E. One with a backslash is passed on as `E'…'`, which
    /// standard_conforming_strings does not touch.
    fn string(&mut self, escapes: bool) -> Read {
        // White space between two strings joins them, by rules that differ with line ends.
        if let Some(Word::Text(_) | Word::Escaped) = self.words.last() {
            return Err("a string follows a string".into());
        }
        let mut n = 1;
        loop {
            match self.peek(n).ok_or("a string does not end")? {
                b'\\' if escapes && self.peek(n + 1).is_some() => n += 2,
                b'\'' if self.peek(n + 1) == Some(b'\'') => n += 2,
                b'\'' => break,
                _ => n += 1,
            }
        }
        let inner = &self.bytes[self.at + 1..self.at + n];
        let text = String::from_utf8(inner.to_vec()).map_err(|_| "it is not UTF-8")?;
        let bits = self.out.last().is_some_and(|byte| letter(*byte));
        if !escapes && !bits && text.contains('\\') {
            self.out.extend_from_slice(b" E'");
            self.out
                .extend_from_slice(text.replace('\\', "\\\\").as_bytes());
            self.out.push(b'\'');
        } else if !escapes && text.contains('\\') {
            return Err("a backslash stands among bits".into());
        } else {
            self.out
                .extend_from_slice(if escapes { b" E" } else { b"" });
            self.out
                .extend_from_slice(&self.bytes[self.at..=self.at + n]);
        }
        self.at += n + 1;
        self.words.push(match escapes && text.contains('\\') {
            true => Word::Escaped,
            false => Word::Text(text.replace("''", "'")),
        });
        Ok(())
    }

    fn name(&mut self) -> Read {
        let mut n = 1;
        loop {
            match self.peek(n).ok_or("a name does not end")? {
                b'"' if self.peek(n + 1) == Some(b'"') => n += 2,
                b'"' => break,
                _ => n += 1,
            }
        }
        let text = self.text_of(n)?;
        self.words
            .push(Word::Quoted(text[1..].replace("\"\"", "\"")));
        self.pass(n + 1);
        Ok(())
    }

    fn dollar(&mut self) -> Read {
        let rest = &self.bytes[self.at + 1..];
        let end = memchr::memchr(b'$', rest).ok_or("a dollar stands alone")?;
        let tag = &rest[..end];
        let first = tag.first().is_none_or(|byte| letter(*byte));
        if !first || !tag.iter().all(|byte| inside_word(*byte)) {
            return Err("a dollar begins no string".into());
        }
        if let Some(Word::Text(_) | Word::Escaped) = self.words.last() {
            return Err("a string follows a string".into());
        }
        let quote = self.bytes[self.at..self.at + end + 2].to_vec();
        let body = &self.bytes[self.at + quote.len()..];
        let length = memchr::memmem::find(body, &quote).ok_or("a string does not end")?;
        let text = String::from_utf8(body[..length].to_vec()).map_err(|_| "it is not UTF-8")?;
        self.words.push(Word::Text(text));
        self.pass(length + 2 * quote.len());
        Ok(())
    }

    /// psql puts in its variables where something stands right behind a colon. A blank there
    /// keeps it from that, and changes nothing for the server: to it a colon is a token by itself,
    /// but in `::` and `:=`, which psql passes by.
    fn colon(&mut self) {
        if let Some(next @ (b':' | b'=')) = self.peek(1) {
            self.words
                .extend([Word::Mark(':'), Word::Mark(next.into())]);
            self.pass(2);
        } else {
            self.mark(b':');
            self.out.push(b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sql: &str) -> Result<String, String> {
        read(sql.as_bytes()).map(|read| String::from_utf8(read.text).unwrap())
    }

    #[test]
    fn what_dumps_hold_passes() {
        for sql in [
            "SELECT pg_catalog.setval('public.a_id_seq', 1, true)",
            "CREATE TABLE \"a\"\"b\".x (y numeric(10,2) DEFAULT 1.5e-3, z text DEFAULT 'it''s'::text)",
            "ALTER TABLE ONLY a ADD CONSTRAINT c CHECK (((b)[1] = '{1}'::integer[]))",
            "CREATE RULE r AS ON INSERT TO a DO ( DELETE FROM b; DELETE FROM c)",
            "DO $x$ BEGIN; ' $$ \\ :HOST END $x$",
            "SELECT a$b, B'101'::bit, x::\"T\", \":T\", ':T', $$:T$$, f(a := 1)",
        ] {
            assert_eq!(text(sql).as_deref(), Ok(sql));
        }
    }

    #[test]
    fn a_backslash_means_the_same_in_every_setting() {
        assert_eq!(text("SELECT 'a\\b'").unwrap(), "SELECT  E'a\\\\b'");
        assert_eq!(text("SELECT E'a\\'b'").unwrap(), "SELECT  E'a\\'b'");
        assert_eq!(text("SELECT '\\'").unwrap(), "SELECT  E'\\\\'");
    }

    #[test]
    fn psql_puts_no_variable_in() {
        for (sql, passed) in [
            ("SELECT :HOST", "SELECT : HOST"),
            ("SELECT :'x'", "SELECT : 'x'"),
            ("SELECT :\"x\"", "SELECT : \"x\""),
            ("SELECT :{?x}", "SELECT : {?x}"),
            ("SELECT a[1:\"N\"]", "SELECT a[1: \"N\"]"),
            ("SELECT a[1:2]", "SELECT a[1: 2]"),
            ("SELECT a[:n]", "SELECT a[: n]"),
            ("SELECT a[b::c:D]", "SELECT a[b::c: D]"),
            ("SELECT a:::B", "SELECT a::: B"),
        ] {
            assert_eq!(text(sql).as_deref(), Ok(passed));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for sql in [
            "SELECT 'a'\n'b'",
            "SELECT E'a' 'b\\'",
            "SELECT größe",
            "SELECT 1$a$",
            "SELECT $1",
            "SELECT 1a",
            "SELECT U&'x'",
            "SELECT n'x'",
            "SELECT a'x'",
            "SELECT x'\\'",
            "SELECT \\! id",
            "SELECT 1; SELECT 2",
            "SELECT (1",
            "SELECT 1)",
            "SELECT 1 --",
            "SELECT \u{1}",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
            "CREATE OR REPLACE PROCEDURE f() BEGIN ATOMIC END",
            "SELECT 'open",
        ] {
            assert!(text(sql).is_err(), "{sql}");
        }
    }
}
