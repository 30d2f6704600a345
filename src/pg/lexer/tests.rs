use super::*;
use crate::base::cases::each;

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
