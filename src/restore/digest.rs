//! What rows a table has, without their order: the sum of the SHA-256 of its lines of COPY text.
//! It finds a row that was lost, doubled or changed; it is no seal against a forger, which the
//! SHA-256 of the whole is. Held in memory only, since it says something of the rows.

use sha2::{Digest, Sha256};

/// A sum modulo 2^256.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, line: [u8; 32]) {
        let mut carry = false;
        let (words, _) = line.as_chunks::<8>();
        for (sum, word) in self.0.iter_mut().zip(words) {
            let (first, over) = sum.overflowing_add(u64::from_le_bytes(*word));
            let (second, again) = first.overflowing_add(carry.into());
            (*sum, carry) = (second, over || again);
        }
    }
}

/// Takes one table's rows in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct RowSum {
    sum: Sum,
    /// The line that is not whole yet.
    line: Sha256,
    open: bool,
    /// What it begins with.
    start: Vec<u8>,
}

impl RowSum {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            if ends && !self.open {
                // Data escapes a backslash, so this is the end of the rows and no row.
                if text != b"\\." {
                    self.sum.add(Sha256::digest(text).into());
                }
                continue;
            }
            self.open = true;
            self.line.update(text);
            let room = 3_usize.saturating_sub(self.start.len()).min(text.len());
            self.start.extend_from_slice(&text[..room]);
            if ends {
                let line = self.line.finalize_reset();
                if self.start != b"\\." {
                    self.sum.add(line.into());
                }
                self.open = false;
                self.start.clear();
            }
        }
    }

    pub(crate) fn sum(&self) -> Sum {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(pieces: &[&str]) -> Sum {
        let mut rows = RowSum::default();
        for piece in pieces {
            rows.push(piece.as_bytes());
        }
        rows.sum()
    }

    #[test]
    fn order_and_pieces_do_not_matter_and_rows_do() {
        let one = sum(&["a\nb\n\nc\n\\.\n"]);
        assert_eq!(one, sum(&["c\nb", "\na", "\n\n\\", ".", "\n"]));
        for other in [
            "a\nb\nc\n\\.\n",
            "a\nb\n\nc\nc\n\\.\n",
            "ab\n\n\nc\n\\.\n",
            "\\.\n",
        ] {
            assert_ne!(one, sum(&[other]), "{other:?}");
        }
        assert_eq!(sum(&["\\.\n"]), Sum::default());
        // Twice the same row is not none of it.
        assert_ne!(sum(&["a\na\n\\.\n"]), Sum::default());
    }

    #[test]
    fn carries_are_carried() {
        let mut all = Sum([u64::MAX; 4]);
        let mut one = [0; 32];
        one[0] = 1;
        all.add(one);
        assert_eq!(all, Sum::default());
    }
}
