//! What a diff needs, who may not have it, and what a forger gets.

use super::{backup, diff};
use crate::restore::forge::{forge, secret};
use crate::support::{Session, Test, cluster, each, end_agent, eventually};

const MADE: &str =
    "CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a VALUES (1, 'one'), (2, 'two')";

/// All of the tables at once, and as printed, by a shell that is the role's own.
#[test]
fn what_a_role_lacks_is_granted_by_the_lines_of_the_hint() {
    let test = Test::of(&format!(
        "{MADE}; CREATE TABLE \"B b\" (id int PRIMARY KEY)"
    ));
    backup(&test, &["public.a", "public.\"B b\""]);
    let role = format!("granted_{}", test.db);
    test.sql(&format!(
        "CREATE ROLE {role} LOGIN; REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC",
        test.db
    ));
    let as_role = || diff(&test).env("PGUSER", &role);
    for lacks in ["temporary tables", "2 tables cannot be compared"] {
        let ran = as_role().run();
        ran.check(ran.code() == 3 && ran.stderr.contains(lacks), lacks);
        let lines = ran.stderr.lines().map(str::trim);
        let lines: Vec<&str> = lines.filter(|line| line.starts_with("psql ")).collect();
        assert_eq!(lines.len(), 1, "{}", ran.stderr);
        test.typed(lines[0]).env("PGUSER", &role).run().exits(0);
    }
    as_role().run().exits(0);
    test.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_readers_role_may_compare() {
    let test = Test::of(MADE);
    backup(&test, &["public.a"]);
    let db = &test.db;
    let role = format!("reader_{db}");
    test.sql(&format!(
        "CREATE ROLE {role} LOGIN; REVOKE TEMPORARY ON DATABASE {db} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC"
    ));
    let as_reader = || diff(&test).env("PGUSER", &role);
    as_reader().run().fails(
        3,
        &[
            "may not create temporary tables",
            "GRANT TEMPORARY ON DATABASE",
        ],
    );
    test.sql(&format!("GRANT TEMPORARY ON DATABASE {db} TO {role}"));
    as_reader()
        .run()
        .fails(3, &["no USAGE on its schema", "GRANT USAGE ON SCHEMA"]);
    test.sql(&format!("GRANT USAGE ON SCHEMA public TO {role}"));
    as_reader()
        .run()
        .fails(3, &["no SELECT on it", "GRANT SELECT ON"]);
    test.sql(&format!("GRANT SELECT ON a TO {role}"));
    as_reader().run().exits(0);
    test.sql("ALTER TABLE a ENABLE ROW LEVEL SECURITY");
    as_reader()
        .run()
        .fails(3, &["row security that would hide rows", "BYPASSRLS"]);
    // The rows are the same, the row security is not.
    diff(&test).run().exits(1);
    test.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let test = Test::of(MADE);
    let ran = test.backup(&["public.a"]).arg("--run-id=run").run();
    let envelope = ran.envelope();
    test.write("kept.json", &ran.stdout);
    diff(&test)
        .arg("--table=public.b")
        .run()
        .fails(3, &["does not hold the table `public.b`", "public.a"]);
    diff(&test).args(["--json", "--format=csv"]).run().exits(2);
    diff(&test).args(["--counts", "--values"]).run().exits(2);
    diff(&test).args(["--envelope=kept.json"]).run().exits(0);
    test.pgseal("diff")
        .arg("other")
        .run()
        .fails(1, &["no run `other`"]);
    diff(&test)
        .arg(format!("--sha256={}", "0".repeat(64)))
        .run()
        .fails(1, &["does not verify: origin"]);
    // The public key alone.
    test.pgseal("diff")
        .arg("run")
        .run()
        .fails(3, &["no secret key"]);
    end_agent(&test.path("gnupg"));
    let other = cluster().create("template0", "");
    diff(&test)
        .env("PGDATABASE", &other)
        .run()
        .fails(3, &["not the database that was backed up"]);
    cluster().discard(&other);

    let mut locker = Session::open(&test.db);
    locker.sql("BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
    let ran = diff(&test).arg("--lock-wait=200ms").run();
    ran.fails(
        4,
        &[
            "55P03",
            "while it made temporary tables for public.a",
            "nothing was changed",
            "--lock-wait",
        ],
    );
    drop(locker);

    let path = envelope["artifact_ref"].as_str().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, &bytes).unwrap();
    diff(&test).run().fails(1, &["sha256"]);
}

/// No row is told by an error: the live type does not take what was sealed.
#[test]
fn an_error_holds_no_value() {
    let test = Test::of(
        "CREATE TYPE word AS ENUM ('secret value'); CREATE TYPE pair AS (w word, n int);
         CREATE TABLE a (id int PRIMARY KEY, t pair); INSERT INTO a VALUES (1, ('secret value', 1))",
    );
    backup(&test, &["public.a"]);
    test.sql("ALTER TYPE word RENAME VALUE 'secret value' TO 'other'");
    let ran = diff(&test)
        .run()
        .fails(4, &["22P02", "while it loaded the rows of public.a"]);
    ran.check(!ran.whole().contains("secret value"), "no value");
}

/// It says that nothing proves who sealed it; of what it holds only rows reach the server.
#[test]
fn a_forged_artifact_brings_wrong_rows_and_nothing_else() {
    let test = Test::of(MADE);
    let sealed = test.sealed(&test.backup(&["public.a"]).arg("--run-id=run").run());
    let mark = test.path("was-run");
    let evil = format!(
        "CREATE TABLE public.evil (id int);\nDROP TABLE public.a CASCADE;\n\
         DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {mark}'''; END $$;\n",
        mark = mark.display()
    );
    let header = "COPY public.a (id, t) FROM stdin;\n";
    let tables = test.sql("SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace");
    let run = |name: &str, sql: &str| {
        forge(&test, &sealed.manifest, sql.as_bytes(), name, |manifest| {
            manifest["tables"][0]["bytes"] = rows_bytes(sql).into();
        });
        let ran = test
            .pgseal("diff")
            .args([name, "--json"])
            .env("GNUPGHOME", secret())
            .run();
        assert!(!mark.exists(), "{name}: it was run");
        let now = test.sql("SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace");
        assert_eq!(now, tables, "{name}");
        ran
    };
    // Its statements pass by.
    let told = run(
        "statements",
        &sealed
            .sql
            .replace(header, &(evil.clone() + header))
            .replace("two", "TWO"),
    )
    .exits(1);
    let told = told.json();
    assert_eq!(
        (&told["rows"], &told["tables"][0]["changed"]),
        (&1.into(), &1.into())
    );
    let origin = told["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["check"] == "origin")
        .unwrap();
    assert_eq!(origin["standing"], "NOT_PROVED");
    // Names of columns are looked up, and never spelled to the server.
    let names = "COPY public.a (id, \"t\"\"); DROP TABLE public.a; --\") FROM stdin;\n";
    let told = run("names", &sealed.sql.replace(header, names)).exits(1);
    let told = told.json();
    assert_eq!(told["structure"].as_array().unwrap().len(), 2);
    each(
        [
            (
                "command",
                sealed
                    .sql
                    .replace(header, &format!("\\! touch {}\n{header}", mark.display())),
            ),
            (
                "early end",
                sealed
                    .sql
                    .replace("1\tone\n", &format!("\\.\n\\! touch {}\n", mark.display())),
            ),
            (
                "carriage return",
                sealed.sql.replace("1\tone\n", &format!("\\.\r\n{evil}\n")),
            ),
            (
                "program",
                sealed.sql.replace(
                    header,
                    &format!(
                        "COPY public.a TO PROGRAM 'touch {}';\n{header}",
                        mark.display()
                    ),
                ),
            ),
            (
                "other table",
                sealed
                    .sql
                    .replace(header, "COPY pg_temp.a (id, t) FROM stdin;\n"),
            ),
            ("NUL", sealed.sql.replace("one", "\0ne")),
            (
                "more rows",
                sealed.sql.replace("1\tone\n", "1\tone\n3\tthree\n"),
            ),
        ],
        |(name, sql)| {
            let ran = run(name.split(' ').next().unwrap(), &sql);
            assert_eq!(ran.code(), 1, "{}", ran.whole());
            assert!(ran.stdout.is_empty(), "{}", ran.whole());
        },
    );
}

/// Of the rows of the first block.
fn rows_bytes(sql: &str) -> usize {
    let (_, rest) = sql.split_once(" FROM stdin;\n").unwrap();
    rest.split_once("\\.\n").map_or(0, |(rows, _)| rows.len())
}

/// While it waits for a lock, and nothing is left behind.
#[test]
fn a_signal_ends_it() {
    let test = Test::of(MADE);
    backup(&test, &["public.a"]);
    let mut locker = Session::open(&test.db);
    locker.sql("BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
    let run = diff(&test).start();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'a'::regclass";
    eventually("it waits", || test.sql(waits) == "1");
    run.signal(rustix::process::Signal::INT);
    let ran = run.wait().exits(130);
    ran.says(&["nothing was changed"]);
}
