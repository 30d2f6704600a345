use super::*;
use proptest::prelude::*;

fn kept(text: &str) -> Vec<String> {
    let mut filter = filter();
    let lines = text.lines().filter_map(|line| filter.line(line.as_bytes()));
    let mut lines: Vec<String> = lines.collect();
    let end = filter.finish().unwrap_or_default();
    lines.extend(end.lines().map(String::from));
    lines
}

#[test]
fn an_error_without_its_data() {
    let text = "psql:<stdin>:3: ERROR:  23514: new row for relation \"t\" violates check constraint \"c\"\n\
        DETAIL:  Failing row contains (secret,\n\
        TABLE NAME:  secret\n\
        LOCATION:  secret, x.c:1\n\
        psql:<stdin>:9: ERROR:  42703: secret\n\
        psql: error: secret\n\tsecret\n\
        psql:<stdin>:7: secret connection to server was lost\n\
        x).\nSCHEMA NAME:  public\nTABLE NAME:  t\nCONSTRAINT NAME:  c\nLOCATION:  ExecConstraints, execMain.c:2074\n";
    assert_eq!(
        kept(text),
        [
            "line 3: ERROR 23514 check_violation",
            "schema public, table t, constraint c"
        ]
    );
    // The last value of a row may end like a name of the server's.
    let text = "psql:<stdin>:3: ERROR:  23502: null value\n\
        DETAIL:  Failing row contains (null,\nSCHEMA NAME:  secret\nTABLE NAME:  secret).\n\
        SCHEMA NAME:  public\nTABLE NAME:  t\nCOLUMN NAME:  c\nLOCATION:  ExecConstraints, execMain.c:1\n";
    assert_eq!(
        kept(text),
        [
            "line 3: ERROR 23502 not_null_violation",
            "schema public, table t, column c"
        ]
    );
    let text = "psql:<stdin>:9: ERROR:  22P02: invalid input syntax for type integer: \"secret\n\
        SCHEMA NAME:  secret\"\nLOCATION:  pg_strtoint32, numutils.c:232\n";
    assert_eq!(
        kept(text),
        ["line 9: ERROR 22P02 invalid_text_representation"]
    );
    let text = "psql:<stdin>:9: ERROR:  42501: row secret is refused\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n";
    assert_eq!(kept(text), ["line 9: ERROR 42501 insufficient_privilege"]);
    let text = "psql:<stdin>:9: ERROR:  SECRT: secret\nCONSTRAINT NAME:  secret\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n";
    assert_eq!(kept(text), ["line 9: ERROR unknown condition"]);
}

#[test]
fn a_text_of_a_class_that_holds_no_data() {
    let text = "psql:<stdin>:2: ERROR:  42P01: relation \"x\" does not exist\nLINE 1: secret\nHINT:  secret\nLOCATION:  f, n.c:4\n";
    let want = [
        "line 2: ERROR 42P01 undefined_table",
        "text: relation \"x\" does not exist",
    ];
    assert_eq!(kept(text), want);
}

#[test]
fn a_server_that_speaks_another_language() {
    let text = "psql:<stdin>:1: WARNUNG:  01000: pgseal: left out: x\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n\
        psql:<stdin>:1: WARNUNG:  01000: geheim\npsql:<stdin>:2: HINWEIS:  00000: geheim\n\
        psql:<stdin>:3: FEHLER:  23514: geheim\nDETAIL:  geheim\nSCHEMA NAME:  s\nTABLE NAME:  t\nLOCATION:  f, n.c:4\n";
    let want = [
        "line 1: pgseal: left out: x",
        "line 3: ERROR 23514 check_violation",
        "schema s, table t",
    ];
    assert_eq!(kept(text), want);
}

#[test]
fn what_psql_says_itself() {
    let text = "psql: error: connection to server on socket \"/x\" failed: No such file or directory\n\
        \tIs the server running locally and accepting connections on that socket?\n";
    assert_eq!(kept(text).len(), 2);
    let text = "psql:<stdin>:1: WARNING:  01000: pgseal: left out: owner of SCHEMA a (role \"x\" does not exist)\nLOCATION:  exec_stmt_raise, pl_exec.c:3893\n\
        psql:<stdin>:1: WARNING:  01000: secret\nNOTICE:  secret\n\
        psql:<stdin>:7: error: invalid command \\secret\n";
    let want = [
        "line 1: pgseal: left out: owner of SCHEMA a (role \"x\" does not exist)",
        "line 7: psql cannot read its input",
    ];
    assert_eq!(kept(text), want);
    let text = "psql:<stdin>:8: FATAL:  57P01: terminating connection due to administrator command\nLOCATION:  ProcessInterrupts, postgres.c:3181\n\
        psql:<stdin>:8: server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\
        psql:<stdin>:8: error: connection to server was lost\n";
    let want = [
        "line 8: FATAL 57P01 admin_shutdown",
        "text: terminating connection due to administrator command",
        "the connection to the server was lost",
    ];
    assert_eq!(kept(text), want);
}

proptest! {
    /// A value of any lines is not told, however much these look like what a server says.
    #[test]
    fn any_value_stays_untold(
        value in any_value(),
        other in any_value(),
        state in "(22P02|23514|23505|P0001|XX000|[0-9A-Z]{5})",
        function: bool,
    ) {
        let place = if function { "exec_stmt_raise, pl_exec.c:3893" } else { "ExecConstraints, execMain.c:2074" };
        prop_assume!(!WITHOUT_DATA.contains(&&state[..2]));
        let text = format!(
            "psql:<stdin>:3: ERROR:  {state}: a row ({value}) is wrong\nDETAIL:  Failing row contains ({other}).\n\
             SCHEMA NAME:  public\nTABLE NAME:  t\nCONSTRAINT NAME:  c\nLOCATION:  {place}\n"
        );
        let told = kept(&text).join("\n");
        prop_assert!(!told.contains("hunter2"), "{}\n---\n{}", text, told);
        prop_assert!(told.starts_with("line 3: ERROR "));
        prop_assert!(function || told.ends_with("schema public, table t, constraint c"), "{}", told);
    }
}

fn any_value() -> impl Strategy<Value = String> {
    proptest::collection::vec(any_line(), 0..5).prop_map(|lines| lines.join("\n"))
}

fn any_line() -> impl Strategy<Value = String> {
    let looks = "(psql:<stdin>:[0-9]: (ERROR:  (42P01|22000): |WARNING:  01000: |FATAL:  57P01: |error: |)|(SCHEMA|TABLE|COLUMN|DATATYPE|CONSTRAINT) NAME:  |LOCATION:  |DETAIL:  |HINT:  |LINE 1: |\t|psql: error: |)";
    (looks, "hunter2[\", .)a-z]{0,6}").prop_map(|(looks, value)| looks + &value)
}
