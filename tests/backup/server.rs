//! A server that changes, ends or tricks us while we work.

use crate::support::{Cases, Session, Test, bin, eventually};

/// Runs this SQL, read-write, in the middle of a backup: before pg_dump or after it.
fn meanwhile(test: &Test, sql: &str, after: bool) {
    let psql = bin().join("psql");
    let change = format!(
        "PGOPTIONS= {} -Xq -v ON_ERROR_STOP=1 >&2 <<'SQL' || exit 77\n{sql}\nSQL\n",
        psql.display()
    );
    if after {
        test.shim_dump(&format!("$real \"$@\" || exit\n{change}"))
    } else {
        test.shim_dump(&format!("{change}exec $real \"$@\""))
    }
}

#[test]
fn a_table_that_changes_meanwhile() {
    let mut cases = Cases::new();
    for (sql, after, words) in [
        (
            "DROP TABLE t;",
            false,
            &[
                "no matching tables were found",
                "hint: A table was dropped or renamed meanwhile",
            ][..],
        ),
        (
            "ALTER TABLE t RENAME TO u;",
            false,
            &["no matching tables were found"],
        ),
        ("DROP TABLE t;", true, &["while the dump ran"]),
        (
            "DROP TABLE t; CREATE TABLE t (a int);",
            true,
            &["`public.t`", "while the dump ran"],
        ),
        (
            "DROP TABLE t; CREATE TABLE t (a int);",
            false,
            &["`public.t`", "while the dump ran"],
        ),
        (
            "DROP TABLE t; CREATE VIEW t AS SELECT 1 AS a;",
            false,
            &["the dump is not whole", "public.t"],
        ),
        (
            "CREATE TABLE child () INHERITS (t);",
            true,
            &["`public.child`", "while the dump ran"],
        ),
    ] {
        cases.check(sql, || {
            let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
            meanwhile(&test, sql, after);
            let ran = test.backup(&["public.t"]).run();
            ran.fails(4, words)
                .says(&["nothing was written to", "hint: "]);
            test.store_is_empty();
        });
    }
}

/// Rows that come and go are another matter: the dump is one snapshot.
#[test]
fn rows_that_come_meanwhile() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
    meanwhile(&test, "INSERT INTO t VALUES (2);", true);
    assert_eq!(
        test.sealed(&test.backup(&["public.t"]).run()).rows(),
        ["public.t=1"]
    );
}

#[test]
fn a_connection_that_is_cut() {
    let test = Test::of(
        "CREATE TABLE t AS SELECT repeat(md5(n::text), 30) AS a FROM generate_series(1, 9000) n",
    );
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'pg_dump'";
    let slow = "{ head -c 100000; until [[ -e go ]]; do read -rt 0.05 <> <(:); done; cat; } | $real \"$@\"; exit $?";
    test.shim_encrypt(slow);
    let run = test.backup(&["public.t"]).arg("--no-prelude").start();
    eventually("the COPY is stuck", || {
        let stuck = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientWrite'";
        test.sql(stuck) == "1"
    });
    assert_eq!(test.sql(end), "t");
    test.write("go", "");
    run.wait().fails(
        4,
        &["pg_dump ended with status 1", "nothing was written to"],
    );
    test.store_is_empty();
}

/// Functions and operators of the database's users are never called by our questions.
#[test]
fn a_search_path_with_traps() {
    let test = Test::of(
        "CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE trapped (by text);
         CREATE FUNCTION public.octet_length(text) RETURNS int LANGUAGE sql AS $$ SELECT 99 $$;
         CREATE FUNCTION public.jsonb_array_elements(jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
         CREATE FUNCTION public.texteq(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
         CREATE OPERATOR public.= (leftarg = text, rightarg = text, function = public.texteq);
         CREATE OPERATOR public.->> (leftarg = jsonb, rightarg = text, function = public.jsonb_trap);
         "
        .replace("CREATE OPERATOR public.->>", "CREATE FUNCTION public.jsonb_trap(jsonb, text) RETURNS text LANGUAGE sql AS $$ SELECT 'trapped' $$; CREATE OPERATOR public.->>")
        .as_str(),
    );
    test.sql(&format!(
        "ALTER DATABASE {} SET search_path = public, pg_catalog",
        test.db
    ));
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    assert_eq!(sealed.rows(), ["public.t=1"]);
}

#[test]
fn a_temporary_table() {
    let test = Test::new();
    let mut session = Session::open(&test.db);
    session.sql("CREATE TEMP TABLE passing (a int)");
    let schema =
        test.sql("SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'passing'");
    test.backup(&[&format!("{schema}.passing")]).run().fails(
        3,
        &["passing", "is temporary", "hint: Name a permanent table"],
    );
    test.store_is_empty();
}

/// Settings of the role or the database do not reach the dump's meaning.
#[test]
fn settings_of_the_database() {
    let test = Test::of(
        r"CREATE TABLE t AS SELECT '2026-01-02'::date AS d, 1.5::float8 / 7 AS f, '\xdead'::bytea AS b;
          COMMENT ON TABLE t IS E'it''s \\\nCOPY public.t (d, f, b) FROM stdin;\n1\n\\.\n\\';",
    );
    for setting in [
        "DateStyle = 'German'",
        "extra_float_digits = -5",
        "bytea_output = 'escape'",
        "default_transaction_read_only = off",
        "statement_timeout = '1h'",
        "row_security = off",
        "standard_conforming_strings = off",
        "quote_all_identifiers = on",
    ] {
        test.sql(&format!("ALTER DATABASE {} SET {setting}", test.db));
    }
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    assert_eq!(sealed.rows(), ["public.t=1"]);
    assert!(
        sealed
            .sql
            .contains("2026-01-02\t0.21428571428571427\t\\\\xdead\n"),
        "{}",
        sealed.sql
    );
}

/// Names come from the database; none of them moves the operator's cursor.
#[test]
fn names_that_would_move_the_cursor() {
    let test = Test::of("CREATE TABLE \"e\x1b[2Jvil\r\" AS SELECT 1 AS a");
    let name = "public.\"e\x1b[2Jvil\r\"";
    let ran = test.backup(&[name]).run().exits(0);
    let clean = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
    ran.check(
        clean(&ran.stderr) && clean(&ran.stdout),
        "no control characters",
    );
    let ran = test
        .backup(&[&name.replace("vil", "xtra")])
        .run()
        .fails(3, &["does not exist"]);
    ran.check(clean(&ran.stderr), "no control characters");
    test.shim_dump("printf 'a\\x1b[2Jb\\n' >&2; exit 1");
    let ran = test.backup(&[name]).run().fails(4, &[]);
    ran.check(clean(&ran.stderr), "no control characters");
}

/// On a terminal, one line that is gone at the end; nothing of it elsewhere.
#[test]
fn progress_on_a_terminal() {
    let test = Test::of("CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n; ANALYZE t");
    test.shim_dump(
        "$real \"$@\" | { head -c 3000; read -rt 0.5 <> <(:); cat; }; exit ${PIPESTATUS[0]}",
    );
    // script(1) gives it a terminal for standard error; standard output goes to a file.
    let script = "exec script -qec \"$(printf '%q ' \"$@\") >envelope\" /dev/null";
    let ran = test
        .backup(&["public.t"])
        .shell(script)
        .env("TERM", "xterm")
        .env("SHELL", "/bin/bash")
        .run()
        .exits(0);
    assert!(ran.stdout.contains("MiB/s"), "{:?}", ran.stdout);
    assert!(
        ran.stdout.contains("\r\u{1b}[Ksealed run "),
        "{:?}",
        ran.stdout
    );
    let envelope = std::fs::read_to_string(test.dir.join("envelope")).unwrap();
    assert!(envelope.starts_with("{\"sha256\""), "{envelope}");
    let ran = test.backup(&["public.t"]).run().exits(0);
    assert!(!ran.stderr.contains("MiB/s") && !ran.stderr.contains('\r'));
}
