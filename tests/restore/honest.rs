//! Schemas that plain `gpg --decrypt | psql` restores: they come back here too.

use super::forge::{Prints, Target, content, prove, restore};
use crate::support::{Sealed, Test, cluster};

fn sealed(test: &Test, tables: &[&str]) -> Sealed {
    test.sealed(&test.backup(tables).run())
}

/// It comes back into an empty database, equal, and a proof says so.
#[track_caller]
fn comes_back(test: &Test, tables: &[&str]) -> Target {
    let sealed = sealed(test, tables);
    let target = Target::new();
    let ran = restore(test, &sealed.path, &target).run().exits(0);
    assert_eq!(content(&test.db), content(&target.db), "{}", ran.stdout);
    prove(test, &sealed.path)
        .run()
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS"]);
    target
}

/// pg_dump writes it into the dump of every table. It is the database's, not the table's.
#[test]
fn a_language_with_privileges_of_its_own() {
    let test = Test::of("CREATE TABLE a (x int); INSERT INTO a VALUES (1)");
    let role = format!("coder_{}", test.db);
    test.sql(&format!(
        "CREATE ROLE {role}; REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC; GRANT USAGE ON LANGUAGE plpgsql TO {role}"
    ));
    let sealed = sealed(&test, &["public.a"]);
    assert!(sealed.sql.contains("ON LANGUAGE plpgsql"));
    let target = Target::new();
    restore(&test, &sealed.path, &target)
        .run()
        .exits(0)
        .prints(&["privileges on what is not the backup's: GRANT ALL ON LANGUAGE plpgsql"]);
    let acl = "SELECT lanacl IS NULL FROM pg_language WHERE lanname = 'plpgsql'";
    assert_eq!(target.sql(acl), "t");
    drop(target);
    test.sql(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

#[test]
fn names_and_texts_that_look_like_something_else() {
    let comment = "two\n--\n-- Name: b; Type: TABLE; Schema: public; Owner: x\n--\n\nDROP TABLE b;";
    let test = Test::of(&format!(
        r#"CREATE TABLE a (begin int, "end" int, "; Type: ACL" int, "ERROR" int, a int[], b int);
        CREATE INDEX "function" ON a (begin);
        CREATE TABLE "b; Type: ACL; Schema: -; Owner: c" (x int DEFAULT 1);
        ALTER TABLE a ADD CHECK (a[1: "ERROR"] IS NULL OR a[1:b] IS NOT NULL), ADD CHECK ('x:b' <> ':b');
        COMMENT ON TABLE a IS '{comment}';
        INSERT INTO a VALUES (1, 2, 3, 4, '{{5,6}}', 1); INSERT INTO "b; Type: ACL; Schema: -; Owner: c" VALUES (5)"#
    ));
    let tables = ["public.a", r#"public."b; Type: ACL; Schema: -; Owner: c""#];
    let target = comes_back(&test, &tables);
    assert_eq!(target.sql("SELECT obj_description('a'::regclass)"), comment);
    let checks = "SELECT string_agg(pg_get_constraintdef(oid), ',' ORDER BY oid) FROM pg_constraint WHERE conrelid = 'a'::regclass";
    assert_eq!(target.sql(checks), test.sql(checks));
}

#[test]
fn a_comment_of_17_megabytes() {
    let test = Test::of(
        "CREATE TABLE a (x int); INSERT INTO a VALUES (1);
         DO $$ BEGIN EXECUTE format('COMMENT ON TABLE a IS %L', repeat('it''s; ', 17 * 1024 * 1024 / 6)); END $$",
    );
    let target = comes_back(&test, &["public.a"]);
    let length = "SELECT md5(obj_description('a'::regclass))";
    assert_eq!(target.sql(length), test.sql(length));
}

#[test]
fn a_comment_on_a_foreign_key_that_is_left_out() {
    let test = Test::of(
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE a (id int, CONSTRAINT f FOREIGN KEY (id) REFERENCES users);
         COMMENT ON CONSTRAINT f ON a IS 'x'; INSERT INTO users VALUES (1); INSERT INTO a VALUES (1)",
    );
    let sealed = sealed(&test, &["public.a"]);
    let target = Target::new();
    restore(&test, &sealed.path, &target)
        .arg("--skip-external")
        .run()
        .exits(0)
        .prints(&[
            "needs table public.users: ALTER TABLE ONLY public.a ADD CONSTRAINT f",
            "needs table public.users: COMMENT ON CONSTRAINT f ON public.a",
        ]);
    assert_eq!(
        target.sql("SELECT count(*) FROM pg_constraint WHERE contype = 'f'"),
        "0"
    );
}

/// With `--no-prelude` the trigger's function is not brought along.
#[test]
fn a_trigger_whose_function_is_missing() {
    let test = Test::of(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TABLE a (x int); INSERT INTO a VALUES (1);
         CREATE TRIGGER \"g on\" BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();
         ALTER TABLE a DISABLE TRIGGER \"g on\"; COMMENT ON TRIGGER \"g on\" ON a IS 'x'",
    );
    let sealed = test.sealed(&test.backup(&["public.a"]).arg("--no-prelude").run());
    let target = Target::new();
    let run = || restore(&test, &sealed.path, &target);
    run().run().fails(
        3,
        &["the target has no function public.f()", "--skip-external"],
    );
    let skipped = run().arg("--skip-external").run().exits(0);
    skipped.prints(&[
        "needs function public.f(): CREATE TRIGGER",
        "needs function public.f(): COMMENT ON TRIGGER",
    ]);
    assert_eq!(target.sql("SELECT count(*) FROM pg_trigger"), "0");
}

/// A clone's state is told by a statement of its own, and the parent brings the clone.
#[test]
fn a_leaf_whose_cloned_trigger_is_disabled() {
    let test = Test::of(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TABLE p (x int) PARTITION BY LIST (x); CREATE TABLE leaf PARTITION OF p FOR VALUES IN (1);
         CREATE TRIGGER g BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION f();
         ALTER TABLE leaf DISABLE TRIGGER g; INSERT INTO leaf VALUES (1)",
    );
    let sealed = sealed(&test, &["public.leaf"]);
    assert!(sealed.sql.contains("DISABLE TRIGGER g"));
    let target = Target::new();
    restore(&test, &sealed.path, &target)
        .arg("--skip-external")
        .run()
        .exits(0)
        .prints(&["ALTER TABLE public.leaf DISABLE TRIGGER g"]);
    assert_eq!(target.sql("SELECT count(*) FROM leaf"), "1");
    comes_back(&test, &["public.p"]);
}

/// In a database that the owner may create in: its own rows, whatever it may see of them later.
#[test]
fn an_owner_restores_what_it_may_not_see() {
    let test = Test::new();
    let owner = format!("owner_{}", test.db);
    test.sql(&format!(
        "CREATE ROLE {owner} LOGIN;
         CREATE TABLE hidden (x int); CREATE TABLE revoked (x int); ALTER TABLE hidden OWNER TO {owner}; ALTER TABLE revoked OWNER TO {owner};
         INSERT INTO hidden VALUES (1), (2); INSERT INTO revoked VALUES (3);
         CREATE POLICY p ON hidden USING (x = 1); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         REVOKE SELECT ON revoked FROM {owner}"
    ));
    let sealed = sealed(&test, &["public.hidden", "public.revoked"]);
    let target = Target::new();
    target.sql(&format!(
        "ALTER DATABASE {} OWNER TO {owner}; GRANT CREATE ON SCHEMA public TO {owner}",
        target.db
    ));
    restore(&test, &sealed.path, &target)
        .arg(format!(
            "--dbname={}",
            cluster().conninfo(&target.db, &owner)
        ))
        .run()
        .fails(2, &["--dbname"]);
    test.pgseal("restore")
        .arg(&sealed.path)
        .args([
            "--origin-unproved".to_string(),
            format!("--dbname={}", cluster().conninfo(&target.db, &owner)),
        ])
        .env("GNUPGHOME", super::forge::secret())
        .run()
        .exits(0)
        .prints(&["2 rows", "3 rows in 2 tables, each equal"]);
    assert_eq!(content(&test.db), content(&target.db));
    assert_eq!(
        target.sql("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'hidden'"),
        "t"
    );
    prove(&test, &sealed.path).run().exits(0);
    drop(target);
    test.sql(&format!("DROP OWNED BY {owner} CASCADE"));
    cluster().sql("postgres", &format!("DROP ROLE {owner}"));
}

/// Older rows may break it, so it waits until they are there.
#[test]
fn a_domain_constraint_that_is_not_valid() {
    let test = Test::of(
        "CREATE DOMAIN positive AS int; CREATE TABLE a (x positive); INSERT INTO a VALUES (-1), (1);
         ALTER DOMAIN positive ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;
         COMMENT ON CONSTRAINT c ON DOMAIN positive IS 'late'",
    );
    let target = comes_back(&test, &["public.a"]);
    let constraint = "SELECT conname, convalidated, obj_description(oid) FROM pg_constraint WHERE contypid = 'positive'::regtype";
    assert_eq!(target.sql(constraint), "c|f|late");
}

/// A child that was altered later has other places for its columns than a fresh one.
#[test]
fn a_child_whose_columns_stand_in_another_order() {
    let test = Test::of(
        "CREATE TABLE base (a int, b text); CREATE TABLE child (c int, b text, a int); ALTER TABLE child INHERIT base;
         INSERT INTO child VALUES (1, 'two', 3)",
    );
    let sealed = sealed(&test, &["public.base"]);
    let target = Target::new();
    restore(&test, &sealed.path, &target).run().exits(0);
    let row = "SELECT a, b, c FROM child";
    assert_eq!(target.sql(row), test.sql(row));
    prove(&test, &sealed.path)
        .run()
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS"]);
}

#[test]
fn what_is_not_in_the_backup_and_what_the_target_adds_are_told() {
    let test = Test::of(
        "CREATE TABLE a (x int, y int, big oid); CREATE STATISTICS st ON x, y FROM a;
         INSERT INTO a VALUES (1, 2, lo_from_bytea(0, 'x'))",
    );
    let sealed = test.sealed(&test.backup(&["public.a"]).arg("--no-prelude").run());
    let target = Target::new();
    let role = format!("reader_{}", target.db);
    target.sql(&format!(
        "CREATE ROLE {role}; ALTER DEFAULT PRIVILEGES GRANT SELECT, DELETE ON TABLES TO {role};
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO PUBLIC"
    ));
    restore(&test, &sealed.path, &target)
        .run()
        .exits(0)
        .prints(&[
            "extended statistics public.st",
            "large objects that public.a.big",
            &format!("DELETE, SELECT on every table that is created to {role}"),
            "USAGE on every sequence that is created in schema \"public\" to PUBLIC",
        ]);
    let may = format!("SELECT has_table_privilege('{role}', 'a', 'DELETE')");
    assert_eq!(target.sql(&may), "t");
    target.sql(&format!("DROP OWNED BY {role} CASCADE; ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM PUBLIC; DROP ROLE {role}"));
}

/// The trigger and the policy are left out with their functions, so nothing needs the schema.
#[test]
fn a_schema_that_only_what_is_left_out_needs() {
    let test = Test::of(
        "CREATE SCHEMA ext; CREATE FUNCTION ext.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE FUNCTION ext.pf(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
         CREATE TABLE a (id int); INSERT INTO a VALUES (1);
         CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION ext.tf();
         CREATE POLICY p ON a USING (ext.pf(id))",
    );
    let sealed = test.sealed(&test.backup(&["public.a"]).arg("--no-prelude").run());
    let target = Target::new();
    let run = || restore(&test, &sealed.path, &target);
    run().run().fails(3, &["or leave out"]);
    run().arg("--skip-external").run().exits(0).prints(&[
        "needs function ext.tf(): CREATE TRIGGER t",
        "needs function ext.pf(integer): CREATE POLICY p",
    ]);
    assert_eq!(target.sql("SELECT count(*) FROM a"), "1");
}

/// Every table of the target, the guard of the transaction too, gets one.
#[test]
fn a_target_that_audits_every_table() {
    let test = Test::of("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)");
    let sealed = sealed(&test, &["public.a"]);
    let target = Target::new();
    target.sql(
        "CREATE FUNCTION au() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE c record; BEGIN
           FOR c IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
             EXECUTE format('CREATE TRIGGER au AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION public.au()', c.object_identity);
           END LOOP; END $$;
         CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()",
    );
    restore(&test, &sealed.path, &target).run().exits(0);
}
