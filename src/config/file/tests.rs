use super::*;

fn parsed(text: &str) -> Result<File> {
    parse(text, Path::new("p.toml"))
}

#[test]
fn a_typo_is_named_with_the_nearest_key() {
    let error = parsed("[scope]\ntabels = []").unwrap_err();
    assert_eq!(
        error.message,
        "p.toml: line 2: [scope] unknown key `tabels`"
    );
    assert_eq!(error.hints.text().unwrap(), "Did you mean `tables`?");
    assert!(
        parsed("[scop]\n")
            .unwrap_err()
            .hints
            .text()
            .unwrap()
            .contains("scope")
    );
    assert!(
        parsed("[store]\nzzz = 1")
            .unwrap_err()
            .hints
            .text()
            .unwrap()
            .contains("dir")
    );
    for (text, told) in [
        (
            "timeout = '1s'\nscop = 1\n",
            "p.toml: line 2: unknown key `scop`",
        ),
        ("[store]\n\n[scop]\n", "p.toml: line 3: unknown key `scop`"),
        (
            "[store]\ndir = 'a'\n\n  dirr = 'b'",
            "line 4: [store] unknown key `dirr`",
        ),
        ("\nscope = 1", "line 2: `scope` is a section, write [scope]"),
    ] {
        let error = parsed(text).unwrap_err();
        assert!(error.message.contains(told), "{}", error.message);
    }
    assert!(parsed("[scope]\ntables = 1").is_err());
}

#[test]
fn a_syntax_error_names_the_line_and_not_its_text() {
    let error = parsed("[postgres]\ndbname = hunter2 hunter2\n").unwrap_err();
    assert!(error.message.contains("line 2"), "{}", error.message);
    assert!(!error.message.contains("hunter2"));
}

#[test]
fn a_wrong_type_names_line_and_key_and_not_the_value() {
    for (text, told) in [
        (
            "[scope]\n\ntables = \"hunter2\"\n",
            "p.toml: line 3: [scope] tables has the wrong type, expected a sequence",
        ),
        (
            "[scope]\ntables = [\n\"a.b\",\n7]\n",
            "line 4: [scope] tables has the wrong type, expected a string",
        ),
        (
            "[store]\ndir = 7\n[postgres]\ndbname = [\"hunter2\"]\n",
            "line 4: [postgres] dbname",
        ),
        (
            "timeout = 30\n",
            "line 1: timeout has the wrong type, expected a string",
        ),
        (
            "[postgres]\ndbname = [\"hunter2\"]\n",
            "line 2: [postgres] dbname",
        ),
    ] {
        let error = parsed(text).unwrap_err();
        assert!(error.message.contains(told), "{}", error.message);
        assert!(!error.message.contains("hunter2"), "{}", error.message);
    }
}
