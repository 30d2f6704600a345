//! Rows, comments and names that look like something else, and databases that are not UTF-8.

use crate::support::{Test, cluster, each, tool};

/// Loads a dump into an empty database and compares the tables.
fn comes_back(test: &Test, sql: &str, tables: &[&str]) {
    let fresh = Test::new();
    tool(
        cluster()
            .psql(&fresh.db)
            .args(["-o", "/dev/null", "-f", "-"]),
        sql.as_bytes(),
    );
    each(tables, |table| {
        let rows = format!(
            "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t"
        );
        assert_eq!(fresh.sql(&rows), test.sql(&rows), "{table}");
    });
}

const HOSTILE: &str = r"
CREATE TABLE t (a text, b text DEFAULT E'x\nCOPY public.t (a) FROM stdin;\n1\n\\.\n');
INSERT INTO t VALUES
  (E'\\.', NULL), (E'\n\\.\n', ''), (E'COPY public.u (a) FROM stdin;', E'\t'),
  (E'a\tb\nc\rd\\e\bf', E'\\N'), (E'\n\nCOPY public.t (a, b) FROM stdin;\n1\t2\n\\.\n', 'x'),
  (E'--\n-- PostgreSQL database dump complete\n--\n', E'\\unrestrict abc'), ('', 'é – 水 🦭');
COMMENT ON TABLE t IS E'it''s\nCOPY public.t (a, b) FROM stdin;\n1\t2\n\\.\n\n--\n-- PostgreSQL database dump complete\n--\n';
COMMENT ON COLUMN t.a IS E'$x$ /* \nCOPY public.t (a, b) FROM stdin;\n';
CREATE TABLE u (a text CHECK (a <> E'\nCOPY public.t (a, b) FROM stdin;\n9\t9\n\\.\n'));
INSERT INTO u VALUES ('one'), (NULL);
";

#[test]
fn rows_and_comments_that_look_like_sql() {
    let test = Test::of(HOSTILE);
    let sealed = test.sealed(&test.backup(&["public.t", "public.u"]).run());
    assert_eq!(sealed.rows(), ["public.t=7", "public.u=2"]);
    comes_back(&test, &sealed.sql, &["t", "u"]);
}

#[test]
fn rows_that_are_hardly_there() {
    let test = Test::of(
        "CREATE TABLE empty (a int);
         CREATE TABLE columnless (); INSERT INTO columnless SELECT FROM generate_series(1, 3);
         CREATE TABLE computed (g int GENERATED ALWAYS AS (1 + 1) STORED);
         INSERT INTO computed SELECT FROM generate_series(1, 2);
         CREATE TABLE dropped (a int, b int); ALTER TABLE dropped DROP a; INSERT INTO dropped VALUES (7);
         CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS a;",
    );
    let tables = [
        "public.empty",
        "public.columnless",
        "public.computed",
        "public.dropped",
        "public.unlogged",
    ];
    let sealed = test.sealed(&test.backup(&tables).run());
    let counted = [
        "public.empty=0",
        "public.columnless=3",
        "public.computed=2",
        "public.dropped=1",
        "public.unlogged=1",
    ];
    assert_eq!(sealed.rows(), counted);
    test.rows_are_counted(&sealed.manifest);
}

/// Whatever the server takes as a name is backed up under it, and nothing else is.
#[test]
fn every_legal_name() {
    let names = [
        "Capitals",
        "with space",
        "dot.ted",
        "quo\"te",
        "it's",
        "st*r",
        "wh?t",
        "a|b",
        "(x)",
        "[a-z]",
        "back\\slash",
        "new\nline",
        "tab\tbed",
        "größe",
        "水",
        "-dash",
        "--table=x",
        "$HOME",
        "`id`",
        "a;b",
        "select",
        "%s",
        "COPY t FROM stdin;",
        "\\.",
        "--",
        "1st",
        "x=y",
        " ",
        "\u{202e}rtl",
    ];
    let test = Test::new();
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut sql = String::from(
        "CREATE SCHEMA \"We.ird \"\"S*\"; CREATE TABLE decoy AS SELECT 'decoy'::text AS a;",
    );
    let mut tables = Vec::new();
    for (at, name) in names.iter().enumerate() {
        for schema in ["public", "We.ird \"S*"] {
            let table = format!("{}.{}", quoted(schema), quoted(name));
            sql += &format!(
                "CREATE TABLE {table} ({} int); INSERT INTO {table} SELECT generate_series(1, {at});",
                quoted(name)
            );
            tables.push(table);
        }
    }
    test.sql(&sql);
    let sealed = test.sealed(
        &test
            .backup(&tables.iter().map(String::as_str).collect::<Vec<_>>())
            .run(),
    );
    assert_eq!(
        sealed.manifest["tables"].as_array().unwrap().len(),
        2 * names.len()
    );
    each(
        sealed.manifest["tables"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate(),
        |(at, table)| {
            assert_eq!(table["name"], names[at / 2]);
            assert_eq!(table["rows"], at / 2);
        },
    );
    assert!(!sealed.sql.contains("decoy"));
}

#[test]
fn a_database_that_is_not_utf8() {
    let test = Test::with("template0", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    test.sql("CREATE SCHEMA \"künste\"; CREATE TABLE \"künste\".\"größe\" (\"maß\" text); INSERT INTO \"künste\".\"größe\" VALUES ('süß'), ('©')");
    let sealed = test.sealed(&test.backup(&["künste.größe"]).run());
    assert_eq!(sealed.rows(), ["künste.größe=2"]);
    assert_eq!(sealed.manifest["server"]["encoding"], "LATIN1");
    assert!(sealed.sql.contains("süß\n©\n") && sealed.sql.contains("client_encoding = 'UTF8'"));
}

/// Our client sets its own encoding and locale whatever the caller's are.
#[test]
fn the_callers_locale_changes_nothing() {
    let test = Test::of("CREATE TABLE \"größe\" AS SELECT 'süß'::text AS a");
    let ran = test
        .backup(&["public.größe"])
        .env("PGCLIENTENCODING", "LATIN1")
        .env("LC_ALL", "de_DE.ISO-8859-1")
        .env("PGDATESTYLE", "German")
        .run();
    assert!(test.sealed(&ran).sql.contains("süß\n"));
    test.backup(&["public.none"])
        .env("LC_ALL", "de_DE.UTF-8")
        .env("LANGUAGE", "de")
        .run()
        .fails(3, &["does not exist"]);
}
