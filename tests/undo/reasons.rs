//! Each reason for which rows cannot be brought back is seen beforehand, and nothing is changed.

use super::{apply, backup_kept, rows, undo};
use crate::restore::forge::content;
use crate::support::{Cases, Ran, Test};
use serde_json::Value;

struct Case {
    reason: &'static str,
    made: &'static str,
    tables: &'static [&'static str],
    write: &'static str,
    args: &'static [&'static str],
    exit: i32,
    table: &'static str,
    rows: Option<u64>,
    /// What the hint says.
    hint: &'static str,
    /// What helps, if an option or a statement does.
    mend: Option<(&'static str, &'static [&'static str])>,
}

const NONE: Case = Case {
    reason: "",
    made: "",
    tables: &["public.a"],
    write: "",
    args: &[],
    exit: 1,
    table: "public.a",
    rows: None,
    hint: "",
    mend: None,
};

const A: &str = "CREATE TABLE a (id int PRIMARY KEY, u int UNIQUE, t text);
    INSERT INTO a SELECT g, g * 10, 'x' FROM generate_series(1, 5) g;";

const PARTED: &str = "CREATE TABLE p (id int, part int, t text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
    CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p_2 PARTITION OF p FOR VALUES IN (2);
    CREATE UNIQUE INDEX ON p_1 (t); INSERT INTO p VALUES (1, 1, 'x1'), (2, 1, 'x2'), (11, 2, 'x1'), (12, 2, 'x2');";

fn cases() -> Vec<Case> {
    vec![
        Case {
            reason: "referenced",
            made: "CREATE TABLE b (a int REFERENCES a);",
            write: "INSERT INTO a VALUES (9, 90); INSERT INTO b VALUES (9), (9)",
            rows: Some(2),
            mend: Some(("DELETE FROM b", &[])),
            ..NONE
        },
        Case {
            reason: "referenced",
            made: "CREATE TABLE b (u int REFERENCES a (u) ON UPDATE RESTRICT ON DELETE CASCADE);",
            write: "UPDATE a SET u = 77 WHERE id = 1; INSERT INTO b VALUES (77)",
            rows: Some(1),
            mend: Some(("UPDATE b SET u = 20", &[])),
            ..NONE
        },
        Case {
            reason: "cascade",
            made: "CREATE TABLE b (a int REFERENCES a ON DELETE CASCADE);",
            write: "INSERT INTO a VALUES (9, 90); INSERT INTO b VALUES (9)",
            rows: Some(1),
            mend: Some(("SELECT 1", &["--allow-cascade"])),
            ..NONE
        },
        Case {
            reason: "cascade",
            made: "CREATE TABLE b (a int REFERENCES a ON DELETE SET NULL);",
            write: "INSERT INTO a VALUES (9, 90); INSERT INTO b VALUES (9)",
            rows: Some(1),
            mend: Some(("SELECT 1", &["--allow-cascade"])),
            ..NONE
        },
        // Of two tables that are undone, one keeps a row that another's DELETE would take along.
        Case {
            reason: "cascade_inside",
            made: "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE);",
            tables: &["public.a", "public.b"],
            write: "INSERT INTO a VALUES (9, 90); INSERT INTO b VALUES (1, 9)",
            args: &["--where=public.b: false"],
            rows: Some(1),
            mend: Some(("SELECT 1", &[])),
            ..NONE
        },
        // Rows beyond hold what was added, of which the value comes back.
        Case {
            reason: "cascade_inside",
            made: "CREATE TABLE b (id int PRIMARY KEY, u int REFERENCES a (u) ON DELETE CASCADE); INSERT INTO b VALUES (1, 10);
                CREATE TABLE c (u int REFERENCES a (u));",
            tables: &["public.a", "public.b"],
            write: "DELETE FROM a WHERE id = 1; INSERT INTO a VALUES (9, 10); INSERT INTO c VALUES (10)",
            rows: Some(1),
            hint: "rows of public.c refer to rows of public.a that were added (c_u_fkey)",
            mend: Some(("UPDATE c SET u = NULL", &[])),
            ..NONE
        },
        // A row that stays refers to one that goes, by a value that another row is to have again.
        Case {
            reason: "cascade_inside",
            made: "CREATE TABLE b (id int PRIMARY KEY, u int REFERENCES a (u) ON DELETE CASCADE); INSERT INTO b VALUES (1, 10), (2, 20);",
            tables: &["public.a", "public.b"],
            write: "DELETE FROM a WHERE id = 1; INSERT INTO a VALUES (9, 10); INSERT INTO b VALUES (1, 10)",
            rows: Some(1),
            mend: Some(("DELETE FROM b WHERE id = 1", &[])),
            ..NONE
        },
        Case {
            reason: "reference_missing",
            made: "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE); INSERT INTO b VALUES (1, 1), (2, 1), (3, 2);",
            tables: &["public.b"],
            table: "public.b",
            write: "DELETE FROM a WHERE id = 1",
            rows: Some(2),
            mend: Some(("INSERT INTO a VALUES (1, 10, 'x')", &[])),
            ..NONE
        },
        Case {
            reason: "swap",
            made: "CREATE TABLE b (a int REFERENCES a ON DELETE CASCADE); INSERT INTO b VALUES (1), (1), (2);",
            write: "UPDATE a SET u = -u WHERE id < 3; UPDATE a SET u = CASE u WHEN -10 THEN 20 ELSE 10 END WHERE id < 3",
            rows: Some(3),
            mend: Some(("UPDATE a SET u = u + 1000 WHERE id < 3", &[])),
            ..NONE
        },
        Case {
            reason: "unique_taken",
            write: "DELETE FROM a WHERE id = 1; INSERT INTO a VALUES (9, 10)",
            args: &["--only=gone"],
            rows: Some(1),
            mend: Some(("SELECT 1", &[])),
            ..NONE
        },
        Case {
            reason: "max_rows",
            write: "UPDATE a SET t = 'bad'",
            args: &["--max-rows=4"],
            rows: Some(5),
            mend: Some(("SELECT 1", &["--max-rows=5"])),
            ..NONE
        },
        // What is newer than the backup, or narrower, and does not take its rows.
        Case {
            reason: "constraint",
            write: "UPDATE a SET t = 'y'; ALTER TABLE a ADD CONSTRAINT only_y CHECK (t = 'y')",
            rows: Some(5),
            mend: Some(("ALTER TABLE a DROP CONSTRAINT only_y", &[])),
            ..NONE
        },
        Case {
            reason: "constraint",
            made: "INSERT INTO a VALUES (6, NULL, 'x');",
            write: "UPDATE a SET u = 1 WHERE u IS NULL; ALTER TABLE a ALTER u SET NOT NULL",
            rows: Some(1),
            mend: Some(("ALTER TABLE a ALTER u DROP NOT NULL", &[])),
            ..NONE
        },
        Case {
            reason: "constraint",
            made: "CREATE DOMAIN word AS text; CREATE DOMAIN words AS word; ALTER TABLE a ADD w words; UPDATE a SET w = 'long ' || id;",
            write: "UPDATE a SET w = 'x'; ALTER DOMAIN word ADD CONSTRAINT short CHECK (length(VALUE) < 3)",
            rows: Some(5),
            mend: Some(("ALTER DOMAIN word DROP CONSTRAINT short", &[])),
            ..NONE
        },
        Case {
            reason: "constraint",
            made: "CREATE DOMAIN word AS text; ALTER TABLE a ADD w word[]; UPDATE a SET w = ARRAY['a', NULL, 'long'];",
            write: "UPDATE a SET w = '{x}' WHERE id < 3; UPDATE a SET w = NULL WHERE id > 2; ALTER DOMAIN word ADD CONSTRAINT short CHECK (length(VALUE) < 3) NOT VALID",
            rows: Some(5),
            mend: Some(("ALTER DOMAIN word DROP CONSTRAINT short", &[])),
            ..NONE
        },
        Case {
            reason: "constraint",
            made: "CREATE TYPE mood AS ENUM ('ok', 'sad'); ALTER TABLE a ADD m mood; UPDATE a SET m = 'sad' WHERE id < 3;",
            write: "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'; UPDATE a SET m = 'ok' WHERE id = 1",
            rows: Some(2),
            mend: Some(("ALTER TYPE mood RENAME VALUE 'blue' TO 'sad'", &[])),
            ..NONE
        },
        Case {
            reason: "constraint",
            made: "CREATE TYPE mood AS ENUM ('ok', 'sad'); ALTER TABLE a ADD m mood[]; UPDATE a SET m = '{ok,sad,NULL}' WHERE id < 3;",
            write: "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'; UPDATE a SET m = '{ok}', t = 'bad' WHERE id = 1; UPDATE a SET m = '{}' WHERE id = 2",
            rows: Some(2),
            mend: Some(("ALTER TYPE mood RENAME VALUE 'blue' TO 'sad'", &[])),
            ..NONE
        },
        Case {
            reason: "constraint",
            write: "UPDATE a SET t = id::text; CREATE UNIQUE INDEX newer ON a (t)",
            rows: Some(5),
            mend: Some(("DROP INDEX newer", &[])),
            ..NONE
        },
        Case {
            reason: "constraint",
            made: "CREATE TABLE p (id int PRIMARY KEY, at int4range, room int); INSERT INTO p VALUES (1, '[1,5)', 1), (2, '[4,9)', 1), (3, '[4,9)', 2);",
            tables: &["public.p"],
            table: "public.p",
            write: "UPDATE p SET at = int4range(id * 10, id * 10 + 1); ALTER TABLE p ADD CONSTRAINT apart EXCLUDE USING gist (at WITH &&)",
            rows: Some(3),
            mend: Some(("ALTER TABLE p DROP CONSTRAINT apart", &[])),
            ..NONE
        },
        Case {
            reason: "unique_taken",
            made: "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); UPDATE a SET t = 'x' || id; CREATE UNIQUE INDEX ON a (t COLLATE ci);",
            write: "UPDATE a SET t = 'moved' WHERE id = 1; UPDATE a SET t = 'X1' WHERE id = 2",
            args: &["--where=public.a: id = 1"],
            rows: Some(1),
            mend: Some(("SELECT 1", &[])),
            ..NONE
        },
        Case {
            reason: "unique_taken",
            made: PARTED,
            tables: &["public.p"],
            table: "public.p",
            write: "DELETE FROM p WHERE id = 1; INSERT INTO p VALUES (3, 1, 'x1'), (13, 2, 'x1')",
            args: &["--only=gone"],
            rows: Some(1),
            mend: Some(("SELECT 1", &[])),
            ..NONE
        },
        Case {
            reason: "constraint",
            made: PARTED,
            tables: &["public.p"],
            table: "public.p",
            write: "UPDATE p SET t = 'y' || id; ALTER TABLE p_1 ADD CONSTRAINT only_y CHECK (t LIKE 'y%')",
            rows: Some(2),
            mend: Some(("ALTER TABLE p_1 DROP CONSTRAINT only_y", &[])),
            ..NONE
        },
        Case {
            reason: "partition_missing",
            made: PARTED,
            tables: &["public.p"],
            table: "public.p",
            write: "UPDATE p SET part = 2 WHERE id = 1; ALTER TABLE p DETACH PARTITION p_1",
            rows: Some(2),
            mend: Some(("ALTER TABLE p ATTACH PARTITION p_1 FOR VALUES IN (1)", &[])),
            ..NONE
        },
        // A partition that is backed up by itself.
        Case {
            reason: "partition_missing",
            made: PARTED,
            tables: &["public.p_1"],
            table: "public.p_1",
            write: "ALTER TABLE p DETACH PARTITION p_1; UPDATE p_1 SET part = 7 WHERE id = 1; DELETE FROM p_1 WHERE id = 2; ALTER TABLE p ATTACH PARTITION p_1 FOR VALUES IN (7)",
            rows: Some(2),
            mend: Some(("ALTER TABLE p DETACH PARTITION p_1", &[])),
            ..NONE
        },
        Case {
            reason: "attached",
            made: "CREATE TABLE p (id int, part int, t text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
                CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1); INSERT INTO p VALUES (1, 1, 'x');
                CREATE TABLE p_9 (id int, part int, t text, PRIMARY KEY (id, part)); INSERT INTO p_9 VALUES (90, 9, 'x'), (91, 9, 'x');",
            tables: &["public.p"],
            table: "public.p",
            write: "ALTER TABLE p ATTACH PARTITION p_9 FOR VALUES IN (9); INSERT INTO p VALUES (92, 9, 'x'); UPDATE p SET t = 'bad' WHERE id = 1",
            rows: Some(2),
            mend: Some(("ALTER TABLE p DETACH PARTITION p_9", &[])),
            ..NONE
        },
        Case {
            reason: "later_unknown",
            write: "UPDATE a SET t = 'bad'",
            args: &["--later=keep"],
            ..NONE
        },
        Case {
            reason: "no_key",
            made: "ALTER TABLE a DROP CONSTRAINT a_pkey;",
            write: "UPDATE a SET t = 'bad'",
            exit: 3,
            mend: Some(("UPDATE a SET t = 'x'", &[])),
            ..NONE
        },
        Case {
            reason: "rule",
            made: "CREATE TABLE log (n int); CREATE RULE noted AS ON UPDATE TO a DO ALSO INSERT INTO log VALUES (1);",
            write: "UPDATE a SET t = 'bad'",
            exit: 3,
            mend: Some(("ALTER TABLE a DISABLE RULE noted", &[])),
            ..NONE
        },
        // A publication of all tables of the database, and one of a partitioned table by its root.
        Case {
            reason: "replica_identity",
            made: "ALTER TABLE a ALTER u SET NOT NULL, DROP CONSTRAINT a_pkey; CREATE PUBLICATION every FOR ALL TABLES;",
            write: "INSERT INTO a VALUES (9, 90)",
            exit: 3,
            mend: Some(("ALTER TABLE a REPLICA IDENTITY USING INDEX a_u_key", &[])),
            ..NONE
        },
        Case {
            reason: "replica_identity",
            made: "CREATE TABLE p (id int NOT NULL, part int NOT NULL, t text) PARTITION BY LIST (part); CREATE UNIQUE INDEX ON p (id, part);
                CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p_2 PARTITION OF p FOR VALUES IN (2);
                ALTER TABLE p_1 REPLICA IDENTITY FULL; INSERT INTO p VALUES (1, 1, 'x');",
            tables: &["public.p"],
            table: "public.p",
            write: "UPDATE p SET t = 'bad'; CREATE PUBLICATION changes FOR TABLE p WITH (publish = 'update', publish_via_partition_root)",
            exit: 3,
            mend: Some(("ALTER TABLE p_2 REPLICA IDENTITY FULL", &[])),
            ..NONE
        },
        Case {
            reason: "column_gone",
            write: "ALTER TABLE a DROP t",
            exit: 3,
            ..NONE
        },
        Case {
            reason: "column_type",
            write: "UPDATE a SET t = '7'; ALTER TABLE a ALTER t TYPE int USING t::int",
            exit: 3,
            ..NONE
        },
        // An inheritance child, whose columns stand in its parent's definition.
        Case {
            reason: "column_type",
            made: "CREATE TABLE par (id int PRIMARY KEY, v varchar(10)); CREATE TABLE chi (PRIMARY KEY (id)) INHERITS (par); INSERT INTO chi VALUES (1, 'long long');",
            tables: &["public.par"],
            table: "public.chi",
            args: &["--table=public.chi"],
            write: "UPDATE chi SET v = 'x'; ALTER TABLE par ALTER v TYPE varchar(3)",
            exit: 3,
            ..NONE
        },
        Case {
            reason: "column_required",
            write: "DELETE FROM a WHERE id < 3; ALTER TABLE a ADD n int; UPDATE a SET n = 0; ALTER TABLE a ALTER n SET NOT NULL",
            rows: Some(2),
            exit: 3,
            mend: Some(("ALTER TABLE a ALTER n SET DEFAULT 5", &[])),
            ..NONE
        },
        Case {
            reason: "dropped",
            made: "CREATE TABLE b (id int PRIMARY KEY);",
            tables: &["public.a", "public.b"],
            table: "public.b",
            write: "DROP TABLE b; UPDATE a SET t = 'bad'",
            exit: 3,
            mend: Some(("SELECT 1", &["--table=public.a"])),
            ..NONE
        },
    ]
}

#[test]
fn each_reason_is_seen_beforehand() {
    let mut all = Cases::new();
    for case in cases() {
        all.check(format_args!("{} {}", case.reason, case.write), || {
            tried(&case)
        });
    }
}

fn tried(case: &Case) {
    let test = Test::of(&format!("{A}\n{}", case.made));
    backup_kept(&test, case.tables);
    let before = rows(&test, case.tables);
    test.sql(case.write);
    let damage = content(&test.db);
    let files = test.files();
    let plan = undo(&test)
        .arg("--json")
        .args(case.args.iter().copied())
        .run()
        .exits(case.exit);
    told(case, &plan);
    let args = || {
        case.args
            .iter()
            .copied()
            .filter(|arg| !arg.starts_with("--later"))
    };
    let mut run = apply(&test).args(args());
    if case.reason == "later_unknown" {
        run = undo(&test).args(["--apply", "--later=keep"]);
    }
    let ran = run.run();
    ran.check(ran.code() == case.exit, "the same exit");
    ran.check(
        ran.stderr.contains("nothing was changed in the tables"),
        "nothing was changed",
    );
    // Later is told in words of its own; of the others the plan and --apply say the same.
    let text = plan.json()["refusals"][0]["text"].clone();
    let told = text.as_str().unwrap();
    ran.check(
        case.reason == "later_unknown" || ran.stderr.contains(told),
        told,
    );
    assert_eq!(content(&test.db), damage, "nothing was changed");
    assert_eq!(test.files(), files, "no backup was taken");
    let Some((sql, mended)) = case.mend else {
        return;
    };
    test.sql(sql);
    let ran = apply(&test).args(mended.iter().copied()).run().exits(0);
    ran.check(ran.stdout.contains("UNDO:"), "it is done");
    // A column more, or a table less.
    if !["column_required", "dropped"].contains(&case.reason) {
        assert_eq!(rows(&test, case.tables), before);
    }
}

fn told(case: &Case, plan: &Ran) {
    let told = plan.json();
    assert_eq!(told["result"], "REFUSED");
    let refusals = told["refusals"].as_array().unwrap();
    let refusal = refusals
        .iter()
        .find(|refusal| refusal["reason"] == case.reason);
    let Some(refusal) = refusal else {
        panic!("not told: {refusals:?}");
    };
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_eq!(refusal["table"], case.table);
    let rows = case.rows.map_or(Value::Null, Value::from);
    assert_eq!(refusal["rows"], rows);
    let hint = refusal["hint"].as_str().unwrap_or_default();
    assert!(hint.contains(case.hint), "{hint}");
    let code = match case.exit {
        3 => "table_unfit",
        _ => "undo_refused",
    };
    assert_eq!(refusal["code"], code);
}

/// What no plan can know: the server's error says what stands against the rows, and nothing is changed.
#[test]
fn what_only_the_server_knows_is_said_in_plain_words() {
    let test = Test::of(A);
    backup_kept(&test, &["public.a"]);
    test.sql(
        "UPDATE a SET t = 'y'; CREATE FUNCTION known(v text) RETURNS bool LANGUAGE sql AS $$SELECT v = 'y'$$;
         ALTER TABLE a ADD CONSTRAINT known CHECK (known(t))",
    );
    let damage = content(&test.db);
    let plan = undo(&test).run().exits(0);
    plan.check(
        plan.stdout
            .contains("not looked at: the check constraint known of public.a"),
        "said",
    );
    let ran = apply(&test).run().fails(
        4,
        &[
            "the server does not take rows of the backup while it wrote rows: check_violation, schema public, table a, constraint known",
            "nothing was changed in the tables",
            "Drop it for the undo",
        ],
    );
    ran.check(!ran.stderr.contains("'x'"), "no value");
    assert_eq!(content(&test.db), damage);
}
