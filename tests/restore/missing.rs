//! What the manifest declares and the target has not.

use super::forge::{Prints, Target, content, forge, prove, restore};
use crate::support::{Cases, Sealed, Test, cluster, each};
use serde_json::json;

fn sealed(test: &Test, tables: &[&str], options: &[&str]) -> Sealed {
    test.sealed(&test.backup(tables).args(options.iter().copied()).run())
}

/// A name is looked up whatever of it is missing.
#[test]
fn names_of_every_kind_are_looked_up() {
    let test = Test::of(
        r#"CREATE SCHEMA "S p"; CREATE TYPE "S p"."Mo.od" AS ENUM ('x'); CREATE COLLATION "S p".c FROM "C";
        CREATE TABLE "S p".a (m "S p"."Mo.od" DEFAULT 'x', t text COLLATE "S p".c);
        CREATE FUNCTION "S p"."f f"(a text, "S p"."Mo.od", int[], VARIADIC numeric[]) RETURNS bool
          LANGUAGE sql IMMUTABLE AS 'SELECT true';
        CREATE FUNCTION nothing() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        ALTER TABLE "S p".a ADD CHECK ("S p"."f f"(t, m, '{}', 1)), ADD n int DEFAULT nothing();
        INSERT INTO "S p".a VALUES ('x', 'y')"#,
    );
    let sealed = sealed(&test, &[r#""S p".a"#], &["--no-prelude"]);
    let target = Target::new();
    let fails = |missing: &str| {
        let said = format!("the target has no {missing}, which");
        let ran = restore(&test, &sealed.path, &target).run();
        ran.fails(3, &[&said]);
    };
    fails(r#"collation "S p".c"#);
    target.sql(r#"CREATE SCHEMA "S p"; CREATE COLLATION "S p".c FROM "C""#);
    fails(r#"function "S p"."f f"(pg_catalog.text,"S p"."Mo.od",integer[],numeric[])"#);
    target.sql(r#"CREATE TYPE "S p"."Mo.od" AS ENUM ('x')"#);
    fails(r#"function "S p"."f f"(pg_catalog.text,"S p"."Mo.od",integer[],numeric[])"#);
    target.sql(
        r#"CREATE FUNCTION "S p"."f f"(text, "S p"."Mo.od", int[], VARIADIC numeric[]) RETURNS bool
          LANGUAGE sql IMMUTABLE AS 'SELECT true'"#,
    );
    fails("function public.nothing()");
    target.sql("CREATE FUNCTION nothing() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'");
    let ran = restore(&test, &sealed.path, &target).run().exits(0);
    ran.check(!ran.stdout.contains("not looked up"), "all was looked up");
    assert_eq!(content(&test.db), content(&target.db));
}

/// What a statement needs that is not left out is refused before anything is restored.
#[test]
fn only_what_can_be_left_out_is() {
    let test = Test::of(
        "CREATE ROLE missing_bob; CREATE TABLE other (id int PRIMARY KEY);
         CREATE TABLE a (id int PRIMARY KEY REFERENCES other);
         CREATE TABLE policed (id int); CREATE POLICY p ON policed TO missing_bob USING (true);
         GRANT SELECT ON policed TO missing_bob;
         CREATE TABLE looking (id int); CREATE POLICY p ON looking USING (id IN (SELECT id FROM other));
         CREATE TABLE ruled (id int); CREATE RULE r AS ON INSERT TO ruled DO ALSO DELETE FROM other;
         CREATE TABLE typed (o other); CREATE TABLE child () INHERITS (other);
         CREATE TABLE parent (id int) PARTITION BY LIST (id);
         CREATE TABLE leaf PARTITION OF parent FOR VALUES IN (1); INSERT INTO leaf VALUES (1);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER t BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION f();",
    );
    let backup = |table: &str| sealed(&test, &[table], &[]);
    let owner = |sealed: &Sealed, role: &str| {
        let sql = sealed
            .sql
            .replace("OWNER TO postgres", &format!("OWNER TO {role}"));
        sql.replace("TO missing_bob", &format!("TO {role}"))
    };
    let skip = "--skip-external";
    let mut cases = Cases::new();
    for (table, what) in [
        (
            "public.typed",
            "table public.other, which table public.typed",
        ),
        (
            "public.child",
            "table public.other, which table public.child",
        ),
    ] {
        cases.check(table, || {
            let sealed = backup(table);
            let target = Target::new();
            for option in [&[][..], &[skip]] {
                let ran = restore(&test, &sealed.path, &target);
                let ran = ran.args(option.iter().copied()).run().fails(3, &[what]);
                ran.check(!ran.stderr.contains("leave out"), "skipping would not help");
            }
            target.is_empty();
        });
    }

    // What only its own statement needs goes with it, and with what is said of it. Row security
    // stays on without its policy, and denies.
    test.sql("COMMENT ON POLICY p ON looking IS 'x'; COMMENT ON RULE r ON ruled IS 'x'; INSERT INTO looking VALUES (1); ALTER TABLE looking ENABLE ROW LEVEL SECURITY");
    let mut cases = Cases::new();
    for (table, what) in [
        ("public.looking", "CREATE POLICY p ON public.looking"),
        ("public.ruled", "CREATE RULE r AS ON INSERT TO public.ruled"),
    ] {
        cases.check(table, || {
            let sealed = backup(table);
            let target = Target::new();
            let run = || restore(&test, &sealed.path, &target);
            run().run().fails(
                3,
                &["the target has no table public.other", "or leave out", skip],
            );
            let left_out = format!("needs table public.other: {what}");
            run()
                .arg(skip)
                .run()
                .exits(0)
                .prints(&[&left_out, "needs table public.other: COMMENT ON"]);
            prove(&test, &sealed.path)
                .run()
                .exits(0)
                .prints(&[&left_out]);
            let denies = "SELECT relrowsecurity FROM pg_class WHERE relname = 'looking'";
            assert!(table != "public.looking" || target.sql(denies) == "t");
        });
    }

    let what = "it does not come back by itself: the target has no table public.other";
    prove(&test, backup("public.child").path)
        .run()
        .exits(1)
        .prints(&[what]);

    // Roles are the server's, so the missing one is another.
    let policed = backup("public.policed");
    let path = forge(
        &test,
        &policed.manifest,
        owner(&policed, "gone").as_bytes(),
        "gone",
        |manifest| {
            let text = manifest["external_references"].to_string();
            manifest["external_references"] =
                serde_json::from_str(&text.replace("missing_bob", "gone")).unwrap();
        },
    );
    let target = Target::new();
    each([&[][..], &[skip]], |option| {
        let ran = restore(&test, &path, &target)
            .args(option.iter().copied())
            .run();
        let what = "the target has no role gone, which policy p on public.policed needs";
        match option {
            [] => ran.fails(3, &[what, "(and 1 more)", "or leave out"]),
            _ => ran
                .exits(0)
                .prints(&["needs role gone: CREATE POLICY p", "privileges of gone"]),
        };
    });
    prove(&test, &path).run().exits(0);

    let mut cases = Cases::new();
    for (table, what) in [
        ("public.a", "table public.other"),
        ("public.leaf", "table public.parent"),
    ] {
        cases.check(table, || {
            let sealed = backup(table);
            let target = Target::new();
            let what = format!("the target has no {what}, which");
            let run = || restore(&test, &sealed.path, &target);
            run().run().fails(3, &[&what, "or leave out", skip]);
            run().arg(skip).run().exits(0);
            prove(&test, &sealed.path).run().exits(0);
        });
    }
    test.sql("DROP OWNED BY missing_bob");
    cluster().sql("postgres", "DROP ROLE missing_bob");
}

/// An extension's operator is no relation, though a foreign key needs it.
#[test]
fn a_foreign_key_of_an_extensions_type() {
    let test = Test::of(
        "CREATE EXTENSION citext; CREATE TABLE a (id citext PRIMARY KEY);
         CREATE TABLE b (id citext REFERENCES a); INSERT INTO a VALUES ('x'); INSERT INTO b VALUES ('x')",
    );
    let sealed = sealed(&test, &["public.a", "public.b"], &[]);
    let target = Target::new();
    restore(&test, &sealed.path, &target).run().exits(0);
    assert_eq!(target.sql("SELECT count(*) FROM b"), "1");
}

/// Its own tables are not beyond it: what leads to them is never left out.
#[test]
fn a_reference_to_its_own_table_is_a_forgery() {
    let test = Test::of(
        r#"CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);
        CREATE TABLE "B ""b" (id int PRIMARY KEY REFERENCES a); CREATE TABLE c (id int REFERENCES "B ""b")"#,
    );
    let honest = sealed(&test, &["public.a", r#"public."B ""b""#, "public.c"], &[]);
    let mut cases = Cases::new();
    for (at, (kind, name)) in [
        ("foreign_key", "public.a"),
        ("table", "PUBLIC.a"),
        ("foreign_key", r#""public" . "B ""b""#),
        ("partitioned_table", "public.c"),
    ]
    .into_iter()
    .enumerate()
    {
        cases.check((kind, name), || {
            let lie = |manifest: &mut serde_json::Value| {
                let references = manifest["external_references"].as_array_mut().unwrap();
                references.push(json!({"kind": kind, "name": name, "needed_by": "x"}));
            };
            let run_id = format!("forged-{at}");
            let path = forge(&test, &honest.manifest, honest.sql.as_bytes(), &run_id, lie);
            let what = format!("`{name}` is in it, and an external reference");
            let target = Target::new();
            let ran = restore(&test, &path, &target).arg("--skip-external");
            ran.run().fails(1, &[&what]);
            target.is_empty();
            prove(&test, &path).run().exits(1).prints(&[&what]);
        });
    }
}

/// The schema comes back; what is left out is its owner, and a privilege.
#[test]
fn what_the_prelude_leaves_out_for_want_of_a_role_is_named() {
    let test = Test::new();
    let role = format!("gone_{}", test.db);
    test.sql(&format!(
        "CREATE ROLE {role}; CREATE ROLE {role}_r; CREATE SCHEMA sales; ALTER SCHEMA sales OWNER TO {role};
         GRANT USAGE ON SCHEMA sales TO {role}_r; CREATE TABLE sales.a (x int)"
    ));
    let sealed = test.sealed(&test.backup(&["sales.a"]).run());
    test.sql(&format!(
        "REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}, {role}_r; DROP ROLE {role}, {role}_r"
    ));
    let target = Target::new();
    let run = restore(&test, sealed.run_id.as_ref(), &target).arg("--skip-external");
    run.run().exits(0).prints(&[
        &format!("\n  prelude: owner of SCHEMA sales (role \"{role}\" does not exist)\n"),
        &format!("\n  prelude: privileges on SCHEMA sales (role \"{role}_r\" does not exist)\n"),
    ]);
}
