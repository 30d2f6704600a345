//! Artifacts that are damaged, and artifacts that somebody made who only has the public key:
//! refused, with nothing done.

use super::forge::{Prints, Target, forge, forge_prelude, restore};
use crate::support::{Test, end_agent};
use serde_json::{Value, json};

fn honest(test: &Test) -> (Value, String, std::path::PathBuf) {
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    (sealed.manifest, sealed.sql, sealed.path)
}

const TABLE: &str = "CREATE TABLE a (id serial PRIMARY KEY, x text);
                     INSERT INTO a (x) SELECT 'row ' || n FROM generate_series(1, 50) n";

#[test]
fn an_honest_forgery_comes_back() {
    // So that the refusals below are for what they say.
    let test = Test::of(TABLE);
    let (manifest, sql, _) = honest(&test);
    let target = Target::new();
    let path = forge(&test, &manifest, sql.as_bytes(), "forged", |_| {});
    restore(&test, &path, &target)
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS"]);
    assert_eq!(target.sql("SELECT count(*) FROM a"), "50");
}

#[test]
fn statements_that_are_not_pg_dumps() {
    let test = Test::of(TABLE);
    let (manifest, sql, _) = honest(&test);
    let marker = test.dir.join("tmp").join("marker");
    let touch = format!("touch {}", marker.display());
    let copy = "COPY public.a (id, x) FROM stdin;\n";
    let before_copy = |text: &str| sql.replacen(copy, &format!("{text}\n{copy}"), 1);
    let in_rows = |text: &str| sql.replacen("1\trow 1\n", &format!("1\trow 1\n{text}"), 1);
    assert!(sql.contains(copy) && sql.contains("1\trow 1\n"));
    for (n, (what, text)) in [
        ("a shell command", before_copy(&format!("\\! {touch}"))),
        (
            "a shell command in a line",
            before_copy(&format!("SELECT 1 \\! {touch}")),
        ),
        ("a pipe", before_copy(&format!("SELECT 1 \\g |{touch}"))),
        (
            "\\copy",
            before_copy(&format!("\\copy a from program '{touch}'")),
        ),
        ("a second \\restrict", before_copy("\\restrict x")),
        ("\\unrestrict", before_copy("\\unrestrict x")),
        ("commit", before_copy("COMMIT;")),
        ("commit, hidden", before_copy("/* ; */ coMMit -- ;\n;")),
        ("end", before_copy("END;")),
        ("rollback", before_copy("ROLLBACK;")),
        ("begin", before_copy("BEGIN;")),
        ("savepoint", before_copy("SAVEPOINT a;")),
        ("two-phase", before_copy("PREPARE TRANSACTION 'x';")),
        (
            "a program on the server",
            before_copy(&format!("COPY public.a FROM PROGRAM '{touch}';")),
        ),
        (
            "a file on the server",
            before_copy("COPY public.a FROM '/etc/passwd';"),
        ),
        (
            "a program to write to",
            before_copy(&format!("COPY public.a TO PROGRAM '{touch}';")),
        ),
        (
            "a body with semicolons",
            before_copy(
                "CREATE FUNCTION f() RETURNS void LANGUAGE sql BEGIN ATOMIC SELECT 1; COMMIT; END;",
            ),
        ),
        (
            "a variable",
            before_copy("COMMENT ON TABLE public.a IS :'HOST';"),
        ),
        (
            "a variable as a name",
            before_copy("ALTER TABLE public.a OWNER TO :USER;"),
        ),
        (
            "strings that join",
            before_copy("COMMENT ON TABLE public.a IS E'a' 'b\\'; COMMIT; --';"),
        ),
        (
            "other strings",
            before_copy("SET standard_conforming_strings = off;"),
        ),
        (
            "another encoding",
            before_copy("SET client_encoding = 'SJIS';"),
        ),
        (
            "another role",
            before_copy("SET SESSION AUTHORIZATION postgres;"),
        ),
        (
            "a block",
            before_copy("DO $$ BEGIN RAISE NOTICE 'x'; END $$;"),
        ),
        (
            "a query",
            before_copy("SELECT pg_catalog.lo_import('/etc/passwd');"),
        ),
        ("another table", before_copy("DROP TABLE bystander;")),
        (
            "an owner of another table",
            before_copy("ALTER TABLE public.bystander OWNER TO postgres;"),
        ),
        (
            "another sequence",
            before_copy("SELECT pg_catalog.setval('public.bystander_id_seq', 999, true);"),
        ),
        (
            "a constraint for a table",
            before_copy(
                "ALTER TABLE public.a ADD CONSTRAINT bystander CHECK (true);
                 ALTER TABLE public.bystander ALTER COLUMN id TYPE bigint USING 0;",
            ),
        ),
        (
            "a constraint for a sequence",
            before_copy(
                "ALTER TABLE public.a ADD CONSTRAINT bystander_id_seq CHECK (true);
                 SELECT pg_catalog.setval('public.bystander_id_seq', 999, true);",
            ),
        ),
        (
            "a sequence that is not made",
            before_copy(
                "ALTER TABLE public.a ADD COLUMN IF NOT EXISTS id int
                   GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.bystander_id_seq);
                 SELECT pg_catalog.setval('public.bystander_id_seq', 999, true);",
            ),
        ),
        (
            "a sequence under a name that escapes",
            before_copy(
                "CREATE SEQUENCE public.\"bystander_id_se\\161\";
                 SELECT pg_catalog.setval(E'public.\"bystander_id_se\\161\"', 999, true);",
            ),
        ),
        (
            "privileges of another table",
            before_copy("GRANT ALL ON TABLE public.a, public.bystander TO PUBLIC;"),
        ),
        (
            "privileges taken of another table",
            before_copy("REVOKE ALL ON TABLE public.a, public.bystander FROM PUBLIC;"),
        ),
        (
            "another table to create",
            before_copy("CREATE TABLE public.b (x int);"),
        ),
        (
            "rows of another table",
            before_copy("COPY public.bystander (id) FROM stdin;\n5\n\\.\n"),
        ),
        (
            "rows that end for psql alone",
            in_rows(&format!("\\.\r\n\\! {touch}\nCOMMIT;\n")),
        ),
        ("a NUL", in_rows("x\0y\n")),
        (
            "a NUL in a statement",
            before_copy("COMMENT ON TABLE public.a IS 'a\0b';"),
        ),
        ("text behind the end", sql.clone() + "COMMIT;\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let target = Target::new();
        target.sql("CREATE TABLE bystander (id serial)");
        let before = target.objects();
        let path = forge(
            &test,
            &manifest,
            text.as_bytes(),
            &format!("forged{n}"),
            |manifest| {
                // A forger counts as well as we do.
                let rows = text.matches('\t').count();
                manifest["tables"][0]["rows"] = json!(rows.max(50));
            },
        );
        let ran = restore(&test, &path, &target).run();
        ran.check(ran.code() == 1, &format!("{what} is refused"));
        ran.check(!marker.exists(), &format!("{what} runs nothing"));
        ran.check(ran.stderr.contains("nothing was changed"), what);
        assert_eq!(target.objects(), before, "{what}");
        assert_eq!(
            target.sql("SELECT last_value, is_called FROM bystander_id_seq"),
            "1|f",
            "{what}"
        );
    }
}

#[test]
fn a_damaged_artifact_leaves_nothing() {
    let test = Test::of(TABLE);
    let (manifest, sql, path) = honest(&test);
    let whole = std::fs::read(&path).unwrap();
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (what, bytes) in [
        ("cut by one byte", whole[..whole.len() - 1].to_vec()),
        ("half", whole[..whole.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("appended", [whole.clone(), b"x".to_vec()].concat()),
        ("flipped in the body", flip(whole.len() - 100)),
        ("flipped at the end", flip(whole.len() - 1)),
    ] {
        let target = Target::new();
        std::fs::write(&path, bytes).unwrap();
        let ran = restore(&test, &path, &target).run();
        ran.check(ran.code() == 1, what);
        target.is_empty();
    }
    // With a manifest that vouches for the damage: gpg finds it.
    std::fs::write(&path, flip(whole.len() - 100)).unwrap();
    let note = test.store().join(format!(
        "{}.manifest.json",
        manifest["run_id"].as_str().unwrap()
    ));
    let mut lying = manifest.clone();
    let sha = crate::support::sha256(&std::fs::read(&path).unwrap());
    lying["envelope"]["sha256"] = json!(sha);
    std::fs::write(&note, lying.to_string()).unwrap();
    let target = Target::new();
    let ran = restore(&test, &path, &target).run();
    ran.check(ran.code() == 1, "refused by gpg");
    target.is_empty();

    type Lie = fn(&mut Value);
    let lies: [(&str, Lie); 5] = [
        ("plaintext hash", |m| {
            m["plaintext"]["sha256"] = json!("0".repeat(64))
        }),
        ("plaintext size", |m| {
            m["plaintext"]["size_bytes"] = json!(1_000_000)
        }),
        ("a smaller size", |m| {
            m["plaintext"]["size_bytes"] = json!(10)
        }),
        ("rows", |m| m["tables"][0]["rows"] = json!(49)),
        ("a table more", |m| {
            let mut more = m["tables"][0].clone();
            more["name"] = json!("b");
            m["tables"].as_array_mut().unwrap().push(more);
        }),
    ];
    for (n, (what, lie)) in lies.into_iter().enumerate() {
        let target = Target::new();
        let path = forge(&test, &manifest, sql.as_bytes(), &format!("lie{n}"), lie);
        let ran = restore(&test, &path, &target).run();
        ran.check(ran.code() == 1, what);
        target.is_empty();
    }
}

#[test]
fn a_hostile_prelude_is_not_even_begun() {
    let test = Test::of(TABLE);
    let (manifest, sql, _) = honest(&test);
    let end = "-- pgseal prelude complete\n";
    for (n, text) in [
        "COMMIT;\n".to_string() + end,
        "\\! id\n".to_string() + end,
        "CREATE TABLE z (x int);\n".to_string() + end,
        "DO $$ BEGIN NULL; END $$;\n".to_string(),
        "DO $$ BEGIN NULL; END $$\n".to_string() + end,
        format!("{end}COMMIT;\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let target = Target::new();
        let id = format!("prelude{n}");
        let path = forge(&test, &manifest, sql.as_bytes(), &id, |_| {});
        forge_prelude(&test, text.as_bytes(), &id);
        restore(&test, &path, &target).run().fails(
            1,
            &["the prelude cannot be restored", "psql was not started"],
        );
        target.is_empty();
    }
    // What a block does is done in the transaction, and goes with it: it cannot end it, and
    // what it changes in how statements are read is set right again.
    for (n, block) in [
        "COMMIT;",
        "PERFORM pg_catalog.set_config('standard_conforming_strings', 'off', false);",
        "PERFORM pg_catalog.set_config('client_encoding', 'LATIN1', false);",
        "CREATE TABLE public.a (x int);",
    ]
    .into_iter()
    .enumerate()
    {
        let target = Target::new();
        let id = format!("block{n}");
        let path = forge(&test, &manifest, sql.as_bytes(), &id, |_| {});
        forge_prelude(
            &test,
            format!("DO $$ BEGIN {block} END $$;\n{end}").as_bytes(),
            &id,
        );
        let ran = restore(&test, &path, &target).run();
        match n {
            1 | 2 => assert_eq!(target.sql("SELECT count(*) FROM a"), "50"),
            _ => {
                ran.fails(4, &["psql ended with status 3", "rolled back"]);
                target.is_empty();
            }
        }
    }
}

/// Operators that lie are the prelude's, and a trigger keeps every row out.
#[test]
fn a_count_is_compared_by_the_catalogs_operators() {
    let test = Test::of(TABLE);
    let (manifest, sql, _) = honest(&test);
    let path = "SELECT pg_catalog.set_config('search_path', '', false);\n";
    let copy = "COPY public.a (id, x) FROM stdin;\n";
    assert!(sql.contains(path) && sql.contains(copy));
    let keep_out =
        "CREATE TRIGGER g BEFORE INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION ev.none();\n";
    let sql = sql
        .replacen(path, "", 1)
        .replacen(copy, &format!("{keep_out}{copy}"), 1);
    let path = forge(&test, &manifest, sql.as_bytes(), "lies", |_| {});
    let prelude = "DO $$ BEGIN
          CREATE SCHEMA ev;
          CREATE FUNCTION ev.ne(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
          CREATE OPERATOR ev.<> (FUNCTION = ev.ne, LEFTARG = bigint, RIGHTARG = bigint);
          CREATE FUNCTION ev.none() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
          PERFORM pg_catalog.set_config('search_path', 'ev, pg_catalog', false);
        END $$;
        -- pgseal prelude complete\n";
    forge_prelude(
        &test,
        prelude.replace("        --", "--").as_bytes(),
        "lies",
    );
    let target = Target::new();
    restore(&test, &path, &target).run().fails(
        1,
        &[
            "has 0 rows in the target, the manifest says 50",
            "rolled back",
        ],
    );
    target.is_empty();
}

#[test]
fn without_a_manifest() {
    let test = Test::of(TABLE);
    let (manifest, _, path) = honest(&test);
    let note = format!("{}.manifest.json", manifest["run_id"].as_str().unwrap());
    std::fs::remove_file(test.store().join(note)).unwrap();
    let target = Target::new();
    restore(&test, &path, &target).run().fails(
        1,
        &[
            "cannot be restored",
            "manifest",
            "neither gpg nor psql was started",
        ],
    );
    target.is_empty();
}

#[test]
fn without_the_secret_key() {
    let test = Test::of(TABLE);
    let (_, _, path) = honest(&test);
    let target = Target::new();
    let ran = test
        .pgseal("restore")
        .arg("--origin-unproved")
        .arg(&path)
        .arg(format!("--dbname={}", target.db))
        .run();
    ran.fails(1, &["the keyring has no secret key"]);
    target.is_empty();
    // The agent of this keyring is the user's, and stays.
    end_agent(&test.path("gnupg"));
}
