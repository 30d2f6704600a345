//! What others do beside an undo, and what triggers do behind it.

use super::{apply, backup_kept, undo};
use crate::support::{Cases, Session, Test, bin, cluster, eventually};

/// A trigger that is put off puts off another one, which would run at COMMIT, behind the comparison.
#[test]
fn what_is_put_off_twice_is_seen() {
    let test = Test::of(
        "CREATE TABLE dt (id int PRIMARY KEY, v text, n int DEFAULT 0); INSERT INTO dt VALUES (1, 'a', 0);
         CREATE FUNCTION d1() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF new.v = 'a' THEN
           SET CONSTRAINTS public.d2 DEFERRED; UPDATE public.dt SET n = n WHERE id = new.id; END IF; RETURN NULL; END$$;
         CREATE FUNCTION d2() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF new.v = 'a' THEN
           UPDATE public.dt SET v = 'TAMPERED' WHERE id = new.id; END IF; RETURN NULL; END$$;",
    );
    backup_kept(&test, &["public.dt"]);
    test.sql(
        "UPDATE dt SET v = 'b';
         CREATE CONSTRAINT TRIGGER d1 AFTER UPDATE OF v ON dt DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION d1();
         CREATE CONSTRAINT TRIGGER d2 AFTER UPDATE OF n ON dt DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION d2();",
    );
    let ran = apply(&test).run();
    ran.fails(
        1,
        &[
            "public.dt would not be as it was",
            "nothing was changed in the tables",
        ],
    );
    assert_eq!(test.sql("SELECT v FROM dt"), "b");
    apply(&test).arg("--triggers=off").run().exits(0);
    assert_eq!(test.sql("SELECT v FROM dt"), "a");
}

const FAMILY: &str = "CREATE TABLE par (id int PRIMARY KEY); INSERT INTO par VALUES (1);
    CREATE TABLE chi (id int PRIMARY KEY, pid int REFERENCES par ON DELETE CASCADE, v text);";

/// A row that refers to one that goes is inserted while undo waits for its lock.
#[test]
fn a_child_that_comes_in_between_stays() {
    let test = Test::of(FAMILY);
    backup_kept(&test, &["public.par"]);
    test.sql("INSERT INTO par VALUES (50)");
    let mut writer = Session::open(&test.db);
    writer.sql("BEGIN; INSERT INTO chi VALUES (77, 50, 'later')");
    let running = apply(&test).start();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("undo waits for the row", || test.sql(waits) == "1");
    writer.sql("COMMIT");
    let ran = running.wait();
    ran.fails(
        1,
        &["1 row of public.chi", "nothing was changed in the tables"],
    );
    assert_eq!(test.sql("SELECT v FROM chi"), "later");
    assert_eq!(test.sql("SELECT count(*) FROM par"), "2");
}

/// The catalog was asked before all was decrypted and loaded, and that may take long.
#[test]
fn a_table_that_is_altered_in_between() {
    let cases = [
        "CREATE TABLE late (a int REFERENCES par ON DELETE CASCADE); INSERT INTO late VALUES (50)",
        "ALTER TABLE chi DROP CONSTRAINT chi_pid_fkey",
        "ALTER TABLE par RENAME TO was; CREATE TABLE par (LIKE was INCLUDING ALL); INSERT INTO par SELECT * FROM was",
    ];
    let mut all = Cases::new();
    for sql in cases {
        all.check(sql, || {
            let test = Test::of(FAMILY);
            backup_kept(&test, &["public.par"]);
            test.sql("INSERT INTO par VALUES (50)");
            let write = format!(
                "{}/psql -Xq -h {} -U postgres -d {} -c '{sql}' >&2; exec $real \"$@\"",
                bin().display(),
                cluster().dir.display(),
                test.db
            );
            test.shim("gpg", "*\\ --decrypt\\ *", &write);
            let ran = apply(&test).run();
            ran.fails(
                1,
                &["a table was altered", "nothing was changed in the tables"],
            );
            assert_eq!(test.sql("SELECT count(*) FROM par WHERE id = 50"), "1");
        });
    }
}

#[test]
fn children_that_nobody_may_count_are_not_taken_along() {
    let test = Test::of(FAMILY);
    test.sql(
        "DO $$BEGIN CREATE ROLE half_blind LOGIN; EXCEPTION WHEN duplicate_object THEN END$$;
         GRANT SELECT, INSERT, UPDATE, DELETE ON par TO half_blind",
    );
    backup_kept(&test, &["public.par"]);
    test.sql(
        "INSERT INTO par VALUES (50); INSERT INTO chi SELECT g, 50 FROM generate_series(1, 25) g",
    );
    let ran = apply(&test).env("PGUSER", "half_blind").run();
    ran.fails(
        1,
        &[
            "rows of public.chi that refer to it",
            "may not read them",
            "--allow-cascade",
        ],
    );
    assert_eq!(test.sql("SELECT count(*) FROM chi"), "25");
}

#[test]
fn more_than_a_hundred_tables() {
    let names: Vec<String> = (1..=101).map(|n| format!("t{n}")).collect();
    let made = names.iter().map(|name| {
        format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v text); INSERT INTO {name} VALUES (1, 'a');"
        )
    });
    let test = Test::of(&made.collect::<String>());
    let tables: Vec<String> = names.iter().map(|name| format!("public.{name}")).collect();
    backup_kept(
        &test,
        &tables.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    test.sql("UPDATE t1 SET v = 'b'; DELETE FROM t101");
    apply(&test).run().exits(0);
    assert_eq!(
        test.sql("SELECT v FROM t1 UNION ALL SELECT v FROM t101"),
        "a\na"
    );
}

/// Rows of another table that bears the name now are told.
#[test]
fn another_table_of_the_name_is_told() {
    let test = Test::of("CREATE TABLE o (id int PRIMARY KEY); INSERT INTO o VALUES (1)");
    backup_kept(&test, &["public.o"]);
    test.sql("ALTER TABLE o RENAME TO old; CREATE TABLE o (id int PRIMARY KEY); INSERT INTO o VALUES (7)");
    let ran = undo(&test).run().exits(0);
    ran.check(
        ran.stdout
            .contains("note: public.o: the table was dropped and created again"),
        "told",
    );
}

/// A condition that changes a setting does not change how rows are written.
#[test]
fn a_condition_switches_nothing_off() {
    let test = Test::of(FAMILY);
    backup_kept(&test, &["public.par"]);
    test.sql("INSERT INTO par VALUES (50); INSERT INTO chi VALUES (7, 50)");
    let condition =
        "--where=public.par: set_config('session_replication_role', 'replica', false) IS NOT NULL";
    apply(&test)
        .args([condition, "--allow-cascade"])
        .run()
        .exits(0);
    assert_eq!(test.sql("SELECT count(*) FROM chi"), "0");
}
