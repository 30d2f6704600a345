use super::*;
use crate::base::cases::each;
use proptest::prelude::*;

fn tokens(text: &str) -> (Vec<String>, bool) {
    let mut lexer = Lexer::new();
    let told = text.bytes().filter_map(|byte| lexer.push(byte));
    let told = told.map(|token| match token {
        Token::Statement(text) => format!("S {}", String::from_utf8(text).unwrap()),
        Token::Comment(text) => format!("C {}", String::from_utf8(text).unwrap()),
        Token::Command(text) => format!("B {}", String::from_utf8(text).unwrap()),
    });
    let told = told.collect();
    (told, lexer.at_rest())
}

#[test]
fn what_is_inside_stays_inside() {
    each(
        [
            "'a;\nCOPY x FROM stdin;\n\\.\n'",
            "'it''s; fine'",
            "E'a\\';still'",
            "E'a''\\';still'",
            "e'x' '\\';still'",
            "\"a;b\"\"c;\"",
            "$$ ; $x$ ; $$",
            "$ab$ ; $a$ ; $$ ; $ab$",
            "/* ; /* ; */ ; */ 1",
            "(1; 2; (3;))",
            "a$b$c",
            "$1",
            "1 -- ; '\n + 2",
            "'\\'",
        ],
        |inside| {
            let text = format!("SELECT {inside};\nNEXT;\n");
            let text = text.replace("\\n", "\n").replace("\\\\", "\\");
            let (told, rest) = tokens(&text);
            assert_eq!(told.len(), 2, "{text}: {told:?}");
            assert!(
                told[0].starts_with("S SELECT") && told[1] == "S NEXT" && rest,
                "{told:?}"
            );
        },
    );
}

#[test]
fn an_open_end_is_not_rest() {
    each(
        [
            "SELECT 1",
            "'",
            "SELECT 'a;",
            "\"",
            "$a$ ; $b$;",
            "/* ;",
            "-- x",
            "\\x",
            "(",
        ],
        |text| {
            assert!(!tokens(text).1, "{text:?}");
        },
    );
    assert!(tokens("SELECT 1;\n\n").1);
}

#[test]
fn comments_and_commands() {
    let (told, _) = tokens("-- a\n\\restrict x\nSET a = 1; -- b\n--\n\\! rm\nx\\y\n");
    assert_eq!(
        told,
        [
            "C -- a",
            "B \\restrict x",
            "S SET a = 1",
            "C -- b",
            "C --",
            "B \\! rm",
            "B \\y"
        ]
    );
}

#[test]
fn old_servers_escape_in_every_string() {
    let (told, _) = tokens("SET standard_conforming_strings = off;\nX 'a\\';b';Y;");
    assert_eq!(told.len(), 3);
}

/// Statements without white space at their ends, and without a `;` that ends them.
fn any_statement() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "'([^'\\\\]|''){0,8}'",
        "E'([^'\\\\]|''|\\\\[^\\x00]){0,8}'",
        "\"([^\"]|\"\"){1,8}\"",
        "\\$(a1?)?\\$[ -#%-~\n]{0,8}",
        "\\(;[a-z; ]{0,1}\\)",
        "[a-z_][a-z0-9$]{0,5}",
        "[-+*<>=,.:] ",
    ];
    proptest::collection::vec(piece, 1..8).prop_map(|pieces| {
        let pieces = pieces.into_iter().map(|piece| {
            // A dollar-quoted string is closed by its own tag.
            let tag = piece
                .strip_prefix('$')
                .and_then(|rest| Some(format!("${}$", rest.split_once('$')?.0)));
            tag.map_or(piece.clone(), |tag| format!("{piece}{tag}"))
        });
        pieces.collect::<Vec<_>>().join(" ").trim().to_string()
    })
}

proptest! {
    /// A statement that was put together is found whole, and between others, comments and commands.
    #[test]
    fn any_statements(statements in proptest::collection::vec(any_statement(), 1..5), between in proptest::collection::vec("(\n| |/\\*[;'\"a ]{0,3}\\*/|/\\*;/\\*';\\*/\\*/|\n--[ ;'\"$a]{0,5}\n|\n\\\\[ ;'a]{0,4}\n){0,3}", 5)) {
        let mut text = String::new();
        for (statement, before) in statements.iter().zip(&between) {
            text += before;
            text += statement;
            text += ";";
        }
        let (told, rests) = tokens(&text);
        let told: Vec<&str> = told.iter().filter_map(|token| token.strip_prefix("S ")).collect();
        prop_assert_eq!(told, statements, "{}", text);
        prop_assert!(rests);
    }

    /// What was cut out as one statement is one when it is read again.
    #[test]
    fn any_text_for_the_lexer(pieces in proptest::collection::vec(proptest::sample::select(vec![
        ";", "'", "\"", "$", "$a$", "--", "/*", "*/", "\\", "\n", " ", "E'", "a", "(", ")", "''", "1", "-", "/", "*", "é"]), 0..40)) {
        let text = pieces.concat();
        let told = tokens(&text).0;
        // A command in the middle of a statement is taken out of it: no dump may hold one.
        let commands = told.iter().any(|token| token.starts_with("B "));
        // Two strings side by side, which no statement has, are one where the comment between is gone.
        let commands = commands || text.contains("E'") && text.contains("/*");
        for token in told.into_iter().filter(|_| !commands) {
            if let Some(statement) = token.strip_prefix("S ") && !statement.is_empty() {
                prop_assert_eq!(tokens(&format!("{statement};")), (vec![token.clone()], true), "{}", text);
            }
        }
    }
}
