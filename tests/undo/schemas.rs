//! Schemas of which a plan must know what the server would do with each row: it takes back what can be
//! taken back, and says why not before a row is touched.

use super::{apply, backup_kept, diff, rows, texts, undo};
use crate::restore::forge::content;
use crate::support::{Cases, Test};

struct Case {
    made: String,
    tables: &'static [&'static str],
    write: &'static str,
    /// None where all comes back.
    reason: Option<&'static str>,
}

const A: &str = "CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a SELECT g, 'x' || g FROM generate_series(1, 5) g;";

const PARTED: &str = "CREATE TABLE q (id int PRIMARY KEY); INSERT INTO q VALUES (1), (2);
    CREATE TABLE p (id int, part int, t text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
    CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p_2 PARTITION OF p FOR VALUES IN (2);
    INSERT INTO p VALUES (1, 1, '5'), (2, 1, '6'), (77, 2, 'word');";

const COMPUTED: &str =
    "CREATE TABLE a (id int PRIMARY KEY, v int, k int GENERATED ALWAYS AS (v % 50) STORED UNIQUE);
    INSERT INTO a (id, v) VALUES (1, 1), (2, 2);";

/// A function that the planner inlines, and one that it does not.
const BY_PATH: &str = "CREATE FUNCTION helper(v text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower(v)';
    CREATE FUNCTION norm(v text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower(v)';
    CREATE FUNCTION slow(v text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower(v); END';";
/// They name another function as only the role's search path finds it. Once the indexes are there: PostgreSQL 17
/// makes them under a search path of its own.
const HELPED: &str = "CREATE OR REPLACE FUNCTION norm(v text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT helper(v)';
    CREATE OR REPLACE FUNCTION slow(v text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN helper(v); END';";

fn case(
    made: impl Into<String>,
    tables: &'static [&'static str],
    write: &'static str,
    reason: Option<&'static str>,
) -> Case {
    Case {
        made: made.into(),
        tables,
        write,
        reason,
    }
}

fn tried(case: &Case, before: &str) {
    let test = Test::of(&format!("{before}{}", case.made));
    backup_kept(&test, case.tables);
    let was = rows(&test, case.tables);
    test.sql(case.write);
    let damage = content(&test.db);
    let plan = undo(&test).arg("--json").run();
    let told = plan.json();
    let want: Vec<&str> = case.reason.into_iter().collect();
    assert_eq!(texts(&told["refusals"], "reason"), want, "{told}");
    let ran = apply(&test).run();
    if case.reason.is_some() {
        ran.check(matches!(ran.code(), 1 | 3), "refused");
        assert_eq!(content(&test.db), damage, "nothing was changed");
        return;
    }
    ran.exits(0);
    assert_eq!(rows(&test, case.tables), was);
}

fn all_tried(before: &str, cases: impl IntoIterator<Item = Case>) {
    let mut all = Cases::new();
    for case in cases {
        all.check((&case.made, case.write), || tried(&case, before));
    }
}

#[test]
fn keys_of_columns_that_the_server_computes() {
    all_tried(
        COMPUTED,
        [
            case(
                "CREATE TABLE b (k int REFERENCES a (k) ON UPDATE CASCADE); INSERT INTO b VALUES (1);",
                &["public.a"],
                "UPDATE a SET v = 9 WHERE id = 1",
                Some("cascade"),
            ),
            // Another value, and the same key.
            case(
                "CREATE TABLE b (k int REFERENCES a (k) ON UPDATE CASCADE); INSERT INTO b VALUES (1);",
                &["public.a"],
                "UPDATE a SET v = 51 WHERE id = 1",
                None,
            ),
            case(
                "CREATE TABLE b (k int REFERENCES a (k));",
                &["public.a"],
                "UPDATE a SET v = 9 WHERE id = 1; INSERT INTO b VALUES (9)",
                Some("referenced"),
            ),
            case(
                "CREATE TABLE b (id int PRIMARY KEY, v int, k int GENERATED ALWAYS AS (v) STORED REFERENCES a); INSERT INTO b VALUES (1, 1);",
                &["public.b"],
                "UPDATE b SET v = 2; DELETE FROM a WHERE id = 1",
                Some("reference_missing"),
            ),
        ],
    );
}

#[test]
fn keys_of_partitions_and_of_tables_with_children() {
    all_tried(
        PARTED,
        [
            // A partition by itself has the keys of its parent.
            case(
                "CREATE TABLE b (id int, part int, FOREIGN KEY (id, part) REFERENCES p ON DELETE CASCADE);",
                &["public.p_1"],
                "INSERT INTO p VALUES (9, 1, 'new'); INSERT INTO b VALUES (9, 1)",
                Some("cascade"),
            ),
            case(
                "CREATE TABLE b (id int, part int, FOREIGN KEY (id, part) REFERENCES p);",
                &["public.p_1"],
                "INSERT INTO p VALUES (9, 1, 'new'); INSERT INTO b VALUES (9, 1)",
                Some("referenced"),
            ),
            case(
                "DELETE FROM p_2; ALTER TABLE p ADD FOREIGN KEY (id) REFERENCES q;",
                &["public.p_1"],
                "DELETE FROM p WHERE id = 1; DELETE FROM q WHERE id = 1",
                Some("reference_missing"),
            ),
            // And is a part of what another table refers to, or refers with.
            case(
                "CREATE TABLE b (no int PRIMARY KEY, id int, part int, FOREIGN KEY (id, part) REFERENCES p); INSERT INTO b VALUES (1, 1, 1), (2, 77, 2);",
                &["public.p_1", "public.b"],
                "DELETE FROM b; DELETE FROM p WHERE id = 1",
                None,
            ),
            case(
                "DELETE FROM p_2; ALTER TABLE p ADD FOREIGN KEY (id) REFERENCES q ON DELETE CASCADE;",
                &["public.p_1", "public.q"],
                "INSERT INTO q VALUES (9); INSERT INTO p VALUES (9, 1, 'new')",
                None,
            ),
            // A key of one partition alone is none of the others'.
            case(
                "ALTER TABLE p_1 ADD FOREIGN KEY (id) REFERENCES q;",
                &["public.p"],
                "DELETE FROM p",
                None,
            ),
            case(
                "ALTER TABLE p_1 ADD FOREIGN KEY (id) REFERENCES q;",
                &["public.p", "public.q"],
                "INSERT INTO q VALUES (77); UPDATE p SET t = '0'",
                None,
            ),
            case(
                "ALTER TABLE p_1 ADD FOREIGN KEY (id) REFERENCES q;",
                &["public.p"],
                "UPDATE p SET part = 2 WHERE id = 1; DELETE FROM q WHERE id = 1",
                Some("reference_missing"),
            ),
            // Nor is a key one of inheritance children.
            case(
                "CREATE TABLE b (q int REFERENCES q); CREATE TABLE child () INHERITS (b);",
                &["public.q"],
                "INSERT INTO q VALUES (9); INSERT INTO child VALUES (9)",
                None,
            ),
            case(
                "CREATE TABLE b (id int PRIMARY KEY, q int REFERENCES q); INSERT INTO b VALUES (1, 1); CREATE TABLE child () INHERITS (q);",
                &["public.b"],
                "DELETE FROM b; DELETE FROM q WHERE id = 1; INSERT INTO child VALUES (1)",
                Some("reference_missing"),
            ),
        ],
    );
}

/// Rows that were deleted and inserted anew under other ids, and what refers to them by another key.
#[test]
fn keys_that_an_added_row_took_over() {
    all_tried(
        "CREATE TABLE n (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE, up text REFERENCES n (code) ON DELETE CASCADE);
         INSERT INTO n (code, up) VALUES ('a', NULL), ('b', 'a'), ('c', 'b');",
        [
            case(
                "CREATE TABLE b (id int PRIMARY KEY, code text REFERENCES n (code) ON DELETE CASCADE ON UPDATE CASCADE); INSERT INTO b VALUES (1, 'a'), (2, 'b');",
                &["public.n", "public.b"],
                "DELETE FROM n; INSERT INTO n (code, up) VALUES ('a', NULL), ('c', 'a'), ('x', 'c')",
                None,
            ),
            case(
                "CREATE TABLE b (id int PRIMARY KEY, code text REFERENCES n (code) ON DELETE SET NULL); INSERT INTO b VALUES (1, 'a'), (2, 'b');",
                &["public.n", "public.b"],
                "DELETE FROM n; INSERT INTO n (code) VALUES ('a'), ('b')",
                None,
            ),
            case(
                "CREATE TABLE b (id int PRIMARY KEY, code text REFERENCES n (code) ON DELETE RESTRICT); INSERT INTO b VALUES (1, 'a'), (2, 'b');",
                &["public.n", "public.b"],
                "DELETE FROM b; DELETE FROM n; INSERT INTO n (code) VALUES ('a'), ('b')",
                None,
            ),
            // A row that is to stay refers to what was added, and would go with it.
            case(
                "CREATE TABLE b (id int PRIMARY KEY, code text REFERENCES n (code) ON DELETE CASCADE); INSERT INTO b VALUES (1, 'a'), (2, 'b'), (3, NULL); UPDATE n SET up = NULL;",
                &["public.n", "public.b"],
                "DELETE FROM n; INSERT INTO n (code) VALUES ('a'), ('b'); UPDATE b SET code = 'a'",
                Some("cascade_inside"),
            ),
        ],
    );
}

/// A key that is spelled otherwise is equal, and ON UPDATE CASCADE writes the spelling that is to come back.
#[test]
fn keys_that_are_spelled_otherwise() {
    all_tried(
        "CREATE TABLE n (id int PRIMARY KEY, k numeric UNIQUE); INSERT INTO n VALUES (1, 1.0), (2, 2);
         CREATE TABLE b (id int PRIMARY KEY, k numeric REFERENCES n (k) ON UPDATE CASCADE);",
        [
            case(
                "INSERT INTO b VALUES (1, 1.0), (2, 2);",
                &["public.n", "public.b"],
                "UPDATE n SET k = 1.00 WHERE k = 1; UPDATE n SET k = 3 WHERE k = 2",
                None,
            ),
            // The spelling of the key that it refers to would be its own.
            case(
                "INSERT INTO b VALUES (1, 1.000), (2, 2);",
                &["public.n", "public.b"],
                "UPDATE n SET k = 1.00 WHERE k = 1",
                Some("cascade_inside"),
            ),
            // Another row's key by then.
            case(
                "INSERT INTO b VALUES (1, 1.0), (2, 2);",
                &["public.n", "public.b"],
                "DELETE FROM b; DELETE FROM n WHERE id = 1; UPDATE n SET k = 1.0",
                Some("cascade_inside"),
            ),
        ],
    );
}

/// A row refers by all of its columns, or by none.
#[test]
fn keys_that_match_in_full() {
    all_tried(
        "CREATE TABLE p (x int, y int, PRIMARY KEY (x, y)); INSERT INTO p VALUES (1, 1);
         CREATE TABLE b (id int PRIMARY KEY, x int, y int); INSERT INTO b VALUES (1, NULL, NULL), (2, 1, 1);",
        [
            case(
                "INSERT INTO b VALUES (3, 1, NULL);",
                &["public.b"],
                "DELETE FROM b; ALTER TABLE b ADD FOREIGN KEY (x, y) REFERENCES p MATCH FULL",
                Some("reference_missing"),
            ),
            case(
                "ALTER TABLE b ADD FOREIGN KEY (x, y) REFERENCES p MATCH FULL;",
                &["public.b"],
                "DELETE FROM b WHERE id = 2; UPDATE b SET x = 1, y = 1",
                None,
            ),
        ],
    );
}

#[test]
fn constraints_that_are_not_for_every_row() {
    all_tried(
        PARTED,
        [
            // It would end in an error for a row of another partition.
            case(
                "ALTER TABLE p_1 ADD CHECK (t::int > 0);",
                &["public.p"],
                "UPDATE p SET t = '7'",
                None,
            ),
            case(
                "CREATE UNIQUE INDEX ON p_1 ((t::int)) WHERE t::int > 0;",
                &["public.p"],
                "UPDATE p SET t = id",
                None,
            ),
            // No value is set that the domain has come to refuse.
            case(
                "CREATE DOMAIN word AS text; ALTER TABLE p ADD w word; UPDATE p SET w = 'old';",
                &["public.p"],
                "ALTER DOMAIN word ADD CONSTRAINT short CHECK (VALUE <> 'old') NOT VALID; UPDATE p SET t = '7'",
                None,
            ),
            case(
                "CREATE DOMAIN word AS text; ALTER TABLE p ADD w word; UPDATE p SET w = 'old';",
                &["public.p"],
                "ALTER DOMAIN word ADD CONSTRAINT short CHECK (VALUE <> 'old') NOT VALID; UPDATE p SET t = '7'; DELETE FROM p WHERE id = 1",
                Some("constraint"),
            ),
        ],
    );
}

#[test]
fn columns_that_are_new() {
    all_tried(
        PARTED,
        [
            case(
                "",
                &["public.p"],
                "DELETE FROM p; ALTER TABLE p ADD n int; ALTER TABLE p_1 ALTER n SET NOT NULL",
                Some("constraint"),
            ),
            case(
                "CREATE DOMAIN must AS int NOT NULL;",
                &["public.p"],
                "DELETE FROM p WHERE id = 1; ALTER TABLE p ADD n must DEFAULT 3; ALTER TABLE p ALTER n DROP DEFAULT",
                Some("column_required"),
            ),
        ],
    );
    // The rows have a column more.
    let mut all = Cases::new();
    for write in [
        "CREATE DOMAIN five AS int DEFAULT 5; DELETE FROM a WHERE id < 3; ALTER TABLE a ADD n five; UPDATE a SET n = 1; ALTER TABLE a ALTER n SET NOT NULL",
        "DELETE FROM a WHERE id < 3; ALTER TABLE a ADD n uuid DEFAULT gen_random_uuid(), ADD UNIQUE NULLS NOT DISTINCT (n)",
    ] {
        all.check(write, || {
            let test = Test::of(A);
            backup_kept(&test, &["public.a"]);
            let rows = || test.sql("SELECT string_agg(id || t, ' ' ORDER BY id) FROM a");
            let was = rows();
            test.sql(write);
            undo(&test).run().exits(0);
            apply(&test).run().exits(0);
            assert_eq!(rows(), was);
        });
    }
}

/// The planner reads expressions of any index of a table, for whatever is asked of it.
#[test]
fn functions_that_find_what_they_name_by_the_search_path() {
    let write = "UPDATE a SET t = 'bad' WHERE id = 1; DELETE FROM a WHERE id = 2";
    let made = [
        "CREATE INDEX ON a (norm(t));",
        "CREATE UNIQUE INDEX ON a (slow(t));",
        "CREATE UNIQUE INDEX ON a (id) WHERE norm(t) <> 'y';",
        "ALTER TABLE a ADD g text GENERATED ALWAYS AS (slow(t)) STORED UNIQUE; CREATE TABLE b (g text REFERENCES a (g)); INSERT INTO b VALUES ('x5');",
        "CREATE TABLE b (id int REFERENCES a, t text); CREATE INDEX ON b (norm(t)); INSERT INTO b VALUES (5, 'x');",
    ];
    let cases = made.map(|made| case(format!("{made}{HELPED}"), &["public.a"], write, None));
    all_tried(&format!("{BY_PATH}{A}"), cases);
    let test = Test::of(&format!("{BY_PATH}{A}CREATE INDEX ON a (norm(t));{HELPED}"));
    backup_kept(&test, &["public.a"]);
    test.sql(write);
    diff(&test).arg("--counts").run().exits(1);
    diff(&test).run().exits(1);
}
