//! A digest of a table's rows, whatever their order: the sum of a hash of each line of COPY text.
//!
//! It finds a row that was lost, added or changed. The hash is keyed anew in every process and the
//! digest stays in memory, so that nobody can make rows to fit it and nothing is told of the rows.

use crate::base::error::Result;
use crate::base::random;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// Number and content of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TableDigest {
    pub rows: u64,
    /// Modulo 2^128.
    sum: u128,
}

impl std::iter::Sum for TableDigest {
    fn sum<I: Iterator<Item = TableDigest>>(all: I) -> TableDigest {
        all.fold(TableDigest::default(), |all, one| TableDigest {
            rows: all.rows + one.rows,
            sum: all.sum.wrapping_add(one.sum),
        })
    }
}

/// The key of digests that are to be compared with each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DigestKey([u8; 16]);

impl DigestKey {
    pub(crate) fn random() -> Result<DigestKey> {
        Ok(DigestKey(random::bytes()?))
    }
}

/// Takes one table's rows in pieces of any size.
#[derive(Debug)]
pub(crate) struct RowDigest {
    key: DigestKey,
    order: Option<FieldOrder>,
    digest: TableDigest,
    /// The line that is not whole yet, with the first bytes of it.
    open: Option<(SipHasher13, Vec<u8>)>,
}

impl RowDigest {
    pub(crate) fn new(key: DigestKey) -> RowDigest {
        RowDigest {
            key,
            order: None,
            digest: TableDigest::default(),
            open: None,
        }
    }

    /// For rows whose fields stand in another order than those they are compared with. `order`:
    /// for each place there, the place here.
    pub(crate) fn reordered(key: DigestKey, order: Vec<usize>) -> RowDigest {
        RowDigest {
            order: Some(FieldOrder {
                order,
                line: Vec::new(),
            }),
            ..RowDigest::new(key)
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self.order.take() {
            None => self.take(bytes),
            Some(mut order) => {
                for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                    order.line.extend_from_slice(piece);
                    if piece.ends_with(b"\n") {
                        self.take(&order.line());
                    }
                }
                self.order = Some(order);
            }
        }
    }

    /// The closing line `\.` may be among the rows: data escapes a backslash, so it is no row.
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes);
            let (text, rest) = match end {
                Some(end) => (&bytes[..end], &bytes[end + 1..]),
                None => (bytes, &[][..]),
            };
            bytes = rest;
            if self.open.is_none() && end.is_some() && text == b"\\." {
                continue;
            }
            let begin = || (SipHasher13::new_with_key(&self.key.0), Vec::new());
            let (hasher, start) = self.open.get_or_insert_with(begin);
            hasher.write(text);
            let room = 3_usize.saturating_sub(start.len()).min(text.len());
            start.extend_from_slice(&text[..room]);
            if end.is_some()
                && let Some((hasher, start)) = self.open.take()
                && start != b"\\."
            {
                self.digest.rows += 1;
                let hash = hasher.finish128().as_u128();
                self.digest.sum = self.digest.sum.wrapping_add(hash);
            }
        }
    }

    pub(crate) fn digest(&self) -> TableDigest {
        self.digest
    }
}

/// Another order of a row's fields.
#[derive(Debug)]
struct FieldOrder {
    order: Vec<usize>,
    /// The line so far.
    line: Vec<u8>,
}

impl FieldOrder {
    /// The whole line in that order. One that has no such fields stays as it is.
    fn line(&mut self) -> Vec<u8> {
        let line = std::mem::take(&mut self.line);
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        // A tab in a value is written as `\t`.
        let fields: Vec<&[u8]> = text.split(|byte| *byte == b'\t').collect();
        let moved = self.order.iter().map(|at| fields.get(*at).copied());
        match moved.collect::<Option<Vec<&[u8]>>>() {
            Some(moved) if fields.len() == self.order.len() => {
                [&moved.join(&b'\t')[..], b"\n"].concat()
            }
            _ => line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use proptest::prelude::*;

    fn digest(pieces: &[&str]) -> TableDigest {
        let mut rows = RowDigest::new(DigestKey([7; 16]));
        for piece in pieces {
            rows.push(piece.as_bytes());
        }
        rows.digest()
    }

    #[test]
    fn order_and_pieces_do_not_matter_and_rows_do() {
        let one = digest(&["a\nb\n\nc\n\\.\n"]);
        assert_eq!(one.rows, 4);
        assert_eq!(one, digest(&["c\nb", "\na", "\n\n\\", ".", "\n"]));
        let long = "0123456789".repeat(9);
        assert_eq!(
            digest(&[&long, &long, "\n"]),
            digest(&[&(long.repeat(2) + "\n")])
        );
        each(
            [
                "a\nb\nc\n\\.\n",
                "a\nb\n\nc\nc\n\\.\n",
                "ab\n\n\nc\n\\.\n",
                "\\.\n",
            ],
            |other| {
                assert_ne!(one, digest(&[other]), "{other:?}");
            },
        );
        assert_eq!(digest(&["\\.\n"]), TableDigest::default());
        for size in [1, 3, 100] {
            let mut rows = RowDigest::reordered(DigestKey([7; 16]), vec![2, 0, 1]);
            for piece in b"1\t2\t3\n\\N\t\t\\\\.\n\\.\n".chunks(size) {
                rows.push(piece);
            }
            let want = digest(&["3\t1\t2\n\\\\.\t\\N\t\n\\.\n"]);
            assert_eq!((rows.digest(), want.rows), (want, 2));
        }
        // Twice the same row is not none of it.
        assert_ne!(digest(&["a\na\n\\.\n"]).sum, 0);
    }

    /// Fields as COPY writes them, where a tab, a newline and a backslash are escaped.
    fn any_rows() -> impl Strategy<Value = Vec<Vec<String>>> {
        let field = "([^\t\n\\\\]|\\\\[tnN\\\\.]){0,5}";
        proptest::collection::vec(proptest::collection::vec(field, 3), 0..8)
    }

    fn text(rows: &[Vec<String>]) -> String {
        let lines = rows.iter().map(|row| row.join("\t") + "\n");
        lines.collect::<String>() + "\\.\n"
    }

    proptest! {
        /// In any pieces and any order the same, with any column elsewhere too, and no other rows'.
        #[test]
        fn any_rows_in_any_order(rows in any_rows(), size in 1..20_usize, by in 0..8_usize, changed in any::<proptest::sample::Index>()) {
            let one = digest(&[&text(&rows)]);
            prop_assert_eq!(one.rows, rows.len() as u64);
            let mut turned = rows.clone();
            turned.rotate_left(by.min(rows.len()));
            let mut pieces = RowDigest::new(DigestKey([7; 16]));
            text(&turned).as_bytes().chunks(size).for_each(|piece| pieces.push(piece));
            prop_assert_eq!(pieces.digest(), one);
            let elsewhere: Vec<Vec<String>> = turned.iter().map(|row| vec![row[1].clone(), row[2].clone(), row[0].clone()]).collect();
            let mut reordered = RowDigest::reordered(DigestKey([7; 16]), vec![2, 0, 1]);
            text(&elsewhere).as_bytes().chunks(size).for_each(|piece| reordered.push(piece));
            prop_assert_eq!(reordered.digest(), one);
            if !rows.is_empty() {
                let mut other = rows.clone();
                let at = changed.index(rows.len());
                other[at][by % 3] += "x";
                prop_assert_ne!(digest(&[&text(&other)]), one);
                other.remove(at);
                prop_assert_ne!(digest(&[&text(&other)]), one);
            }
        }
    }
}
