//! A server that speaks German: what is judged of its errors is judged by their SQLSTATE.

use crate::restore::forge::{Prints, Target, restore};
use crate::support::{Session, Test, cluster};

const LOCALE: &str = "de_DE.UTF-8";

/// From now on the server speaks German in this database.
fn german(db: &str) {
    let set = format!("ALTER DATABASE {db} SET lc_messages = '{LOCALE}'");
    let ran = cluster().psql("postgres").args(["-c", &set]).output();
    let set = ran.unwrap();
    let fails = cluster().psql(db).args(["-c", "SELECT 1/0"]).output();
    let said = String::from_utf8(fails.unwrap().stderr).unwrap();
    assert!(
        set.status.success() && said.contains("FEHLER: "),
        "{}{said}\nThe locale and PostgreSQL's German words are needed (postgres-*.mo in \
         /usr/share/locale/de/LC_MESSAGES; dpkg's path-exclude can leave them out):\napt-get install locales postgresql && \
         localedef -i de_DE -f UTF-8 {LOCALE}",
        String::from_utf8_lossy(&set.stderr)
    );
}

#[test]
fn a_table_that_is_locked() {
    let test = Test::of("CREATE TABLE a (x int)");
    german(&test.db);
    let mut other = Session::open(&test.db);
    other.sql("BEGIN; LOCK TABLE a");
    let run = test.backup(&["public.a"]).arg("--lock-wait=200ms").run();
    run.fails(4, &["FEHLER: ", "LOCK TABLE", "raise --lock-wait"]);
    test.store_is_empty();
}

/// The report of a restore tells what was left out, and an error what the server refused.
#[test]
fn a_restore_is_told_as_in_english() {
    let test = Test::new();
    let role = format!("gone_{}", test.db);
    test.sql(&format!(
        "CREATE ROLE {role}; CREATE SCHEMA sales; ALTER SCHEMA sales OWNER TO {role};
         CREATE TABLE sales.a (x int); INSERT INTO sales.a VALUES (1)"
    ));
    german(&test.db);
    let sealed = test.sealed(&test.backup(&["sales.a"]).run());
    test.sql(&format!(
        "REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}"
    ));
    let refuses = Target::new();
    refuses.sql(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
           'BEGIN RAISE EXCEPTION ''geheim'' USING ERRCODE = ''23514''; END';
         CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()",
    );
    let target = Target::new();
    let restore = |target: &Target| {
        german(&target.db);
        let run = restore(&test, sealed.run_id.as_ref(), target);
        run.arg("--skip-external").run()
    };
    let ran = restore(&refuses).fails(4, &["ERROR 23514 check_violation", "rolled back"]);
    ran.check(!ran.stderr.contains("geheim"), "no text of a function");
    restore(&target).exits(0).prints(&[
        "RESTORE: PASS",
        &format!("\n  prelude: owner of SCHEMA sales (Rolle »{role}« existiert nicht)\n"),
    ]);
    target.sql("SELECT * FROM sales.a");
}

/// What is missing is found in the catalog.
#[test]
fn nothing_else_depends_on_words() {
    let test = Test::of("CREATE TABLE a (x int); CREATE ROLE german_reader LOGIN");
    german(&test.db);
    let as_reader = test.backup(&["public.a"]).env("PGUSER", "german_reader");
    as_reader.run().fails(3, &["no SELECT", "GRANT SELECT"]);
    test.backup(&["public.b"])
        .run()
        .fails(3, &["does not exist"]);
    let proof = test.pgseal("prove-backup").table("public.a");
    proof.run().exits(0).prints(&["PROVE_BACKUP: PASS"]);
    test.sql("DROP ROLE german_reader");
}
