//! The prelude: small, decrypted into memory, and judged in whole before psql sees a line of it.

use super::gate::{Gate, LONGEST};
use super::rules::{Missing, Part, Rules};
use crate::error::{Code, Error, Result};
use crate::manifest::Manifest;
use crate::pg::lexer::{Lexer, Token};
use crate::pg::scan::Listener;
use crate::pipeline::{Halt, Sink};
use crate::verify::{Key, Sealed, decrypt};

const LARGEST: usize = 16 * 1024 * 1024;

struct Kept(Vec<u8>);

impl Sink for Kept {
    fn push(&mut self, bytes: &[u8]) -> std::result::Result<(), Halt> {
        if self.0.len() + bytes.len() > LARGEST {
            let what = format!("the prelude has more than {LARGEST} bytes");
            return Err(Halt::Own(Error::new(Code::NotVerified, what)));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// What psql may have of it, and what was left out.
pub(super) fn judged(
    sealed: &Sealed,
    manifest: &Manifest,
    key: &Key<'_>,
    missing: Missing,
) -> Result<(Vec<u8>, Vec<String>)> {
    let refused = |why: String| {
        Error::new(
            Code::NotVerified,
            format!("the prelude cannot be restored: {why}"),
        )
        .disk("nothing was changed in the target: psql was not started")
    };
    let kept = decrypt(
        &sealed.opened,
        &sealed.sha256,
        manifest,
        key,
        Kept(Vec::new()),
    )?;
    let (Kept(text), _) = kept.map_err(|(_, why)| refused(why))?;
    read(&text, missing).map_err(refused)
}

fn read(text: &[u8], missing: Missing) -> std::result::Result<(Vec<u8>, Vec<String>), String> {
    if text.contains(&0) {
        return Err("it holds a NUL byte".into());
    }
    let mut gate = Gate::new(Rules::new(Part::Prelude, [], missing), false);
    let mut lexer = Lexer::keeping(LONGEST);
    // What has no newline at its end has one for the lexer.
    for byte in text.iter().chain(b"\n") {
        match lexer.push(*byte) {
            None | Some(Token::Comment(_)) => {}
            Some(Token::Statement(statement)) => gate.statement(&statement)?,
            // The pair that forbids all others: ours stands around the whole.
            Some(Token::Command(text))
                if text.starts_with(b"\\restrict ") || text.starts_with(b"\\unrestrict ") => {}
            Some(Token::Command(_)) => return Err("it holds a psql command".into()),
        }
    }
    match lexer.at_rest() {
        true => Ok((gate.out, gate.skipped)),
        false => Err("it ends inside a statement".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_objects() {
        let ok = "--\n-- x\n\\restrict a\nCREATE SCHEMA a; -- b\nDO $$ BEGIN NULL; END $$;\n\\unrestrict a";
        let (text, _) = read(ok.as_bytes(), Missing::default()).unwrap();
        assert_eq!(text, b"CREATE SCHEMA a;\nDO $$ BEGIN NULL; END $$;\n");
        for bad in [
            "COMMIT;",
            "CREATE TABLE a (x int);",
            "\\! id\n",
            "CREATE SCHEMA a",
            "COPY a FROM stdin;",
            "SELECT 1;",
            "CREATE SCHEMA a; \\copy a from x\n",
            "DROP SCHEMA a;",
            "CREATE SCHEMA a;\0",
        ] {
            assert!(read(bad.as_bytes(), Missing::default()).is_err(), "{bad}");
        }
    }
}
