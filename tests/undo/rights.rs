//! What a reader, a writer, an owner and a superuser can do: all of it is said beforehand.

use super::{backup_kept, diff, undo};
use crate::restore::forge::content;
use crate::support::{Cases, Test};

const MADE: &str = "CREATE TABLE a (id int PRIMARY KEY, t text, at timestamptz);
    INSERT INTO a SELECT g, 'x' FROM generate_series(1, 5) g;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.at := now(); RETURN NEW; END$$;
    CREATE TRIGGER touch BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION touch();";

const CHANGED: &str = "UPDATE a SET t = 'bad' WHERE id = 1";
const GONE: &str = "DELETE FROM a WHERE id = 2";
const BOTH: &str = "UPDATE a SET t = 'bad' WHERE id = 1; DELETE FROM a WHERE id = 2";
const OFF: &[&str] = &["--triggers=off"];

struct Case {
    role: &'static str,
    grants: &'static str,
    /// What a write did.
    write: &'static str,
    args: &'static [&'static str],
    /// What is said to be missing.
    missing: Option<&'static str>,
}

#[test]
fn roles() {
    let case = |role, grants, write, args, missing| Case {
        role,
        grants,
        write,
        args,
        missing,
    };
    let all_of_it = "SELECT, INSERT, UPDATE, DELETE";
    let cases = [
        case("reader", "SELECT", CHANGED, &[][..], Some("lacks UPDATE")),
        case(
            "reader",
            "SELECT",
            BOTH,
            &[],
            Some("lacks INSERT, UPDATE\n"),
        ),
        case("reader", "SELECT", "SELECT 1", &[], None),
        case(
            "inserter",
            "SELECT, INSERT",
            GONE,
            &[],
            Some("UPDATE or DELETE"),
        ),
        case("writer", "SELECT, INSERT, DELETE", GONE, &[], None),
        case(
            "writer",
            all_of_it,
            CHANGED,
            OFF,
            Some("rights of its owner"),
        ),
        case("owner", "", CHANGED, OFF, None),
    ];
    let mut all = Cases::new();
    for case in cases {
        let Case {
            role,
            grants,
            write,
            args,
            missing,
        } = case;
        all.check((role, grants, write), || {
            let test = Test::of(MADE);
            let name = format!("{role}_{}", test.db);
            let grant = match role {
                "owner" => format!("ALTER TABLE a OWNER TO {name}"),
                _ => format!("GRANT {grants} ON a TO {name}"),
            };
            test.sql(&format!("CREATE ROLE {name} LOGIN; {grant}"));
            backup_kept(&test, &["public.a"]);
            let before = content(&test.db);
            test.sql(&format!(
                "ALTER TABLE a DISABLE TRIGGER touch; {write}; ALTER TABLE a ENABLE TRIGGER touch"
            ));
            let damage = content(&test.db);
            let plan = || undo(&test).args(args.iter().copied()).env("PGUSER", &name);
            let apply = || plan().args(["--apply", "--later=overwrite"]);
            match missing {
                Some(words) => {
                    let ran = plan().arg("--json").run().exits(3);
                    let told = ran.json();
                    assert_eq!(told["refusals"][0]["reason"], "privilege");
                    let ran = apply()
                        .run()
                        .fails(3, &[words, "nothing was changed in the tables"]);
                    assert_eq!(content(&test.db), damage);
                    // What the hint grants is enough.
                    if let Some((_, grant)) = ran.stderr.split_once(": GRANT ") {
                        test.sql(&format!("GRANT {}", grant.lines().next().unwrap()));
                        test.sql("ALTER TABLE a DISABLE TRIGGER touch");
                        apply().run().exits(0);
                        test.sql("ALTER TABLE a ENABLE TRIGGER touch");
                        assert_eq!(content(&test.db), before);
                    }
                }
                None => {
                    plan().run().exits(0);
                    apply().run().exits(0);
                    assert_eq!(content(&test.db), before);
                }
            }
            test.sql(&format!(
                "REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}; DROP ROLE {name}"
            ));
        });
    }
}

/// The rows of the page's table, each with what is granted.
const ROLES: &[(&str, &str)] = &[
    ("who may only log in", ""),
    (
        "`SELECT` without `TEMPORARY`",
        "GRANT SELECT ON a, a_id_seq TO WHO; REVOKE TEMPORARY ON DATABASE DB FROM WHO",
    ),
    (
        "reader: `SELECT`, `TEMPORARY`",
        "GRANT SELECT ON a, a_id_seq TO WHO",
    ),
    (
        "writer: `INSERT`, `UPDATE` and `DELETE` too",
        "GRANT SELECT ON a, a_id_seq TO WHO; GRANT INSERT, UPDATE, DELETE ON a TO WHO",
    ),
    (
        "the same, with `UPDATE` on the sequences",
        "GRANT SELECT, UPDATE ON a_id_seq TO WHO; GRANT SELECT, INSERT, UPDATE, DELETE ON a TO WHO",
    ),
    ("owner", "ALTER TABLE a OWNER TO WHO"),
    ("superuser", "ALTER ROLE WHO SUPERUSER"),
];

/// The columns of the page's table, each with a command line.
const VERBS: &[(&str, &[&str])] = &[
    ("`diff --counts`", &["--counts"]),
    ("`diff`", &[]),
    ("`undo`", &[]),
    ("`undo --apply`", &["--apply"]),
    ("`--triggers=off`", &["--apply", "--triggers=off"]),
    ("`--sequences=raise`", &["--apply", "--sequences=raise"]),
];

/// The trigger does nothing, so that it may fire; the sequence is behind.
const OF_A_ROLE: &str =
    "CREATE TABLE a (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, t text);
    INSERT INTO a (t) SELECT 'x' FROM generate_series(1, 5) g;
    CREATE FUNCTION idle() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
    CREATE TRIGGER idle AFTER UPDATE ON a FOR EACH ROW EXECUTE FUNCTION idle();";

#[test]
fn the_table_of_the_page_is_true() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/undo.md"));
    let page = page.unwrap();
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| role |"));
    let rows = rows.take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let verbs: Vec<&str> = VERBS.iter().map(|(verb, _)| *verb).collect();
    assert_eq!(rows[0][1..], verbs);
    let roles: Vec<&str> = rows[2..].iter().map(|row| row[0]).collect();
    assert_eq!(
        roles,
        ROLES.iter().map(|(role, _)| *role).collect::<Vec<_>>()
    );
    let mut all = Cases::new();
    for ((role, grants), row) in ROLES.iter().zip(&rows[2..]) {
        all.check(role, || answers(grants, &row[1..]));
    }
}

/// What a role with these grants is answered, by column.
fn answers(grants: &str, wanted: &[&str]) {
    let test = Test::of(OF_A_ROLE);
    let (db, name) = (&test.db, format!("role_{}", test.db));
    let grants = grants.replace("WHO", &name).replace("DB", db);
    test.sql(&format!(
        "CREATE ROLE {name} LOGIN; REVOKE TEMPORARY ON DATABASE {db} FROM PUBLIC;
         GRANT TEMPORARY ON DATABASE {db} TO {name}; {grants}"
    ));
    backup_kept(&test, &["public.a"]);
    let before = content(db);
    let mut all = Cases::new();
    for ((verb, args), want) in VERBS.iter().zip(wanted) {
        test.sql("UPDATE a SET t = 'bad' WHERE id = 1; DELETE FROM a WHERE id = 2; ALTER SEQUENCE a_id_seq RESTART 3");
        let damage = content(db);
        let run = if verb.contains("diff") {
            diff(&test)
        } else {
            undo(&test).arg("--later=overwrite")
        };
        let ran = run.args(args.iter().copied()).env("PGUSER", &name).run();
        all.check((verb, want), || {
            let applied = args.contains(&"--apply") && *want == "yes";
            match (*want, verb.contains("diff")) {
                ("yes", true) => ran.check(ran.code() == 1, "it differs"),
                ("yes", false) => ran.check(ran.code() == 0, "it may"),
                _ => ran.check(ran.code() == 3, "it lacks a right"),
            }
            if *want == "shown" {
                ran.check(
                    ran.stdout.contains("lacks "),
                    "the plan says what is lacking",
                );
            } else if *want == "no" {
                ran.check(ran.stderr.contains("hint: "), "and what helps");
            }
            assert_eq!(content(db), if applied { before.clone() } else { damage });
        });
    }
    test.sql(&format!(
        "REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}; DROP ROLE {name}"
    ));
}
