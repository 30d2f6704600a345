//! What psql answers: every table's rows, which are digested and forgotten, and the server's word
//! on the transaction.

use crate::base::error::{Code, Error, Result};
use crate::pg::row_digest::{DigestKey, RowDigest, TableDigest};
use crate::process::flow::{Passed, Sink};
use crate::restore::script::{Mark, Transaction, TransactionScript};
use memchr::memmem;
use std::sync::mpsc::Sender;

/// All that must be known before COMMIT.
pub(crate) struct BeforeCommit {
    /// In the order in which they were asked for.
    pub tables: Vec<TableDigest>,
    /// Rows that were changed until they were told.
    pub changes: String,
    /// Settings of the session that something changed on the way.
    pub settings: Vec<String>,
    /// Composite types whose columns have another order; none: it was not told.
    pub moved: Option<String>,
    pub transaction: Transaction,
}

impl BeforeCommit {
    pub(crate) fn check_settings(&self) -> Result<()> {
        if self.settings.is_empty() {
            return Ok(());
        }
        let what = format!(
            "settings of the session were changed on the way, and with them what the dump means: {}",
            self.settings.join(", ")
        );
        Err(Error::new(Code::NotVerified, what).hint(
            "Look for event triggers in the target, and for functions of the tables, that SET them.",
        ))
    }
}

pub(crate) struct AnswerReader {
    script: TransactionScript,
    key: DigestKey,
    /// None once psql's answer has ended: whoever waits for more need not wait longer.
    to: Option<Sender<BeforeCommit>>,
    /// What could be the beginning of a mark.
    carry: Vec<u8>,
    /// The rows of a table are passing.
    current: Option<RowDigest>,
    tables: Vec<TableDigest>,
    changes: String,
    settings: Vec<String>,
    moved: Option<String>,
    /// What the server said behind COMMIT, by `pg_xact_status`.
    pub status: Option<String>,
}

impl AnswerReader {
    pub(crate) fn new(
        script: TransactionScript,
        key: DigestKey,
        to: Sender<BeforeCommit>,
    ) -> AnswerReader {
        AnswerReader {
            script,
            key,
            to: Some(to),
            carry: Vec::new(),
            current: None,
            tables: Vec::new(),
            changes: "0".into(),
            settings: Vec::new(),
            moved: None,
            status: None,
        }
    }

    fn rows(&mut self, bytes: &[u8]) {
        if let Some(current) = &mut self.current {
            current.push(bytes);
        }
    }

    fn mark(&mut self, line: &[u8]) {
        let Some(mark) = self.script.read(&String::from_utf8_lossy(line)) else {
            return;
        };
        self.tables
            .extend(self.current.take().map(|rows| rows.digest()));
        match mark {
            // A number out of turn leaves the digests unequal in number.
            Mark::Table(at) if at == self.tables.len() => {
                self.current = Some(RowDigest::new(self.key));
            }
            Mark::Table(_) => {}
            Mark::Settings(names) => self
                .settings
                .extend(names.split_whitespace().map(String::from)),
            Mark::Compared(changes) => self.changes = changes,
            Mark::Moved(types) => self.moved = Some(types),
            Mark::Done(transaction) => {
                let tables = std::mem::take(&mut self.tables);
                let before = BeforeCommit {
                    tables,
                    changes: std::mem::take(&mut self.changes),
                    settings: std::mem::take(&mut self.settings),
                    moved: self.moved.take(),
                    transaction,
                };
                // Nobody listens where the stream was given up.
                if let Some(to) = &self.to {
                    let _ = to.send(before);
                }
            }
            Mark::Status(status) => self.status = Some(status),
        }
    }
}

impl Sink for AnswerReader {
    /// The token is random, so it stands in a mark or nowhere.
    fn push(&mut self, bytes: &[u8]) -> Passed {
        let mut held = std::mem::take(&mut self.carry);
        held.extend_from_slice(bytes);
        let finder = memmem::Finder::new(self.script.token()).into_owned();
        let mut rest = &held[..];
        while let Some(at) = finder.find(rest) {
            let Some(end) = memchr::memchr(b'\n', &rest[at..]) else {
                self.rows(&rest[..at]);
                self.carry = rest[at..].to_vec();
                return Ok(());
            };
            self.rows(&rest[..at]);
            self.mark(&rest[at..at + end]);
            rest = &rest[at + end + 1..];
        }
        let kept = rest.len().min(self.script.token().len());
        let (rows, kept) = rest.split_at(rest.len() - kept);
        self.rows(rows);
        self.carry = kept.to_vec();
        Ok(())
    }

    fn end(&mut self) {
        self.to = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use crate::pg::session::Pinned;
    use std::sync::mpsc::channel;

    #[test]
    fn rows_and_marks_in_pieces_of_any_size() {
        let script = TransactionScript::new([0xa5; 16], Pinned::default());
        let key = DigestKey::random().unwrap();
        let token = "a5".repeat(16);
        let answer = format!(
            "\n{token}\t0\n1\tx\n2\ta5a5\n{token}\t1\n{token}\tcompared\t2\n17\n{token}\tsettings\tTimeZone role\n{token}\tmoved\t1 2\n{token}\tdone\t4711\t1.5\t3\n{token}\tstatus\tcommitted\n"
        );
        let mut wanted = RowDigest::new(key);
        wanted.push(b"2\ta5a5\n1\tx\n");
        each([1, 7, 33, 1000], |size| {
            let (tx, rx) = channel();
            let mut reader = AnswerReader::new(script.clone(), key, tx);
            for piece in answer.as_bytes().chunks(size) {
                reader.push(piece).unwrap();
            }
            let before = rx.recv().unwrap();
            assert_eq!(before.tables, [wanted.digest(), TableDigest::default()]);
            assert_eq!(before.transaction.sent.id, "4711");
            assert_eq!(before.settings, ["TimeZone", "role"]);
            assert_eq!(before.moved.as_deref(), Some("1 2"));
            assert_eq!((&*before.changes, &*before.transaction.changes), ("2", "3"));
            assert_eq!(reader.status.as_deref(), Some("committed"));
        });
    }
}
