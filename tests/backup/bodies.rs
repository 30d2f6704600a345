//! Bodies that are text: what they name and what is brought along of it.

use super::prelude::prelude;
use crate::readiness::Host;
use crate::support::{Cases, Test, cluster};

#[test]
fn names_are_found_by_schema_and_by_search_path() {
    let test = Test::of(
        r#"SET check_function_bodies = off; CREATE SCHEMA own; CREATE SCHEMA of_db; CREATE SCHEMA of_role; CREATE SCHEMA set; CREATE SCHEMA other;
         CREATE ROLE bodies_owner; CREATE SCHEMA bodies_owner;
         CREATE FUNCTION own.of_own() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION of_db.of_db() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION of_role.of_role() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION bodies_owner.of_user() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION public.of_public() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION public.of_public(int) RETURNS int LANGUAGE sql AS 'SELECT 2';
         CREATE FUNCTION "set".of_set() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION other.by_schema() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION other.elsewhere() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION own.a_bare_word() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE TYPE own.a_bare_type AS ENUM ('a'); CREATE TYPE own.after_as AS ENUM ('a');
         CREATE TYPE own.after_colons AS ENUM ('a'); CREATE TYPE own.declared AS ENUM ('a');
         CREATE FUNCTION own.with_path() RETURNS int LANGUAGE sql SET search_path = "set", pg_temp
           AS 'SELECT of_set() + of_public()';
         CREATE FUNCTION own.f() RETURNS trigger LANGUAGE plpgsql AS $$
           DECLARE a_bare_word int; d DECLARED; BEGIN
             PERFORM of_own(), of_db (), of_role(), of_user(), of_public(), other . by_schema, elsewhere(), own.with_path();
             SELECT a_bare_word, a_bare_type, 'a'::after_colons, CAST('a' AS after_as); RETURN new; END $$;
         ALTER FUNCTION own.f() OWNER TO bodies_owner;
         CREATE TABLE t (a int); CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION own.f()"#,
    );
    let db = &test.db;
    test.sql(&format!(
        "ALTER DATABASE {db} SET search_path = of_db; ALTER ROLE bodies_owner IN DATABASE {db} SET search_path = of_role"
    ));
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    let prelude = prelude(&sealed);
    let mut cases = Cases::new();
    let mut check = |name: &str, there: bool| {
        cases.check(name, || {
            assert_eq!(prelude.contains(&format!("CREATE {name}")), there)
        });
    };
    for name in [
        "own.of_own",
        "of_db.of_db",
        "of_role.of_role",
        "bodies_owner.of_user",
        "public.of_public",
        "other.by_schema",
        "set.of_set",
    ] {
        check(&format!("FUNCTION {name}()"), true);
    }
    check("FUNCTION public.of_public(integer)", true);
    check("FUNCTION other.elsewhere()", false);
    check("FUNCTION own.a_bare_word()", false);
    for (name, there) in [
        ("after_colons", true),
        ("after_as", true),
        ("declared", true),
        ("a_bare_type", false),
    ] {
        check(&format!("TYPE own.{name} "), there);
    }
    drop(cases);
    test.sql("REASSIGN OWNED BY bodies_owner TO postgres");
    cluster().sql("postgres", "DROP ROLE bodies_owner");
}

/// Of a trigger, which no restore runs.
const PASSED_OVER: &str = "
CREATE TABLE public.beyond (a int);
CREATE FUNCTION public.of_row(b public.beyond) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.inside(int) RETURNS int LANGUAGE internal AS 'int4up';
CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM public.of_row(NULL), public.inside(1); RETURN new; END';
CREATE TRIGGER stamp BEFORE INSERT ON public.information_unit FOR EACH ROW EXECUTE FUNCTION public.stamp();
";

#[test]
fn what_is_passed_over_is_counted_and_said() {
    let host = Host::ready();
    host.sql(PASSED_OVER);
    let passed = [
        "function public.inside(integer)",
        "function public.of_row(public.beyond)",
    ];
    let ran = host.backup(&["public.information_unit"]).run().exits(0);
    let count = "passed over, though such a text names them, 2: ";
    ran.says(&[
        "found by that text alone: public.stamp()",
        &format!("{count}{}", passed.join(", ")),
    ]);
    let report = host.readiness();
    report.says(
        "restore_closure",
        "READY",
        &passed
            .map(|name| format!("names {name}, which is passed over"))
            .each_ref()
            .map(String::as_str),
    );
}

#[test]
fn two_hundred_are_brought_along_the_nearest_first() {
    let test = Test::of(
        "SET check_function_bodies = off;
         DO $$ BEGIN FOR n IN REVERSE 210..1 LOOP
           EXECUTE format('CREATE FUNCTION f%s() RETURNS int LANGUAGE sql AS %L', n, format('SELECT public.f%s()', n + 1));
         END LOOP; END $$;
         CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.f1(); RETURN new; END';
         CREATE TABLE t (a int); CREATE TRIGGER stamp BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION stamp()",
    );
    let ran = test.backup(&["public.t"]).run();
    let prelude = prelude(&test.sealed(&ran));
    assert_eq!(prelude.matches("CREATE FUNCTION public.f").count(), 200);
    assert!(prelude.contains("CREATE FUNCTION public.f200()"));
    ran.says(&["passed over, though such a text names them, 1: function public.f201()"]);
}
