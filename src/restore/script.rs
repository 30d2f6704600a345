//! The transaction around a dump: what psql is given before it, between its parts and behind it.

use crate::base::names::TableName;

/// The marks in psql's answer, the guard that no stray COMMIT passes, and the SQL that makes them.
#[derive(Debug, Clone)]
pub(crate) struct TransactionScript {
    /// Random, so that no row and no statement can hold it.
    token: String,
    /// The session's settings, which what runs in between could change.
    pins: String,
}

/// What a line of psql's answer says, if it bears the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The rows of the table with this number follow.
    Table(usize),
    /// Every table has been told.
    Compared,
    /// All statements were run; with the transaction's id.
    Done(String),
    /// What the server says of the transaction behind COMMIT.
    Status(String),
}

impl TransactionScript {
    pub(crate) fn new(random: [u8; 16], pins: String) -> TransactionScript {
        TransactionScript {
            token: hex::encode(random),
            pins,
        }
    }

    pub(crate) fn pins(&self) -> &str {
        &self.pins
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
        let (token, pins) = (&self.token, &self.pins);
        format!("\\restrict {token}\nBEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\n{pins}")
    }

    /// A row that breaks a foreign key which is only checked at COMMIT, so no COMMIT succeeds
    /// before [`commit`](Self::commit) mends it.
    pub(crate) fn raise_guard(&self) -> String {
        let guard = self.guard();
        format!(
            "CREATE TEMPORARY TABLE {guard} (a int PRIMARY KEY, \
             b int REFERENCES {guard} DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP;\n\
             INSERT INTO {guard} VALUES (1, 2);\n"
        )
    }

    fn mark(&self, text: &str) -> String {
        format!("COPY (SELECT '{}', {text}) TO STDOUT;\n", self.token)
    }

    /// Tells the rows of every table, as the artifact's COPY statements list their columns. What
    /// was put off until COMMIT happens first, so that it is compared too.
    /// `first` is the number of the first of them.
    pub(crate) fn compare(&self, first: usize, tables: &[(&TableName, &str)]) -> String {
        let guard = self.guard();
        let mut out = format!(
            "{pins}\
             UPDATE {guard} SET b = a;\nSET CONSTRAINTS ALL IMMEDIATE;\n\
             SET CONSTRAINTS ALL DEFERRED;\nUPDATE {guard} SET b = 2;\n",
            pins = self.pins,
        );
        for (at, (table, columns)) in tables.iter().enumerate() {
            let columns = columns.strip_prefix('(').and_then(|c| c.strip_suffix(')'));
            let columns = columns.unwrap_or_default();
            out += &self.mark(&(first + at).to_string());
            out += &format!(
                "COPY (SELECT {columns} FROM ONLY {}) TO STDOUT;\n",
                table.pattern()
            );
        }
        out + &self.mark("'compared'")
    }

    /// The end of what may fail: behind it only [`commit`](Self::commit) is missing.
    pub(crate) fn done(&self) -> String {
        self.mark("'done', pg_catalog.pg_current_xact_id()")
    }

    /// The last word, and the question whether the server kept it.
    pub(crate) fn commit(&self, transaction: &str) -> String {
        let status = format!("'status', pg_catalog.pg_xact_status('{transaction}')");
        format!(
            "UPDATE {} SET b = a;\nCOMMIT;\n{}\\unrestrict {}\n",
            self.guard(),
            self.mark(&status),
            self.token
        )
    }

    /// Reads a line that begins with the token.
    pub(crate) fn read(&self, line: &str) -> Option<Mark> {
        let rest = line.strip_prefix(&self.token)?.strip_prefix('\t')?;
        match rest.split_once('\t') {
            Some(("done", id)) => id
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| Mark::Done(id.into())),
            Some(("status", status)) => Some(Mark::Status(status.into())),
            Some(_) => None,
            None if rest == "compared" => Some(Mark::Compared),
            None => rest.parse().ok().map(Mark::Table),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back() {
        let script = TransactionScript::new([7; 16], String::new());
        let token = "07".repeat(16);
        for (rest, mark) in [
            ("0", Some(Mark::Table(0))),
            ("compared", Some(Mark::Compared)),
            ("done\t42", Some(Mark::Done("42".into()))),
            ("status\tcommitted", Some(Mark::Status("committed".into()))),
            ("done\t4'2", None),
            ("x", None),
        ] {
            assert_eq!(script.read(&format!("{token}\t{rest}")), mark, "{rest}");
        }
        assert_eq!(script.read("0"), None);
    }
}
