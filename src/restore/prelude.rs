//! The prelude: small, in memory, and judged in whole before psql sees a line of it.

use super::gate::{Gate, LONGEST};
use super::rules::{Missing, Part, Rules};
use crate::error::{Code, Error, Result};
use crate::pg::lexer::{Lexer, Token};
use crate::pg::scan::Listener;

/// Its last line.
const END: &str = "-- pgseal prelude complete";

/// What psql may have of it, and what was left out.
pub(super) fn judged(sql: &[u8], missing: Missing) -> Result<(Vec<u8>, Vec<String>)> {
    read(sql, missing).map_err(|why| {
        let what = format!("the prelude cannot be restored: {why}");
        Error::new(Code::NotVerified, what)
            .disk("nothing was changed in the target: psql was not started")
    })
}

fn read(text: &[u8], missing: Missing) -> std::result::Result<(Vec<u8>, Vec<String>), String> {
    if text.contains(&0) {
        return Err("it holds a NUL byte".into());
    }
    let mut gate = Gate::new(Rules::new(Part::Prelude, [], missing), false);
    let mut lexer = Lexer::keeping(LONGEST);
    let mut complete = false;
    for byte in text {
        match lexer.push(*byte) {
            None => {}
            Some(Token::Comment(text)) => complete = text == END.as_bytes(),
            Some(Token::Statement(statement)) => {
                complete = false;
                gate.statement(&statement)?;
            }
            Some(Token::Command(_)) => return Err("it holds a psql command".into()),
        }
    }
    match complete && lexer.at_rest() {
        true => Ok((gate.out, gate.skipped)),
        false => Err("its last line is missing".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_and_settings() {
        let read = |sql: &str| read(format!("{sql}\n{END}\n").as_bytes(), Missing::default());
        let ok = "-- x\nSET escape_string_warning = off;\nDO $p$ BEGIN NULL; END $p$; -- b";
        let (text, _) = read(ok).unwrap();
        assert_eq!(
            text,
            b"SET escape_string_warning = off;\nDO $p$ BEGIN NULL; END $p$;\n"
        );
        for bad in [
            "COMMIT;",
            "CREATE TABLE a (x int);",
            "CREATE SCHEMA a;",
            "\\! id\n",
            "DO $$ $$",
            "COPY a FROM stdin;",
            "SELECT 1;",
            "DO $$ $$; \\copy a from x\n",
            "DO $$ $$;\0",
            "DO $$ $$; /*",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(super::read(b"DO $$ $$;\n", Missing::default()).is_err());
    }
}
