//! One number for all that an undo would do: what was reviewed is what runs, or nothing does.
//!
//! A hash of rows alone could be guessed back by whoever knows the rest of a row, so it is keyed by the
//! random token that is sealed into the dump.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Of a block of SHA-256: a key that is shorter is filled up with zeros, as RFC 2104 has it.
const BLOCK: usize = 64;

pub(crate) struct PlanSha(Hmac<Sha256>);

impl PlanSha {
    /// `header`: what stands for all rows alike, the run, the options, the tables.
    pub(crate) fn new(token: &[u8], header: &str) -> PlanSha {
        let mut key = [0; BLOCK];
        key[..32].copy_from_slice(&Sha256::digest(token));
        let mut sha = PlanSha(Hmac::new(&key.into()));
        sha.line(header);
        sha
    }

    /// A row: its table, what becomes of it, its key, and digests of its two states.
    pub(crate) fn line(&mut self, line: &str) {
        self.0.update(&(line.len() as u64).to_be_bytes());
        self.0.update(line.as_bytes());
    }

    pub(crate) fn finish(self) -> String {
        hex::encode(self.0.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let sha = |token: &str, header: &str, lines: &[&str]| {
            let mut sha = PlanSha::new(token.as_bytes(), header);
            lines.iter().for_each(|line| sha.line(line));
            sha.finish()
        };
        let one = sha("t", "h", &["a", "b"]);
        assert_eq!(one.len(), 64);
        assert_eq!(one, sha("t", "h", &["a", "b"]));
        for other in [
            sha("u", "h", &["a", "b"]),
            sha("t", "i", &["a", "b"]),
            sha("t", "h", &["b", "a"]),
            sha("t", "h", &["ab"]),
            sha("t", "h", &["a"]),
        ] {
            assert_ne!(one, other);
        }
    }
}
