//! Values that name objects: they are dumped as names, and read in only where the objects are there.

use crate::restore::forge::{Prints, Target, restore};
use crate::support::{Cases, Sealed, Test};
use serde_json::Value;

/// One of each type whose values are written as names, in every dress.
const NAMES: &str = "
CREATE SCHEMA app; CREATE TABLE app.other (a int); CREATE TYPE app.mood AS ENUM ('a');
CREATE FUNCTION app.g() RETURNS int LANGUAGE sql AS 'select 1';
CREATE OPERATOR app.=== (leftarg = int, rightarg = int, procedure = int4eq);
CREATE COLLATION app.coll FROM \"C\"; CREATE TEXT SEARCH CONFIGURATION app.conf (COPY = simple);
CREATE TEXT SEARCH DICTIONARY app.dict (TEMPLATE = simple);
CREATE DOMAIN class AS regclass; CREATE TYPE entry AS (n int, c class[]);
CREATE TYPE span AS RANGE (subtype = oid);
";

fn object_names(sealed: &Sealed) -> Vec<&Value> {
    let references = sealed.manifest["external_references"].as_array().unwrap();
    let names = references.iter().filter(|r| r["kind"] == "object_names");
    names.collect()
}

#[test]
fn values_that_are_names_of_objects_are_said() {
    let test = Test::of(NAMES);
    let mut cases = Cases::new();
    for (of, held, value, fails) in [
        ("regclass", "regclass", "app.other", true),
        ("regtype", "regtype", "app.mood", true),
        ("regproc", "regproc", "app.g", true),
        ("regprocedure", "regprocedure", "app.g()", true),
        ("regoper", "regoper", "app.===", true),
        ("regoperator", "regoperator", "app.===(int,int)", true),
        ("regnamespace", "regnamespace", "app", true),
        ("regcollation", "regcollation", "app.coll", true),
        ("regconfig", "regconfig", "app.conf", true),
        ("regdictionary", "regdictionary", "app.dict", true),
        ("regrole", "regrole", "postgres", false),
        ("aclitem[]", "aclitem", "{postgres=r/postgres}", false),
        ("class", "regclass", "app.other", true),
        ("regclass[]", "regclass", "{app.other}", true),
        ("entry", "regclass", "(1,{app.other})", true),
        // Made behind the rows.
        ("regclass PRIMARY KEY", "regclass", "one_pkey", true),
        // The database's own, the system's, and what is no object at all.
        ("regclass", "regclass", "one", false),
        ("regtype", "regtype", "integer", false),
        ("regclass", "regclass", "0", false),
        ("regclass", "regclass", "4000000", false),
    ] {
        cases.check((of, value), || {
            test.sql(&format!(
                "DROP TABLE IF EXISTS one; CREATE TABLE one (c {of}); INSERT INTO one VALUES ('{value}')"
            ));
            let ran = test.backup(&["public.one"]).run();
            let said = "only partly known: what rows name is not looked up: object names in public.one.c\n";
            let sealed = test.sealed(&ran.says(&[said]));
            let want = serde_json::json!({
                "kind": "object_names", "name": "public.one.c",
                "needed_by": format!("{held} in table public.one"),
            });
            assert_eq!(object_names(&sealed), [&want]);
            let target = Target::new();
            let ran = restore(&test, &sealed.path, &target).run();
            if fails {
                ran.fails(4, &["TABLE DATA one"]);
                target.is_empty();
            } else {
                ran.exits(0).prints(&["RESTORE: PASS"]);
            }
        });
    }
    // A number that is no name.
    test.sql("DROP TABLE one; CREATE TABLE one (c oid, s span, x xid, t text)");
    let ran = test.backup(&["public.one"]).run();
    assert!(!ran.stderr.contains("partly"), "{}", ran.stderr);
    assert!(object_names(&test.sealed(&ran)).is_empty());
}

#[test]
fn names_in_rows_are_refused_unless_known() {
    let test = Test::of("CREATE TABLE log (of regclass); INSERT INTO log VALUES ('log')");
    let run = test.backup(&["public.log"]).arg("--require-restorable");
    let what = "what rows name is not looked up: object names in public.log.of";
    run.run().fails(3, &[what]);
    test.store_is_empty();
    let known = "[scope]\nrequire_restorable = true\nknown_external = [\"object names in public.log.of\"]\n";
    let file = test.write("pgseal.toml", known);
    let run = test.backup(&["public.log"]).arg("--config").arg(&file);
    let sealed = test.sealed(&run.run().says(&["1 external reference is known"]));
    let target = Target::new();
    restore(&test, &sealed.path, &target).run().exits(0);
}
