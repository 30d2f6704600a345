//! `pgseal undo`, from the plan to what is there afterwards.

use super::kinds::kinds_of;
use super::{apply, backup_kept, table, texts, undo, undo_of};
use crate::restore::forge::content;
use crate::support::{Test, each};
use serde_json::Value;

/// A cycle of foreign keys with an action, triggers of both kinds, identity and generated columns,
/// partitions, names that need quotes, and a column that was dropped.
const SHOP: &str = r#"
CREATE SCHEMA "S s";
CREATE TABLE public.total (name text PRIMARY KEY, n int NOT NULL);
CREATE TABLE "S s"."Order" (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text UNIQUE, "gone col" int, best int,
  note json, twice int GENERATED ALWAYS AS (length(code) * 2) STORED, updated_at timestamptz DEFAULT now());
ALTER TABLE "S s"."Order" DROP "gone col";
CREATE TABLE public.line (
  id int PRIMARY KEY, "order" int NOT NULL REFERENCES "S s"."Order" ON DELETE CASCADE, price numeric);
ALTER TABLE "S s"."Order" ADD FOREIGN KEY (best) REFERENCES public.line ON DELETE SET NULL;
CREATE TABLE public.event (id int, day date, what text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE public.event_1 PARTITION OF public.event FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE public.event_2 PARTITION OF public.event DEFAULT;
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN NEW.updated_at := now(); RETURN NEW; END$$;
CREATE FUNCTION public.count_up() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN UPDATE total SET n = n + CASE TG_OP WHEN 'DELETE' THEN -1 ELSE 1 END; RETURN NULL; END$$;
INSERT INTO public.total VALUES ('lines', 40);
INSERT INTO "S s"."Order" (code, note) SELECT 'c' || g, '{"a" : 1}' FROM generate_series(1, 20) g;
INSERT INTO public.line SELECT g, 1 + g % 20, 1.50 FROM generate_series(1, 40) g;
UPDATE "S s"."Order" SET best = id;
INSERT INTO public.event SELECT g, '2026-01-01'::date + g * 3, 'x' FROM generate_series(1, 20) g;
CREATE TRIGGER touch BEFORE UPDATE ON "S s"."Order" FOR EACH ROW EXECUTE FUNCTION public.touch();
ALTER TABLE "S s"."Order" ENABLE ALWAYS TRIGGER touch;
CREATE TRIGGER "Count" AFTER INSERT OR DELETE ON public.line FOR EACH ROW EXECUTE FUNCTION public.count_up();
CREATE TRIGGER never BEFORE UPDATE ON public.event FOR EACH ROW EXECUTE FUNCTION public.touch();
ALTER TABLE public.event DISABLE TRIGGER never;
ALTER TABLE public.event_2 ENABLE REPLICA TRIGGER never;
"#;

const TABLES: [&str; 4] = [
    "\"S s\".\"Order\"",
    "public.line",
    "public.event",
    "public.total",
];

const BAD: &str = r#"
UPDATE "S s"."Order" SET code = 'bad ' || code, note = NULL WHERE id < 5;
UPDATE public.line SET price = price * 1.00 WHERE id % 7 = 0;
DELETE FROM "S s"."Order" WHERE id IN (9, 10);
INSERT INTO "S s"."Order" (code) VALUES ('c9'), ('c10');
INSERT INTO public.line SELECT 100 + g, 21, 9 FROM generate_series(1, 3) g;
UPDATE "S s"."Order" SET best = 101 WHERE id = 7;
UPDATE public.event SET day = day + 60 WHERE id < 6;
DELETE FROM public.event WHERE id = 11;
"#;

const STATES: &str = "SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgconstraint = 0 ORDER BY 1, 2";

fn damaged() -> (Test, String) {
    let test = Test::of(SHOP);
    backup_kept(&test, &TABLES);
    let before = content(&test.db);
    test.sql(BAD);
    assert_ne!(content(&test.db), before);
    (test, before)
}

#[test]
fn what_a_write_did_is_planned_rehearsed_and_taken_back() {
    let (test, before) = damaged();
    let (damage, states, files) = (content(&test.db), test.sql(STATES), test.files());
    let plan = undo(&test)
        .args(["--json", "--triggers=off"])
        .run()
        .exits(0)
        .json();
    assert_eq!(
        (&plan["schema"], &plan["result"], &plan["mode"]),
        (&"pgseal/undo/1".into(), &"PLANNED".into(), &"plan".into())
    );
    let orders = table(&plan, TABLES[0]);
    let numbers = ["then", "now", "changed", "gone", "added", "kept"]
        .map(|key| orders[key].as_u64().unwrap());
    assert_eq!(numbers, [20, 20, 6, 2, 2, 0]);
    assert_eq!(orders["written_later"], Value::Null);
    let by = orders["written_by"].as_array().unwrap();
    assert_eq!(
        by.iter()
            .map(|by| by["rows"].as_u64().unwrap())
            .sum::<u64>(),
        8
    );
    let triggers = texts(&plan["triggers"], "name");
    assert_eq!(triggers, ["touch", "Count"], "neither is disabled");

    let ran = undo(&test)
        .args(["--rehearse", "--triggers=off"])
        .run()
        .exits(0);
    ran.check(
        ran.stdout.contains("undone, and all of it rolled back"),
        "it says so",
    );
    assert_eq!(
        (content(&test.db), test.sql(STATES)),
        (damage.clone(), states.clone())
    );
    assert_eq!(test.files(), files, "no backup for these");

    let sha = plan["plan_sha"].as_str().unwrap();
    let ran = undo(&test)
        .args(["--apply", "--triggers=off", "--json"])
        .arg(format!("--plan-sha={sha}"))
        .run()
        .exits(0);
    let told = ran.json();
    assert_eq!(
        (&told["result"], &told["plan_sha"]),
        (&"UNDONE".into(), &sha.into())
    );
    assert_eq!(
        (content(&test.db), test.sql(STATES)),
        (before.clone(), states)
    );

    // The undo of the undo.
    let safety = told["safety_run_id"].as_str().unwrap();
    test.pgseal("verify").arg(safety).run().exits(0);
    undo_of(&test, safety)
        .args([
            "--origin-unproved",
            "--apply",
            "--later=overwrite",
            "--triggers=off",
        ])
        .run()
        .exits(0);
    assert_eq!(content(&test.db), damage);
    apply(&test).arg("--triggers=off").run().exits(0);
    assert_eq!(content(&test.db), before);
    let ran = apply(&test).run().exits(0);
    ran.check(
        ran.stdout.ends_with("UNDO: there is nothing to undo\n"),
        "nothing is left",
    );
    ran.check(
        !ran.stdout.contains("backup before it"),
        "and none was taken",
    );
}

#[test]
fn triggers_that_change_rows_roll_it_back() {
    let (test, _) = damaged();
    let damage = content(&test.db);
    let ran = undo(&test)
        .arg("--table=\"S s\".\"Order\"")
        .arg("--table=public.line")
        .run()
        .exits(0);
    ran.check(ran.stdout.contains("see --triggers=off"), "the plan warns");
    apply(&test).run().fails(
        1,
        &[
            "would not be as it was",
            "touch on",
            "--triggers=off",
            "nothing was changed in the tables",
        ],
    );
    assert_eq!(content(&test.db), damage);
}

#[test]
fn what_was_reviewed_is_what_runs() {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, n numeric); INSERT INTO a SELECT g, 1.5 FROM generate_series(1, 9) g",
    );
    backup_kept(&test, &["public.a"]);
    let before = content(&test.db);
    test.sql("UPDATE a SET n = 7 WHERE id < 4; DELETE FROM a WHERE id = 9");
    let files = test.files();
    let sha = |more: &[&str]| {
        let ran = undo(&test)
            .arg("--json")
            .args(more.iter().copied())
            .run()
            .exits(0);
        ran.json()["plan_sha"].as_str().unwrap().to_string()
    };
    let one = sha(&[]);
    assert_eq!(one, sha(&[]));
    let others = [
        "--only=changed",
        "--max-rows=900",
        "--where=public.a: true",
        "--sequences=raise",
        "--triggers=off",
        "--table=public.a",
    ];
    each(others, |more| assert_ne!(one, sha(&[more])));
    let with = |sha: &str| {
        undo(&test)
            .args(["--apply", &format!("--plan-sha={sha}")])
            .run()
    };
    let no = ["not what was reviewed", "nothing was changed in the tables"];
    with(&"0".repeat(64)).fails(1, &no);
    for (write, what) in [
        ("UPDATE a SET n = 8 WHERE id = 1", "a live row"),
        ("UPDATE a SET n = 7.0 WHERE id = 1", "the bytes of one"),
        (
            "UPDATE a SET n = 7 WHERE id = 1; UPDATE a SET n = 7 WHERE id = 5",
            "one more",
        ),
    ] {
        test.sql(write);
        let ran = with(&one);
        ran.check(ran.code() == 1, what);
    }
    assert_eq!(test.files(), files, "no backup was taken");
    test.sql("UPDATE a SET n = 1.5 WHERE id = 5");
    with(&one.to_uppercase()).exits(0);
    assert_eq!(content(&test.db), before);
}

#[test]
fn only_what_is_asked_for() {
    each(
        [
            (&["--only=gone"][..], "1c1 2c2 3c3 4bad 5bad 6c6 91new"),
            (&["--only=added"], "1c1 4bad 5bad 6c6"),
            (
                &["--only=changed", "--only=gone"],
                "1c1 2c2 3c3 4c4 5c5 6c6 91new",
            ),
            (&["--where=public.a: id % 2 = 1"], "1c1 3c3 4bad 5c5 6c6"),
            (
                &["--where=public.a: a.word = 'c2' OR id > 90"],
                "1c1 2c2 4bad 5bad 6c6",
            ),
            (&["--table=public.b"], "1c1 4bad 5bad 6c6 91new"),
            (&["--max-rows=5"], "1c1 2c2 3c3 4c4 5c5 6c6"),
        ],
        |(args, want)| {
            let test = Test::of(
                "CREATE TABLE a (id int PRIMARY KEY, word text);
                 CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1);
                 INSERT INTO a SELECT g, 'c' || g FROM generate_series(1, 6) g",
            );
            backup_kept(&test, &["public.a", "public.b"]);
            test.sql("DELETE FROM a WHERE id IN (2, 3); UPDATE a SET word = 'bad' WHERE id IN (4, 5); INSERT INTO a VALUES (91, 'new')");
            apply(&test).args(args.iter().copied()).run().exits(0);
            let rows = test.sql("SELECT string_agg(id || word, ' ' ORDER BY id) FROM a");
            assert_eq!(rows, want);
        },
    );
}

#[test]
fn a_condition_that_is_none() {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, word text); INSERT INTO a VALUES (1, 'secret'), (2, 'b')",
    );
    backup_kept(&test, &["public.a"]);
    test.sql("UPDATE a SET word = 'bad'");
    let damage = content(&test.db);
    each(
        [
            ("public.a: id = 1; DROP TABLE a", "holds a `;`"),
            ("public.a: true) OR (true", "not balanced"),
            ("public.a: id", "no condition"),
            ("public.a: nothing = 1", "no condition"),
            ("public.a: action = 'changed'", "no condition"),
            ("public.a: id = = 1", "no condition"),
            ("public.a: word = 'x'::int::text", "no condition"),
            ("public.b: true", "`public.b`, which is not to be undone"),
            ("a: true", "is not SCHEMA.TABLE: CONDITION"),
        ],
        |(condition, words)| {
            let ran = apply(&test)
                .arg(format!("--where={condition}"))
                .run()
                .exits(2);
            ran.check(ran.stderr.contains(words), words);
            ran.check(!ran.whole().contains("secret"), "no value is told");
        },
    );
    // One that does not come to an answer for some row.
    each(
        [
            (
                "public.a: word::int = 1",
                "22P02 invalid_text_representation",
            ),
            ("public.a: 1 / (id - 1) = 1", "22012 division_by_zero"),
            ("public.a: 1 / 0 = 1", "22012 division_by_zero"),
            // The server's sentence would hold what the condition made of a row.
            (
                "public.a: query_to_xml('SELECT ' || word, true, true, '') IS NOT NULL",
                "42703 undefined_column",
            ),
        ],
        |(condition, words)| {
            let ran = apply(&test).arg(format!("--where={condition}")).run();
            let ran = ran.fails(
                4,
                &[
                    "while it asked the condition --where of public.a",
                    "nothing was changed in the tables",
                    words,
                ],
            );
            ran.check(!ran.whole().contains("secret"), "no value is told");
        },
    );
    assert_eq!(content(&test.db), damage);
}

/// Neither in the plan nor in the transaction that writes.
#[test]
fn what_a_condition_calls_may_not_write() {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a VALUES (1, 'x'), (2, 'x'); CREATE TABLE log (n int);
         CREATE FUNCTION writes(n int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.log VALUES (n); RETURN true; END$$;
         CREATE FUNCTION waits(n int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN
           IF current_setting('transaction_read_only') = 'off' THEN INSERT INTO public.log VALUES (n); END IF; RETURN true; END$$;
         CREATE FUNCTION turns(n int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN
           PERFORM set_config('transaction_read_only', 'off', true); INSERT INTO public.log VALUES (n); RETURN true; END$$",
    );
    backup_kept(&test, &["public.a"]);
    test.sql("UPDATE a SET t = 'bad'");
    for condition in ["writes", "turns"] {
        let ran = apply(&test)
            .arg(format!("--where=public.a: public.{condition}(id)"))
            .run();
        ran.fails(4, &["--where of public.a", "nothing was changed"]);
    }
    apply(&test)
        .arg("--where=public.a: public.waits(id)")
        .run()
        .exits(0);
    assert_eq!(test.sql("SELECT count(*) FROM log"), "0");
    assert_eq!(test.sql("SELECT string_agg(t, '') FROM a"), "xx");
}

#[test]
fn a_sequence_that_is_behind_is_told_and_raised() {
    let made =
        "CREATE TABLE a (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, s serial, d int);
        CREATE SEQUENCE down INCREMENT -1 OWNED BY a.d;
        INSERT INTO a (d) SELECT nextval('down') FROM generate_series(1, 9)";
    let test = Test::of(made);
    backup_kept(&test, &["public.a"]);
    test.sql("TRUNCATE a RESTART IDENTITY");
    let told = undo(&test).arg("--json").run().exits(0).json();
    let names = texts(&told["sequences"], "sequence");
    assert_eq!(names, ["public.a_id_seq", "public.a_s_seq", "public.down"]);
    let ran = undo(&test)
        .args(["--rehearse", "--sequences=raise"])
        .run()
        .exits(0);
    ran.check(ran.stdout.contains("gives 1 next"), "only told");
    assert_eq!(test.sql("SELECT is_called FROM a_id_seq"), "f");
    apply(&test).arg("--sequences=raise").run().exits(0);
    let next = "SELECT nextval('a_id_seq'), nextval('a_s_seq'), nextval('down')";
    assert_eq!(test.sql(next), "10|10|-10");
    apply(&test).run().exits(0);
    assert_eq!(test.sql(next), "11|11|-11", "never lowered");
}

/// A sequence of a text, of numbers with a fraction, and one that has given out all of its values.
#[test]
fn sequences_that_are_no_plain_counters() {
    let test = Test::of(
        "CREATE TABLE a (id text PRIMARY KEY, n numeric, b bigint);
         CREATE SEQUENCE of_text OWNED BY a.id; CREATE SEQUENCE of_numeric OWNED BY a.n;
         CREATE SEQUENCE at_its_end OWNED BY a.b;
         INSERT INTO a VALUES ('x1', 10.5, 1); SELECT setval('at_its_end', 9223372036854775807)",
    );
    backup_kept(&test, &["public.a"]);
    let before = content(&test.db);
    test.sql("DELETE FROM a");
    let raise = apply(&test).args(["--sequences=raise", "--json"]);
    let told = raise.run().exits(0).json();
    assert_eq!(told["sequences"].as_array().unwrap().len(), 1);
    assert_eq!(told["sequences"][0]["last"], "10");
    assert_eq!(content(&test.db), before);
    assert_eq!(test.sql("SELECT nextval('of_numeric')"), "11");
}

#[test]
fn one_backup_before_an_undo_takes_no_other_ones_place() {
    let (test, _) = damaged();
    apply(&test).arg("--triggers=off").run().exits(0);
    test.sql("UPDATE public.line SET price = 0");
    apply(&test).arg("--triggers=off").run().exits(0);
    let told = test.pgseal("list").arg("--json").run().exits(0).json();
    let runs = told["runs"].as_array().unwrap();
    let before = runs
        .iter()
        .filter(|run| run["before_undo_of"] == "run")
        .count();
    assert_eq!((runs.len(), before), (3, 2));
    let text = test.pgseal("list").run().exits(0).stdout;
    assert_eq!(text.matches("    taken before an undo of run\n").count(), 2);
    test.pgseal("prune")
        .args(["--keep-last=1", "--apply"])
        .run()
        .exits(0);
    let told = test.pgseal("list").arg("--json").run().exits(0).json();
    let runs = texts(&told["runs"], "run_id");
    assert_eq!(runs.len(), 2);
    assert!(runs.contains(&"run"), "{runs:?}");
}

/// Known before a row is touched: whether a sequence may and can be raised.
#[test]
fn a_sequence_that_cannot_be_raised_is_refused() {
    let test = Test::of(
        "CREATE TABLE a (id serial PRIMARY KEY, t text); INSERT INTO a (t) SELECT 'x' FROM generate_series(1, 9)",
    );
    backup_kept(&test, &["public.a"]);
    let role = format!("writer_{}", test.db);
    test.sql(&format!(
        "DELETE FROM a WHERE id > 2; ALTER SEQUENCE a_id_seq RESTART WITH 3 MAXVALUE 8;
         CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON a TO {role}"
    ));
    let damage = content(&test.db);
    let raise = || apply(&test).arg("--sequences=raise");
    raise().run().fails(
        1,
        &[
            "public.a_id_seq cannot be raised to 9",
            "--sequences=keep",
            "nothing was changed in the tables",
        ],
    );
    test.sql("ALTER SEQUENCE a_id_seq MAXVALUE 100");
    let by_role = || raise().env("PGUSER", &role);
    // The backup before it reads the sequence too.
    let plan = undo(&test)
        .args(["--json", "--sequences=raise"])
        .env("PGUSER", &role);
    let plan = plan.run().exits(3).json();
    assert_eq!(plan["refusals"][0]["reason"], "privilege");
    assert_eq!(plan["refusals"][0]["by"], "public.a_id_seq");
    test.sql(&format!("GRANT SELECT ON SEQUENCE a_id_seq TO {role}"));
    by_role().run().fails(
        3,
        &[
            "may not raise the sequence public.a_id_seq",
            "GRANT UPDATE ON SEQUENCE",
        ],
    );
    assert_eq!(content(&test.db), damage);
    test.sql(&format!("GRANT UPDATE ON SEQUENCE a_id_seq TO {role}"));
    by_role().run().exits(0);
    assert_eq!(test.sql("SELECT nextval('a_id_seq')"), "10");
    test.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// Names of ours among those of a table, and types whose values are loaded otherwise.
#[test]
fn kinds_of_tables_come_back() {
    let kinds = kinds_of(&["public.pgseal_left", "public.loose"]);
    let test = Test::of(&kinds.made);
    backup_kept(&test, &["public.pgseal_left", "public.loose"]);
    let before = content(&test.db);
    test.sql(&kinds.damage);
    let conditions = [
        "--where=public.pgseal_left: pgseal_place > 0 AND pgseal_left.pgseal_action = 'x'",
        "--where=public.loose: m >= 'sad'::public.mood AND length(w) < 9 AND all_m[1] <= 'ok'",
    ];
    apply(&test).args(conditions).run().exits(0);
    assert_eq!(content(&test.db), before);
    test.sql("ALTER TABLE pgseal_left DROP d");
    apply(&test)
        .run()
        .fails(3, &["the column \"d\" of the backup is not there"]);
}
