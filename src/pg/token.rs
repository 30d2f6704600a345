//! A random token in the plaintext, so that its hash gives nothing away about the rows.
//!
//! Newer minor releases of pg_dump write one themselves (`\restrict`, since August 2025). Where
//! it does not, one comment line is put in front of the first statement.

/// Passes a dump on; holds back no more than its leading comments.
#[derive(Debug)]
pub(crate) struct TokenLine {
    head: Option<Vec<u8>>,
    line: String,
}

/// Leading comments are a few hundred bytes.
const HEAD_LIMIT: usize = 64 * 1024;

impl TokenLine {
    pub(crate) fn new(random: [u8; 32]) -> TokenLine {
        TokenLine {
            head: Some(Vec::new()),
            line: format!("-- pgseal: {}\n", hex::encode(random)),
        }
    }

    /// The bytes that may go on now, if not simply `bytes`.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let head = self.head.as_mut()?;
        head.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(end) = memchr::memchr(b'\n', &head[at..]) {
            let line = &head[at..=at + end];
            if line.starts_with(b"\\restrict ") {
                return self.head.take();
            }
            if line.len() > 1 && !line.starts_with(b"--") {
                return self.insert(at);
            }
            at += end + 1;
        }
        if head.len() > HEAD_LIMIT {
            return self.insert(at);
        }
        Some(Vec::new())
    }

    /// What is still held back.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        let end = self.head.as_ref().map_or(0, Vec::len);
        self.insert(end).unwrap_or_default()
    }

    fn insert(&mut self, at: usize) -> Option<Vec<u8>> {
        let mut head = self.head.take()?;
        head.splice(at..at, self.line.bytes());
        Some(head)
    }
}

/// The token of such a comment line.
pub(crate) fn of(comment: &[u8]) -> Option<Vec<u8>> {
    Some(comment.strip_prefix(b"-- pgseal: ")?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use proptest::prelude::*;

    fn passed(text: &str, chunk: usize) -> String {
        let mut token = TokenLine::new([7; 32]);
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(chunk) {
            match token.push(piece) {
                Some(bytes) => out.extend(bytes),
                None => out.extend(piece),
            }
        }
        out.extend(token.end());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_line_where_there_is_none() {
        let old = "--\n-- dump\n--\n\n-- from 15.1\n\nSET a = 1;\nSET b = 2;\n";
        let new = old.replace("--\n\n", "--\n\n\\restrict x\n\n");
        let line = format!("-- pgseal: {}\n", "07".repeat(32));
        each([1, 7, 1000], |chunk| {
            assert_eq!(passed(&new, chunk), new);
            assert_eq!(
                passed(old, chunk),
                old.replace("SET a", &format!("{line}SET a"))
            );
        });
        assert_eq!(passed("", 1), line);
    }

    proptest! {
        /// In any pieces the same, and without its line what came in.
        #[test]
        fn any_dump_gets_one_token(lines in proptest::collection::vec("(--|-- [a-z]{0,9}|\\\\restrict a|\\\\restrict|SET a = 1;|[ -~]{0,9})\n?", 0..9), chunk in 1..30_usize) {
            let text = lines.concat();
            let line = format!("-- pgseal: {}\n", "07".repeat(32));
            prop_assume!(!text.contains("pgseal"));
            let out = passed(&text, chunk);
            prop_assert_eq!(&out, &passed(&text, usize::MAX));
            let tokens = out.matches(&line).count();
            prop_assert_eq!(tokens == 0, out == text);
            prop_assert_eq!(out.replacen(&line, "", 1), text);
        }
    }
}
