use super::*;
use proptest::prelude::*;

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

fn any_line() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = KNOWN
        .iter()
        .flat_map(|(_, keys)| *keys)
        .chain(TOP)
        .copied()
        .collect();
    let sections: Vec<String> = KNOWN.iter().map(|(name, _)| format!("[{name}]")).collect();
    prop_oneof![
        proptest::sample::select(sections),
        (
            proptest::sample::select(keys),
            "['\"\\[{ ]{0,3}",
            "['\"\\]}, #=]{0,3}"
        )
            .prop_map(|(key, before, after)| format!("{key} = {before}hunter2{after}")),
        "(#|\\[|\\[\\[|)[a-z]{0,6}(\\]|\\.| = [0-9]{0,3}| = true|)",
    ]
}

proptest! {
    /// No error repeats a value: it may be a password.
    #[test]
    fn any_file_keeps_its_values(lines in proptest::collection::vec(any_line(), 0..8)) {
        let text = lines.join("\n");
        match parsed(&text) {
            Ok(file) => prop_assert_eq!(file.sha256, hex::encode(Sha256::digest(&text))),
            Err(error) => {
                let told = format!("{} {:?}", error.message, error.hints.text());
                prop_assert!(!told.contains("hunter2"), "{}\n{}", text, told);
                prop_assert!(error.message.starts_with("p.toml: "));
            }
        }
    }

    /// What is written is read.
    #[test]
    fn any_settings(tables in proptest::collection::vec("\\PC{0,9}", 0..4), dbname in "\\PC{0,9}", prelude: bool, timeout in proptest::option::of("\\PC{0,9}")) {
        // A string of JSON is one of TOML.
        let timeout = timeout.map(|text| format!("timeout = {}\n", serde_json::json!(text)));
        let text = format!(
            "{}[scope]\ntables = {}\nprelude = {prelude}\n[postgres]\ndbname = {}\n",
            timeout.as_deref().unwrap_or_default(),
            serde_json::json!(tables),
            serde_json::json!(dbname),
        );
        let file = parsed(&text).map_err(|error| TestCaseError::fail(error.message))?;
        prop_assert_eq!(file.scope.tables, Some(tables));
        prop_assert_eq!(file.scope.prelude, Some(prelude));
        prop_assert_eq!(file.postgres.dbname, Some(dbname));
        prop_assert_eq!(file.timeout.is_some(), timeout.is_some());
    }
}
