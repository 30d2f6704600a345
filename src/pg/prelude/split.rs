//! A verbose plain dump, split into its entries by the comments that pg_dump puts before each.

use crate::pg::lexer::{Lexer, Token};
use crate::pg::scan::COMPLETE;

/// A dump that was seen to be whole.
#[derive(Debug)]
pub(crate) struct Dump<'a> {
    /// The statements before the first entry: how the text is to be read.
    pub settings: Vec<&'a [u8]>,
    pub entries: Vec<Entry<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// Of this dump.
    pub number: u32,
    /// Catalog and row; zeros where it is no object of its own.
    pub object: (u32, u32),
    /// Numbers of the entries that it is about.
    pub hangs_on: Vec<u32>,
    pub name: &'a [u8],
    pub kind: String,
    pub schema: &'a [u8],
    /// Without their `;`.
    pub statements: Vec<&'a [u8]>,
}

pub(crate) fn split(text: &[u8]) -> Result<Dump<'_>, String> {
    let mut lexer = Lexer::new();
    let (mut start, mut complete) = (0, false);
    let mut dump = Dump {
        settings: Vec::new(),
        entries: Vec::new(),
    };
    // Statements are taken from the text: the lexer's own copies are cut where they are long.
    for (at, byte) in text.iter().enumerate() {
        let Some(token) = lexer.push(*byte) else {
            continue;
        };
        let token_text = text[start..at].trim_ascii();
        start = at + 1;
        match token {
            Token::Statement(_) => match dump.entries.last_mut() {
                Some(entry) => entry.statements.push(token_text),
                None => dump.settings.push(token_text),
            },
            Token::Comment(_) if token_text == COMPLETE => complete = true,
            Token::Comment(_) => comment(token_text, &mut dump.entries)?,
            Token::Command(line) => {
                if !line.starts_with(b"\\restrict ") && !line.starts_with(b"\\unrestrict ") {
                    return Err("it holds a psql command where none may be".into());
                }
            }
        }
    }
    if !complete || !lexer.at_rest() {
        return Err("its end is missing".into());
    }
    for entry in &mut dump.entries {
        entry.join_body(text);
    }
    Ok(dump)
}

/// `-- TOC entry 6 (class 2615 OID 24069)`, `-- Dependencies: 12`,
/// `-- Name: app; Type: SCHEMA; Schema: -; Owner: boss`; pg_dump takes newlines out of names here.
fn comment<'a>(line: &'a [u8], entries: &mut Vec<Entry<'a>>) -> Result<(), String> {
    let strange = || {
        format!(
            "this line is not pg_dump's: {}",
            String::from_utf8_lossy(line)
        )
    };
    if let Some(rest) = line.strip_prefix(b"-- TOC entry ") {
        let numbers = numbers(rest);
        let [number, class, oid] = numbers[..] else {
            return Err(strange());
        };
        entries.push(Entry {
            number,
            object: (class, oid),
            hangs_on: Vec::new(),
            name: b"",
            kind: String::new(),
            schema: b"",
            statements: Vec::new(),
        });
        return Ok(());
    }
    let Some(entry) = entries.last_mut().filter(|e| e.kind.is_empty()) else {
        return Ok(());
    };
    if let Some(rest) = line.strip_prefix(b"-- Dependencies: ") {
        entry.hangs_on = numbers(rest);
    } else if let Some(rest) = line.strip_prefix(b"-- Name: ") {
        // From the end: a name may hold anything.
        let (rest, _) = rsplit(rest, b"; Owner:").ok_or_else(strange)?;
        let (rest, schema) = rsplit(rest, b"; Schema: ").ok_or_else(strange)?;
        let (name, kind) = rsplit(rest, b"; Type: ").ok_or_else(strange)?;
        entry.kind = String::from_utf8_lossy(kind).into_owned();
        (entry.name, entry.schema) = (name, schema);
    }
    Ok(())
}

fn numbers(text: &[u8]) -> Vec<u32> {
    let words = text.split(|byte| !byte.is_ascii_digit());
    let words = words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
    words.collect()
}

fn rsplit<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = memchr::memmem::rfind(text, at)?;
    Some((&text[..found], &text[found + at.len()..]))
}

impl<'a> Entry<'a> {
    /// A body `BEGIN ATOMIC …; END` holds statements, which the lexer tells apart. No statement
    /// that pg_dump writes is a lone END.
    fn join_body(&mut self, text: &'a [u8]) {
        let end = self
            .statements
            .iter()
            .position(|s| s.eq_ignore_ascii_case(b"END"));
        if let (Some(end), Some(first)) = (end, self.statements.first()) {
            let offset = |part: &[u8]| part.as_ptr() as usize - text.as_ptr() as usize;
            let last = self.statements[end];
            let whole = &text[offset(first)..offset(last) + last.len()];
            self.statements.splice(..=end, [whole]);
        }
    }
}
