//! What was defined otherwise since the backup, entry by entry of two dumps.

use super::{backup, diff, texts};
use crate::support::Test;

const SQL: &str = "
CREATE SEQUENCE shared;
CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 1, b int DEFAULT nextval('shared'), CHECK (a > 0));
CREATE TABLE u (id serial PRIMARY KEY, t int REFERENCES t);
CREATE INDEX by_a ON t (a); CREATE INDEX by_b ON t (b);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
COMMENT ON TABLE t IS 'one';
INSERT INTO t VALUES (1, 1, 1); INSERT INTO u VALUES (1, 1)";

fn structure(test: &Test) -> Vec<String> {
    let told = diff(test).arg("--json").run().json();
    let lines = &told["structure"];
    let lines = texts(lines, "object").into_iter().zip(texts(lines, "what"));
    lines
        .map(|(object, what)| format!("{object}: {what}"))
        .collect()
}

#[test]
fn what_is_defined_otherwise_is_named() {
    let test = Test::of(SQL);
    backup(&test, &["public.t", "public.u"]);
    assert_eq!(structure(&test), [""; 0]);
    test.sql("SELECT nextval('shared'), nextval('u_id_seq')");
    assert_eq!(structure(&test), [""; 0], "a value is no definition");
    test.sql(
        "DROP INDEX by_a; DROP INDEX by_b; CREATE INDEX by_b ON t (b DESC); CREATE INDEX by_both ON t (a, b);
         ALTER TABLE u DROP CONSTRAINT u_t_fkey; DROP TRIGGER g ON t; COMMENT ON TABLE t IS 'two';
         ALTER TABLE t ALTER a DROP DEFAULT; GRANT SELECT ON u TO PUBLIC",
    );
    let since = |what: &str| format!("{what} since the backup");
    let otherwise = |what: &str| format!("{what} is defined otherwise than in the backup");
    assert_eq!(
        structure(&test),
        [
            otherwise("public.TABLE t: the comment"),
            since("public.u u_t_fkey: the fk constraint is gone"),
            since("public.by_a: the index is gone"),
            otherwise("public.by_b: the index"),
            since("public.by_both: the index is new"),
            otherwise("public.t: the table"),
            since("public.t g: the trigger is gone"),
        ]
    );
    let ran = diff(&test).run();
    assert_eq!(ran.code(), 1);
    assert!(ran.stdout.contains("public.by_a"), "{}", ran.stdout);
}
