//! What a plan says of keys and dropped tables is true, and its commands work as they are.

use super::{apply, backup_kept, diff, undo, undo_of};
use crate::restore::forge::{content, secret};
use crate::support::{Pgseal, Terminal, Test, each};

/// By env, by a flag, and with a dump that was decrypted elsewhere: each time as it is printed.
#[test]
fn a_dropped_table_comes_back_by_the_command_in_the_hint() {
    each([false, true], |by_flag| {
        let test = Test::of(
            "CREATE TABLE a (id int PRIMARY KEY, t text); CREATE TABLE \"B b\" (id int PRIMARY KEY, a int REFERENCES a);
             CREATE TABLE c (id int PRIMARY KEY); INSERT INTO a VALUES (1, 'x'); INSERT INTO \"B b\" VALUES (1, 1); INSERT INTO c VALUES (1)",
        );
        backup_kept(&test, &["public.a", "public.\"B b\"", "public.c"]);
        let before = content(&test.db);
        test.sql("DROP TABLE \"B b\"; DROP TABLE c; UPDATE a SET t = 'bad'");
        let mut plan = undo(&test);
        if by_flag {
            let host = test.env["PGHOST"].to_str().unwrap();
            plan = plan
                .arg(format!(
                    "--dbname=host={host} dbname={} user=postgres",
                    test.db
                ))
                .arg(format!("--gnupg-home={}", secret().display()))
                .unset("PGHOST")
                .unset("PGDATABASE")
                .unset("PGUSER")
                .unset("GNUPGHOME");
        }
        let ran = plan.run().exits(3);
        let line = ran
            .stdout
            .lines()
            .find(|line| line.contains("pgseal restore"));
        let line = line.unwrap().trim();
        let script = line.replacen("pgseal", "\"$1\"", 1);
        let restore = test.pgseal("restore").shell(&script);
        let restore = if by_flag {
            restore.unset("PGHOST").unset("PGDATABASE").unset("PGUSER")
        } else {
            restore.env("GNUPGHOME", secret())
        };
        restore.run().exits(0);
        apply(&test).run().exits(0);
        assert_eq!(content(&test.db), before);
    });
}

/// With the settings of its own command line, in a shell that has none.
#[test]
fn the_line_that_takes_an_undo_back_runs_as_it_is_printed() {
    let test =
        Test::of("CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a VALUES (1, 'x')");
    backup_kept(&test, &["public.a"]);
    test.sql("UPDATE a SET t = 'bad'");
    let damage = content(&test.db);
    let host = test.env["PGHOST"].to_str().unwrap();
    let dbname = format!("--dbname=host={host} dbname={} user=postgres", test.db);
    let alone = |run: Pgseal<'_>| {
        let run = run.unset("PGHOST").unset("PGDATABASE").unset("PGUSER");
        run.unset("GNUPGHOME").run().exits(0)
    };
    let home = format!("--gnupg-home={}", secret().display());
    let ran = alone(apply(&test).args([dbname, home]));
    let mut lines = ran.stdout.lines();
    let line = lines.find(|line| line.contains("pgseal undo")).unwrap();
    alone(test.typed(&format!("{line} --apply --later=overwrite")));
    assert_eq!(content(&test.db), damage);
}

#[test]
fn a_key_that_is_newer_than_the_backup() {
    struct Case {
        made: &'static str,
        write: &'static str,
        /// Why there is no key; none where another one is used.
        why: Option<&'static str>,
    }
    let case = |made, write, why| Case { made, write, why };
    let cases = [
        case(
            "CREATE TABLE a (id int, u int, t text); INSERT INTO a VALUES (1, 1, 'x'), (1, 2, 'x'), (2, 3, 'x')",
            "DELETE FROM a WHERE u = 2; ALTER TABLE a ADD CONSTRAINT newer PRIMARY KEY (id)",
            Some("rows of the backup are not unique by newer, which is newer"),
        ),
        // None of its values is there any more.
        case(
            "CREATE TABLE a (id int PRIMARY KEY, u int NOT NULL, t text); INSERT INTO a VALUES (1, 1, 'x'), (2, 1, 'x'), (3, 2, 'x')",
            "UPDATE a SET u = id + 10; ALTER TABLE a DROP CONSTRAINT a_pkey, ADD CONSTRAINT newer PRIMARY KEY (u)",
            Some("rows of the backup are not unique by newer, which is newer"),
        ),
        case(
            "CREATE TABLE a (id int, u int NOT NULL UNIQUE, t text); INSERT INTO a VALUES (1, 1, 'x'), (1, 2, 'x'), (2, 3, 'x')",
            "DELETE FROM a WHERE u = 2; UPDATE a SET t = 'bad' WHERE u = 3; ALTER TABLE a ADD CONSTRAINT newer PRIMARY KEY (id)",
            None,
        ),
        case(
            "CREATE TABLE a (id int, t text, k int GENERATED ALWAYS AS (id + 1) STORED, CONSTRAINT old PRIMARY KEY (k)); INSERT INTO a VALUES (1, 'x')",
            "UPDATE a SET t = 'bad'",
            Some("the backup has no values for its primary key old, which is generated or new"),
        ),
        case(
            "CREATE TABLE a (id int, t text, CONSTRAINT old PRIMARY KEY (id) DEFERRABLE); INSERT INTO a VALUES (1, 'x')",
            "UPDATE a SET t = 'bad'",
            Some("its primary key old is DEFERRABLE"),
        ),
    ];
    let mut all = crate::support::Cases::new();
    for Case { made, write, why } in cases {
        all.check((made, write), || {
            let test = Test::of(made);
            backup_kept(&test, &["public.a"]);
            let before = content(&test.db);
            test.sql(write);
            let Some(why) = why else {
                // The newer key is against what comes back, and says so.
                undo(&test).run().exits(1);
                test.sql(
                    "ALTER TABLE a DROP CONSTRAINT newer; ALTER TABLE a ALTER id DROP NOT NULL",
                );
                apply(&test).run().exits(0);
                assert_eq!(content(&test.db), before);
                return;
            };
            let ran = undo_of(&test, "run")
                .args(["--origin-unproved", "--json"])
                .run()
                .exits(3);
            let told = ran.json();
            assert_eq!(told["refusals"][0]["reason"], "no_key");
            let text = told["refusals"][0]["text"].as_str().unwrap();
            assert!(text.contains(why), "{text}");
        });
    }
}

/// Each key on the way is counted, be it in a circle, and what holds a row that would go is found.
#[test]
fn what_actions_of_keys_reach_is_counted_to_the_end() {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a VALUES (1, 'x');
         CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE, up int REFERENCES b ON DELETE CASCADE);
         CREATE TABLE c (id int, b int REFERENCES b ON DELETE CASCADE, PRIMARY KEY (id, b)) PARTITION BY LIST (b);
         CREATE TABLE c_1 PARTITION OF c DEFAULT;
         CREATE TABLE d (id int PRIMARY KEY, c int, b int, FOREIGN KEY (c, b) REFERENCES c ON DELETE SET NULL);
         CREATE TABLE e (d int REFERENCES d ON DELETE CASCADE);
         CREATE TABLE f (id int PRIMARY KEY, c int, b int, FOREIGN KEY (c, b) REFERENCES c_1)",
    );
    backup_kept(&test, &["public.a"]);
    test.sql(
        "INSERT INTO a VALUES (9, 'bad'); INSERT INTO b VALUES (1, 9, NULL), (2, NULL, 1), (3, 1, NULL);
         INSERT INTO c VALUES (1, 1), (2, 1), (3, 3), (4, 2); INSERT INTO d VALUES (1, 1, 1), (2, 3, 3), (3, 2, 1), (4, 2, 1);
         INSERT INTO e VALUES (1); INSERT INTO f VALUES (1, 2, 1), (2, 3, 3)",
    );
    let told = |plan: &serde_json::Value, what: &str| {
        let told = plan[what].as_array().unwrap().iter();
        let told = told.map(|one| format!("{} {}", one["by"].as_str().unwrap(), one["rows"]));
        told.collect::<Vec<_>>().join(", ")
    };
    let plan = undo(&test).arg("--json").run().exits(1).json();
    let reached = "b_a_fkey 1, b_up_fkey 1, c_b_fkey 3, d_c_b_fkey 3";
    assert_eq!(told(&plan, "refusals"), format!("{reached}, f_c_b_fkey 1"));
    let damage = content(&test.db);
    let allowed = || apply(&test).arg("--allow-cascade");
    allowed().run().fails(
        1,
        &["1 row of public.f refers to rows that a foreign key's action would have deleted"],
    );
    assert_eq!(content(&test.db), damage);
    test.sql("DELETE FROM f WHERE id = 1");
    let done = allowed().arg("--json").run().exits(0).json();
    assert_eq!(told(&done, "cascades"), reached);
    let left = "SELECT (SELECT count(*) FROM b), (SELECT count(*) FROM c), (SELECT count(b) FROM d), (SELECT count(*) FROM e)";
    assert_eq!(test.sql(left), "1|1|1|1");
}

#[test]
fn a_row_does_not_drive_a_terminal() {
    let test = Test::of(
        "CREATE TABLE a (id text PRIMARY KEY, \"c\x1b\" text); INSERT INTO a VALUES (E'k\\x1b[2J', E'it''s \\x1b]0;x\\x07 \\\\ \\u009b')",
    );
    backup_kept(&test, &["public.a"]);
    let before = content(&test.db);
    test.sql("UPDATE a SET \"c\x1b\" = E'\\x1b[31m'");
    let shown = |args: &[&str]| diff(&test).args(args.iter().copied()).run().exits(1).stdout;
    let is_safe = |text: &str| !text.contains(|c: char| c.is_control() && c != '\n');
    let sql = shown(&["--format=sql"]);
    assert!(is_safe(&sql), "{sql:?}");
    assert!(is_safe(&shown(&["--values"])));
    // What a program reads is as it is.
    assert!(shown(&["--format=csv", "--values"]).contains("\u{1b}[31m"));
    let mut terminal = Terminal::open(&test);
    let home = secret();
    terminal.types(&format!(
        "GNUPGHOME={} pgseal diff run --quiet --format=csv --values; echo the end\n",
        home.display()
    ));
    terminal.shows("\nthe end");
    let screen = terminal.screen().replace('\r', "");
    assert!(
        screen.contains("u{1b}[31m") && is_safe(&screen),
        "{screen:?}"
    );
    test.sql(&sql);
    assert_eq!(content(&test.db), before);
}

/// No refusal where the server takes the rows: a default is given, a function finds its table by the
/// role's path, and each kind of partition has its rows.
#[test]
fn what_holds_for_the_rows_is_no_reason() {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, t text, u int UNIQUE); INSERT INTO a SELECT g, 'x', g FROM generate_series(1, 9) g;
         CREATE TABLE h (id int PRIMARY KEY, t text) PARTITION BY HASH (id);
         CREATE TABLE h_0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE h_1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         INSERT INTO h SELECT g, 'x' FROM generate_series(1, 9) g;
         CREATE TABLE l (id int NOT NULL, day date, t text, UNIQUE (id, t, day)) PARTITION BY LIST (t);
         CREATE TABLE l_a PARTITION OF l FOR VALUES IN ('a', 'x') PARTITION BY RANGE (day);
         CREATE TABLE l_a_1 PARTITION OF l_a FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
         CREATE TABLE l_a_2 PARTITION OF l_a DEFAULT; CREATE TABLE l_b PARTITION OF l DEFAULT;
         ALTER TABLE l ALTER t SET NOT NULL, ALTER day SET NOT NULL;
         INSERT INTO l SELECT g, '2025-12-28'::date + g, 'x' FROM generate_series(1, 9) g",
    );
    let tables = ["public.a", "public.h", "public.l"];
    backup_kept(&test, &tables);
    test.sql(
        "CREATE TABLE limits (most int); INSERT INTO limits VALUES (5);
         CREATE FUNCTION fits(t text) RETURNS bool STABLE LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT length(t) < most FROM limits); END$$;
         ALTER TABLE a ADD n int NOT NULL DEFAULT 5, ADD CHECK (n > 0), ADD g int GENERATED ALWAYS AS (n + 1) STORED,
           ADD CHECK (g IS NOT NULL), ADD CHECK (fits(t)), ADD CHECK (t <> 'y') NOT VALID;
         UPDATE a SET t = 'z', u = 100 + u WHERE id < 5; DELETE FROM a WHERE id > 7;
         UPDATE h SET id = id + 20 WHERE id < 4; UPDATE h SET t = 'bad' WHERE id > 6; DELETE FROM h WHERE id = 5;
         UPDATE l SET t = 'other' WHERE id < 3; UPDATE l SET day = day + 20 WHERE id = 3; DELETE FROM l WHERE id > 7",
    );
    apply(&test).run().exits(0);
    let rows = "SELECT string_agg(id || t, ' ' ORDER BY id) FROM";
    let want = "1x 2x 3x 4x 5x 6x 7x 8x 9x";
    for table in tables {
        assert_eq!(test.sql(&format!("{rows} {table}")), want);
    }
    assert_eq!(test.sql("SELECT DISTINCT g FROM a"), "6");
}
