//! The transaction around a dump: what psql is given before it, between its parts and behind it.

use crate::base::names::{TableName, literal};
use crate::pg::copy::CopyHeader;
use crate::pg::sent_transaction::{SERVER_STARTED, SentTransaction};
use crate::pg::session::Pinned;

/// The marks in psql's answer, the guard that no stray COMMIT passes, and the SQL that makes them.
#[derive(Debug, Clone)]
pub(crate) struct TransactionScript {
    /// Random, so that no row and no statement can hold it.
    token: String,
    /// The session's settings, which what runs in between could change.
    pinned: Pinned,
}

/// What a line of psql's answer says, if it bears the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The rows of the table with this number follow.
    Table(usize),
    /// Every table has been told; with the number of rows that were changed up to here.
    Compared(String),
    /// Names of settings that were changed, parted by blanks.
    Settings(String),
    /// Numbers of the composite types whose columns have another order; empty where none has.
    Moved(String),
    /// All statements were run.
    Done(Transaction),
    /// What the server says of the transaction behind COMMIT.
    Status(String),
}

/// A transaction that is ready for COMMIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub sent: SentTransaction,
    /// Rows that were changed in the tables since it began.
    pub changes: String,
}

/// What the target is asked for at once.
pub(crate) struct Told<'a> {
    pub header: &'a CopyHeader,
    /// That the rows are in: one, or the partitions that were loaded through one root.
    pub tables: &'a [TableName],
}

impl Told<'_> {
    fn rows(&self) -> Vec<u8> {
        let select = self.tables.iter().map(|table| {
            let from = format!(" FROM ONLY {}", table.pattern());
            [b"SELECT ", &self.header.list()[..], from.as_bytes()].concat()
        });
        select.collect::<Vec<_>>().join(&b" UNION ALL "[..])
    }
}

impl TransactionScript {
    pub(crate) fn new(random: [u8; 16], pinned: Pinned) -> TransactionScript {
        TransactionScript {
            token: hex::encode(random),
            pinned,
        }
    }

    /// The settings under which the dump runs. Warnings of the target's triggers could hold a row.
    pub(crate) fn settings(&self) -> String {
        format!(
            "{}SET LOCAL client_min_messages = error;\n",
            self.pinned.set
        )
    }

    pub(crate) fn token(&self) -> &[u8] {
        self.token.as_bytes()
    }

    fn guard(&self) -> String {
        format!("pg_temp.pgseal_{}", self.token)
    }

    /// psql's first lines. `\restrict` forbids every other backslash command. The session then
    /// waits in a transaction, where no timeout of the target's ends it.
    pub(crate) fn begin(&self) -> String {
        let (token, pins) = (&self.token, &self.pinned.set);
        format!("\\restrict {token}\nBEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\n{pins}")
    }

    /// Two rows that break a constraint which is only checked at COMMIT, so no COMMIT succeeds
    /// before [`commit`](Self::commit) mends them.
    pub(crate) fn raise_guard(&self) -> String {
        let guard = self.guard();
        format!(
            "CREATE TEMPORARY TABLE {guard} (a int UNIQUE DEFERRABLE INITIALLY DEFERRED, b int) \
             ON COMMIT DROP;\nINSERT INTO {guard} VALUES (1, 1), (1, 2);\n"
        )
    }

    fn mend_guard(&self) -> String {
        format!("UPDATE {} SET a = b;\n", self.guard())
    }

    /// Lets happen now what was put off until COMMIT.
    fn deferred(&self) -> String {
        format!(
            "{}SET CONSTRAINTS ALL IMMEDIATE;\nSET CONSTRAINTS ALL DEFERRED;\nUPDATE {} SET a = 1;\n",
            self.mend_guard(),
            self.guard()
        )
    }

    fn mark(&self, text: &str) -> String {
        format!("COPY (SELECT '{}', {text}) TO STDOUT;\n", self.token)
    }

    /// Asks what has changed since the settings were pinned last.
    fn changed(&self) -> String {
        self.mark(&format!("'settings', {}", self.pinned.changed))
    }

    /// Tells the rows of tables, as the artifact's COPY statements list their columns. What was put
    /// off until COMMIT happens first, so that it is compared too. `first`: how many tables were
    /// told before.
    pub(crate) fn compare(&self, first: usize, tables: &[Told<'_>]) -> Vec<u8> {
        let mut out = (self.changed() + &self.settings() + &self.deferred()).into_bytes();
        for (at, told) in tables.iter().enumerate().skip(first) {
            out.extend(self.mark(&at.to_string()).bytes());
            out.extend([b"COPY (", &told.rows()[..], b") TO STDOUT;\n"].concat());
        }
        let names = tables.iter().flat_map(|told| told.tables);
        out.extend(
            self.mark(&format!("'compared', {}", changes(names)))
                .bytes(),
        );
        out
    }

    /// The end of what may fail: behind it only [`commit`](Self::commit) is missing. `moved`: an
    /// expression that tells the composite types whose columns have another order.
    pub(crate) fn done<'a>(
        &self,
        tables: impl Iterator<Item = &'a TableName>,
        moved: &str,
    ) -> String {
        let moved = self.mark(&format!("'moved', {moved}"));
        let mark = format!(
            "'done', pg_catalog.pg_current_xact_id(), {SERVER_STARTED}, {}",
            changes(tables)
        );
        format!(
            "{}{}{}{moved}{}",
            self.changed(),
            self.settings(),
            self.deferred(),
            self.mark(&mark)
        )
    }

    /// The last word, and the question whether the server kept it.
    pub(crate) fn commit(&self, transaction: &str) -> String {
        let status = format!("'status', pg_catalog.pg_xact_status('{transaction}')");
        format!(
            "{}COMMIT;\n{}\\unrestrict {}\n",
            self.mend_guard(),
            self.mark(&status),
            self.token
        )
    }

    /// Reads a line that begins with the token.
    pub(crate) fn read(&self, line: &str) -> Option<Mark> {
        let rest = line.strip_prefix(&self.token)?.strip_prefix('\t')?;
        let words: Vec<&str> = rest.split('\t').collect();
        match words[..] {
            ["compared", changes] => Some(Mark::Compared(changes.into())),
            ["settings", names] => Some(Mark::Settings(names.into())),
            ["moved", types] => Some(Mark::Moved(types.into())),
            ["done", id, server_started, changes] => {
                let number = id.bytes().all(|b| b.is_ascii_digit());
                number.then(|| {
                    Mark::Done(Transaction {
                        sent: SentTransaction {
                            id: id.into(),
                            server_started: server_started.into(),
                        },
                        changes: changes.into(),
                    })
                })
            }
            ["status", status] => Some(Mark::Status(status.into())),
            [at] => at.parse().ok().map(Mark::Table),
            _ => None,
        }
    }
}

/// The number of rows that this transaction has changed in the tables so far, where the server
/// counts.
fn changes<'a>(tables: impl Iterator<Item = &'a TableName>) -> String {
    let counted = ["inserted", "updated", "deleted"]
        .map(|what| format!("pg_catalog.pg_stat_get_xact_tuples_{what}(t)"));
    let tables: Vec<String> = tables
        .map(|table| format!("({}::pg_catalog.regclass)", literal(&table.pattern())))
        .collect();
    if tables.is_empty() {
        return "0".into();
    }
    format!(
        "(SELECT pg_catalog.sum({}) FROM (VALUES {}) AS v(t))",
        counted.join(" OPERATOR(pg_catalog.+) "),
        tables.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn marks_are_read_back() {
        let script = TransactionScript::new([7; 16], Pinned::default());
        let token = "07".repeat(16);
        each(
            [
                ("0", Some(Mark::Table(0))),
                ("settings\ta b", Some(Mark::Settings("a b".into()))),
                ("compared\t9", Some(Mark::Compared("9".into()))),
                (
                    "done\t42\t1.5\t9",
                    Some(Mark::Done(Transaction {
                        sent: SentTransaction {
                            id: "42".into(),
                            server_started: "1.5".into(),
                        },
                        changes: "9".into(),
                    })),
                ),
                ("status\tcommitted", Some(Mark::Status("committed".into()))),
                ("done\t4'2\t1\t9", None),
                ("x", None),
            ],
            |(rest, mark)| {
                assert_eq!(script.read(&format!("{token}\t{rest}")), mark, "{rest}");
            },
        );
        assert_eq!(script.read("0"), None);
    }
}
