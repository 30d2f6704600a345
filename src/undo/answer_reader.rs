//! Reads what psql prints: the rows of one answer after the other, between marks that bear a random
//! token. Nothing is kept.

use crate::process::flow::{Passed, Sink};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Lines of an answer that are read ahead.
const AHEAD: usize = 16;

/// A line of psql's output between the marks of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Row(String),
    End,
}

/// Reads psql's output: what stands outside of an answer is nothing.
pub(crate) struct AnswerReader {
    begin: Vec<u8>,
    end: Vec<u8>,
    /// None once psql's output has ended: whoever waits for more need not wait longer.
    to: Option<SyncSender<Line>>,
    inside: bool,
    /// The line that is not whole yet.
    open: Vec<u8>,
}

impl AnswerReader {
    pub(crate) fn new(token: &str) -> (AnswerReader, Receiver<Line>) {
        let (to, answers) = sync_channel(AHEAD);
        let reader = AnswerReader {
            begin: format!("{token} begin").into(),
            end: format!("{token} end").into(),
            to: Some(to),
            inside: false,
            open: Vec::new(),
        };
        (reader, answers)
    }

    fn line(&mut self) {
        let line = std::mem::take(&mut self.open);
        let told = if line == self.begin {
            self.inside = true;
            return;
        } else if line == self.end {
            self.inside = false;
            Line::End
        } else if self.inside {
            Line::Row(unescaped(&line))
        } else {
            return;
        };
        // Nobody listens where the session was given up.
        if let Some(to) = &self.to {
            let _ = to.send(told);
        }
    }
}

impl Sink for AnswerReader {
    fn push(&mut self, bytes: &[u8]) -> Passed {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(last) => {
                    self.open.extend_from_slice(last);
                    self.line();
                }
                None => self.open.extend_from_slice(piece),
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.to = None;
    }
}

/// A value of one column, as COPY writes it.
fn unescaped(line: &[u8]) -> String {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let Some((byte, after)) = rest[at + 1..].split_first() else {
            rest = &[];
            break;
        };
        out.push(match byte {
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            byte => *byte,
        });
        rest = after;
    }
    out.extend_from_slice(rest);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn an_answer_in_pieces_of_any_size() {
        let output = b"\n\nx\nT begin\n{\"a\":\"\\\\n\"}\nb\\tc\n\n\nT end\nnothing\n";
        each([1, 2, 7, 100], |size| {
            let (mut reader, answers) = AnswerReader::new("T");
            for piece in output.chunks(size) {
                reader.push(piece).unwrap();
            }
            reader.end();
            let told: Vec<Line> = answers.iter().collect();
            let row = |text: &str| Line::Row(text.into());
            let want = [
                row("{\"a\":\"\\n\"}"),
                row("b\tc"),
                row(""),
                row(""),
                Line::End,
            ];
            assert_eq!(told, want);
        });
    }
}
