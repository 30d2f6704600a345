//! What a plan says of keys and dropped tables is true, and its commands work as they are.

use super::{apply, backup_kept, undo, undo_of};
use crate::restore::forge::{content, secret};
use crate::support::{Test, each};

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
