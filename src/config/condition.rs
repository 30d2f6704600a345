//! `--where 'schema.table: condition'`: which rows of a table are meant, by the values that the backup
//! has of them.

use crate::base::names::TableName;
use crate::pg::lexer::Lexer;
use serde::{Serialize, Serializer};

/// An SQL expression over the bare names of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Condition {
    #[serde(serialize_with = "shown")]
    pub table: TableName,
    pub sql: String,
}

fn shown<S: Serializer>(table: &TableName, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(table)
}

impl Condition {
    /// What stands before the first colon at which a table's name can end is that name.
    pub(crate) fn parse(text: &str) -> Result<Condition, String> {
        let colons = text.match_indices(':').map(|(at, _)| at);
        let named = colons.filter_map(|at| {
            let table = TableName::parse(text[..at].trim()).ok()?;
            Some((table, text[at + 1..].trim()))
        });
        let Some((table, sql)) = named.into_iter().next() else {
            return Err(format!("{text:?} is not SCHEMA.TABLE: CONDITION"));
        };
        let sql = one_expression(sql).map_err(|why| format!("the condition {sql:?} {why}"))?;
        Ok(Condition { table, sql })
    }
}

/// The expression, if it can stand between parentheses of ours and cannot end there: the server judges
/// the rest. A blank keeps psql from taking what follows a colon for a variable of its own.
fn one_expression(sql: &str) -> Result<String, &'static str> {
    let mut lexer = Lexer::new();
    let mut open = Vec::new();
    let mut out = Vec::with_capacity(sql.len());
    let mut before = b' ';
    let mut colon = false;
    for byte in sql.bytes() {
        let plain = lexer.is_plain();
        if colon && !matches!(byte, b':' | b'=') {
            out.push(b' ');
        }
        colon = plain && byte == b':' && !colon;
        if plain {
            match (before, byte) {
                (_, b';') => return Err("holds a `;`"),
                (_, b'\\') => return Err("holds a backslash outside of a string"),
                (b'-', b'-') | (b'/', b'*') => return Err("holds a comment"),
                (_, b'(' | b'[') => open.push(byte),
                (_, b')') if open.pop() != Some(b'(') => return Err(UNBALANCED),
                (_, b']') if open.pop() != Some(b'[') => return Err(UNBALANCED),
                _ => {}
            }
        }
        if byte == 0 {
            return Err("holds a NUL character");
        }
        before = if plain { byte } else { b' ' };
        lexer.push(byte);
        out.push(byte);
    }
    if out.trim_ascii().is_empty() {
        return Err("is empty");
    }
    if !lexer.is_plain() {
        return Err("ends within a string or a quoted name");
    }
    if !open.is_empty() {
        return Err(UNBALANCED);
    }
    String::from_utf8(out).map_err(|_| "is no UTF-8")
}

const UNBALANCED: &str = "has parentheses or brackets that are not balanced";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn one_balanced_expression() {
        each(
            [
                ("public.a: id < 5", Some("id < 5")),
                ("public.a:id=5", Some("id=5")),
                (r#""s:1".t: a"#, Some("a")),
                ("s.t: note = 'it''s ; -- ('", Some("note = 'it''s ; -- ('")),
                ("s.t: a[1:2] = b::int[]", Some("a[1: 2] = b::int[]")),
                ("s.t: a = :HOST", Some("a = : HOST")),
                ("s.t: a = $x$;)$x$", Some("a = $x$;)$x$")),
                (
                    "s.t: (a = 1) OR (b IN (2, 3))",
                    Some("(a = 1) OR (b IN (2, 3))"),
                ),
                ("s.t: a - -1 > b / c", Some("a - -1 > b / c")),
                ("s.t: true); DROP TABLE a; --", None),
                ("s.t: true) OR (true", None),
                ("s.t: (true]", None),
                ("s.t: (true", None),
                ("s.t: true;", None),
                ("s.t: true -- x", None),
                ("s.t: true /* x", None),
                ("s.t: 'open", None),
                ("s.t: \"open", None),
                ("s.t: \\! id", None),
                ("s.t: ", None),
                ("t: true", None),
                ("s.t", None),
            ],
            |(text, want)| {
                let parsed = Condition::parse(text);
                let sql = parsed.as_ref().ok().map(|parsed| parsed.sql.as_str());
                assert_eq!(sql, want, "{parsed:?}");
            },
        );
    }
}
