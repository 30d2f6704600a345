//! Databases whose bytes are no UTF-8: dumped in an encoding of their own, and back as they were.

use super::forge::{Prints, Target, prove, restore, secret};
use crate::support::{Cases, Test, cluster, tool};

/// Statements as these bytes, to a database of any encoding.
fn run(db: &str, sql: &[u8]) -> Vec<u8> {
    let mut psql = cluster().psql(db);
    psql.env("PGCLIENTENCODING", "SQL_ASCII");
    tool(psql.args(["-f", "-"]), sql)
}

fn options(encoding: &str) -> String {
    format!("ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
}

fn made_of(encoding: &str, sql: &[u8]) -> Test {
    let test = Test::with("template0", &options(encoding));
    run(&test.db, sql);
    test
}

/// `'x'`, with these bytes in it.
fn quoted(bytes: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut text = b"'".to_vec();
    for byte in bytes {
        text.push(byte);
        if byte == b'\'' {
            text.push(byte);
        }
    }
    text.push(b'\'');
    text
}

/// A type, a function, a default and names of columns with the text in them, and some rows.
fn schema(text: &[u8], rows: &[Vec<u8>]) -> Vec<u8> {
    let mut sql = Vec::new();
    let mut add = |pieces: &[&[u8]]| sql.extend(pieces.concat());
    add(&[b"CREATE TYPE mood AS ENUM ('", text, b"');\n"]);
    add(&[
        b"CREATE FUNCTION f() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT '",
        text,
        b"'::text $$;\n",
    ]);
    add(&[
        b"CREATE TABLE t (id serial PRIMARY KEY, \"",
        text,
        b"\" text DEFAULT '",
        text,
        b"', m mood, g text DEFAULT f());\nCOMMENT ON TABLE t IS '",
        text,
        b"';\n",
    ]);
    add(&[b"INSERT INTO t (m) VALUES ('", text, b"');\n"]);
    for row in rows {
        add(&[b"INSERT INTO t (\"", text, b"\") VALUES (", row, b");\n"]);
    }
    sql
}

/// All that the table has, its definition too, as bytes.
fn bytes(db: &str) -> Vec<u8> {
    run(
        db,
        b"SELECT t::text FROM t ORDER BY id; SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0;
          SELECT obj_description('t'::regclass); SELECT prosrc FROM pg_proc WHERE proname = 'f';
          SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef ORDER BY adnum; SELECT enumlabel FROM pg_enum;",
    )
}

/// Backup, verify, proof and restore; the encoding that the manifest names.
fn comes_back(test: &Test, encoding: &str, options_of_backup: &[&str]) -> String {
    let backup = test.backup(&["public.t"]);
    let ran = backup
        .args(options_of_backup.iter().copied())
        .run()
        .exits(0);
    let sealed = test.sealed(&ran);
    let verify = test.pgseal("verify").arg(&sealed.path).arg("--decrypt");
    verify.env("GNUPGHOME", secret()).run().exits(0);
    prove(test, &sealed.path)
        .run()
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS"]);
    let looked = test.pgseal("prove-backup").table("public.t");
    looked
        .args(options_of_backup.iter().copied())
        .run()
        .exits(0);
    let target = Target::with(&options(encoding));
    restore(test, &sealed.path, &target).run().exits(0);
    let (before, after) = (bytes(&test.db), bytes(&target.db));
    assert!(
        before == after,
        "{:?}\n{:?}",
        String::from_utf8_lossy(&before),
        String::from_utf8_lossy(&after)
    );
    assert_eq!(sealed.manifest["server"]["encoding"], encoding);
    let said = sealed.manifest["plaintext"]["encoding"].as_str().unwrap();
    let header = format!("SET client_encoding = '{said}';");
    assert!(sealed.sql.contains(&header), "{header}");
    said.into()
}

#[test]
fn of_every_kind() {
    let high = || (0x80..=0xff_u8).map(|byte| quoted([b'a', byte, b'\\', b'\'', byte]));
    let mut ascii: Vec<Vec<u8>> = high().collect();
    ascii.extend([
        quoted(1..=0xff),
        quoted(*b"\xe2\x82"),
        quoted(*b"\\.\n\xff\t\\"),
    ]);
    // Of two bytes each, with a row of JIS X 0201 and one of JIS X 0212.
    let japanese =
        [0xb0, 0xc6, 0xf4].map(|lead| quoted((0xa1..=0xfe_u8).flat_map(|low| [lead, low])));
    let japanese = [&japanese[..2], &[quoted(*b"\x8e\xb1\x8f\xb0\xa1")]].concat();
    let windows = [vec![quoted(*b"\x80\x81\x8d\x8f\x90\x9d")], high().collect()].concat();
    let mut cases = Cases::new();
    for (encoding, text, rows, options, dumped) in [
        (
            "SQL_ASCII",
            &b"gr\xf6\xdfe\xff"[..],
            &ascii,
            &[][..],
            "SQL_ASCII",
        ),
        (
            "SQL_ASCII",
            "größe".as_bytes(),
            &vec![quoted(*b"x")],
            &["--encoding=utf8"],
            "UTF8",
        ),
        ("LATIN1", b"gr\xf6\xdfe", &high().collect(), &[], "UTF8"),
        (
            "LATIN1",
            b"gr\xf6\xdfe",
            &high().collect(),
            &["--encoding=latin1"],
            "LATIN1",
        ),
        ("EUC_JP", b"\xb4\xc1\xbb\xfa", &japanese, &[], "UTF8"),
        (
            "EUC_JP",
            b"\xb4\xc1\xbb\xfa",
            &japanese,
            &["--encoding=EUC-JP"],
            "EUC_JP",
        ),
        (
            "WIN1252",
            b"gr\xf6\xdfe\x81",
            &windows,
            &["--encoding=WIN1252"],
            "WIN1252",
        ),
        (
            "WIN1252",
            b"gr\xf6\xdfe\x81",
            &windows,
            &["--encoding=sql_ascii"],
            "SQL_ASCII",
        ),
        (
            "UTF8",
            "größe".as_bytes(),
            &vec![quoted(*b"x")],
            &["--encoding=LATIN1"],
            "LATIN1",
        ),
    ] {
        cases.check((encoding, options), || {
            let test = made_of(encoding, &schema(text, rows));
            assert_eq!(comes_back(&test, encoding, options), dumped);
        });
    }
}

#[test]
fn a_character_that_the_dump_cannot_have() {
    let test = made_of("WIN1252", &schema(b"x", &[quoted(*b"\x81")]));
    for (option, words) in [
        ("--no-prelude", ["\"UTF8\"", "0x81", "--encoding NAME"]),
        ("--encoding=UTF8", ["\"UTF8\"", "0x81", "--encoding NAME"]),
        (
            "--encoding=LATIN2",
            ["invalid client encoding", "LATIN2", "SHOW server_encoding"],
        ),
    ] {
        let backup = test.backup(&["public.t"]).arg(option);
        backup.run().fails(4, &words);
    }
    test.store_is_empty();
}

#[test]
fn an_encoding_that_no_dump_has() {
    let test = Test::of("CREATE TABLE t (x int)");
    let mut cases = Cases::new();
    for client in [
        "SJIS",
        "big5",
        "GBK",
        "UHC",
        "GB18030",
        "JOHAB",
        "SHIFT_JIS_2004",
    ] {
        cases.check(client, || {
            let backup = test
                .backup(&["public.t"])
                .arg(format!("--encoding={client}"));
            backup
                .run()
                .fails(2, &["a backslash may be half of a character"]);
            let config = test.write("it.toml", &format!("[scope]\nencoding = '{client}'\n"));
            let backup = test.backup(&["public.t"]).env("PGSEAL_CONFIG", config);
            let words = ["[scope] encoding", "a backslash may be half of a character"];
            backup.run().fails(3, &words);
        });
    }
    let backup = test.backup(&["public.t"]).arg("--encoding=UTF9");
    backup
        .run()
        .fails(2, &["no encoding that a server can have", "WIN1252"]);
    let config = test.write("it.toml", "[scope]\nencoding = 'latin1'\n");
    for (options, encoding) in [(&[][..], "LATIN1"), (&["--encoding=koi8-r"], "KOI8R")] {
        let backup = test.backup(&["public.t"]).env("PGSEAL_CONFIG", &config);
        let sealed = test.sealed(&backup.args(options.iter().copied()).run());
        assert_eq!(sealed.manifest["plaintext"]["encoding"], encoding);
    }
}

/// JSON has no bytes, and a dump in another encoding spells a name otherwise.
#[test]
fn names_that_no_manifest_can_hold() {
    let test = made_of(
        "SQL_ASCII",
        b"CREATE TABLE t (x int); CREATE TABLE \"c\xff\" () INHERITS (t);",
    );
    for dry in [&[][..], &["--dry-run"]] {
        let backup = test.backup(&["public.t"]).args(dry.iter().copied());
        backup.run().fails(
            3,
            &[
                "cannot ask the database",
                "A name in the database is no UTF-8",
            ],
        );
    }
    let test = Test::of("CREATE TABLE \"größe\" AS SELECT 1 AS x");
    let backup = |encoding: &str| {
        test.backup(&["public.größe"])
            .arg(format!("--encoding={encoding}"))
    };
    for encoding in ["LATIN1", "EUC_JP"] {
        backup(encoding)
            .run()
            .fails(3, &["größe", "beyond ASCII", "--encoding"]);
    }
    for encoding in ["UTF8", "SQL_ASCII"] {
        let sealed = test.sealed(&backup(encoding).run());
        prove(&test, &sealed.path).run().exits(0);
    }
}

/// Nothing is changed there, and the hint makes a database that takes it.
#[test]
fn a_target_of_another_encoding() {
    let test = made_of("SQL_ASCII", &schema(b"gr\xf6\xdfe", &[]));
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    let target = Target::new();
    let ran = restore(&test, &sealed.path, &target).run();
    let words = [
        "22021",
        "which is in SQL_ASCII",
        "--encoding=SQL_ASCII",
        "nothing was changed",
    ];
    ran.fails(4, &words);
    target.is_empty();
    // There every byte is a character.
    let target = Target::with(&options("LATIN1"));
    let ran = restore(&test, &sealed.path, &target).run().exits(0);
    ran.prints(&["RESTORE: PASS", "the target is LATIN1"]);
    assert_eq!(bytes(&test.db), bytes(&target.db));

    let test = Test::of("CREATE TABLE t AS SELECT '水'::text AS x");
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    let target = Target::with(&options("LATIN1"));
    let ran = restore(&test, &sealed.path, &target).run();
    ran.fails(4, &["22P05", "which is in UTF8", "--encoding=UTF8"]);
    target.is_empty();
}

/// What it names reaches the target's session.
#[test]
fn an_encoding_that_the_manifest_cannot_name() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS x");
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    let note = test
        .store()
        .join(format!("{}.manifest.json", sealed.run_id));
    let mut manifest = sealed.manifest.clone();
    for encoding in ["SJIS", "x'; --"] {
        manifest["plaintext"]["encoding"] = encoding.into();
        std::fs::write(&note, manifest.to_string()).unwrap();
        let target = Target::new();
        restore(&test, &sealed.path, &target).run().exits(1);
        target.is_empty();
    }
    // As before it was recorded.
    manifest["plaintext"]
        .as_object_mut()
        .unwrap()
        .remove("encoding");
    std::fs::write(&note, manifest.to_string()).unwrap();
    restore(&test, &sealed.path, &Target::new()).run().exits(0);
}
