//! Rows that were written after COMMAND of guard had ended: they are told apart by the second mark.

use super::{backup_kept, diff, undo, undo_of};
use crate::support::{Ran, Session, Test, each};

const COMMAND: &str = r#"psql -Xqc "UPDATE a SET t = 'bad' WHERE id <= 5; INSERT INTO a VALUES (50, 'bad'); DELETE FROM a WHERE id = 9""#;

const MADE: &str = "CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a SELECT g, 'x' FROM generate_series(1, 10) g";

fn guarded() -> Test {
    let test = Test::of(MADE);
    guard(&test, COMMAND);
    test
}

fn guard(test: &Test, command: &str) -> Ran {
    test.pgseal("guard")
        .args([
            "--table=public.a",
            "--run-id=run",
            "--envelope-file=kept.json",
            "--",
            "bash",
            "-c",
            command,
        ])
        .run()
        .exits(0)
}

/// A transaction that is older than COMMAND is open when it ends, and one of the table itself with a
/// subtransaction: what COMMAND wrote is surely its own, and what these commit later is not.
#[test]
fn an_older_transaction_leaves_nothing_in_doubt() {
    let test = Test::of(MADE);
    let mut elsewhere = Session::open("postgres");
    elsewhere.sql("BEGIN; SELECT pg_current_xact_id()");
    let mut writer = Session::open(&test.db);
    writer.sql(
        "BEGIN; INSERT INTO a VALUES (70, 'open'); SAVEPOINT s; INSERT INTO a VALUES (71, 'open')",
    );
    let command = r#"psql -Xqc "UPDATE a SET t = 'bad' WHERE id <= 5" && psql -Xqc "BEGIN; SAVEPOINT s; INSERT INTO a VALUES (50, 'bad'); COMMIT; INSERT INTO a VALUES (51, 'bad')""#;
    guard(&test, command);
    writer.sql("COMMIT");
    drop((writer, elsewhere));
    test.sql("UPDATE a SET t = 'later' WHERE id = 2");
    let plan = undo(&test).arg("--json").run().exits(1).json();
    assert_eq!(plan["refusals"][0]["rows"], 3);
    assert_eq!(
        plan["refusals"][0]["text"],
        "at most 3 rows written after COMMAND had ended"
    );
    undo(&test).args(["--apply", "--later=keep"]).run().exits(0);
    assert_eq!(
        rows(&test),
        "1x 2later 3x 4x 5x 6x 7x 8x 9x 10x 70open 71open"
    );
}

/// Nobody sees what a prepared transaction wrote, so no count holds it; once committed it counts as later.
#[test]
fn a_transaction_that_is_prepared_is_told() {
    let test = Test::of(MADE);
    let name = format!("prepared_{}", test.db);
    let bad = "UPDATE a SET t = 'bad' WHERE id <= 5";
    let command = format!(
        r#"psql -Xqc "BEGIN; {bad}; PREPARE TRANSACTION '{name}'; DELETE FROM a WHERE id = 9""#
    );
    let told = "1 transaction is prepared and not committed (pg_prepared_xacts): what it wrote is not counted\n";
    let guarded = guard(&test, &command);
    let counts = || diff(&test).arg("--counts").run();
    let counted = counts();
    let locked = undo(&test)
        .args(["--apply", "--later=overwrite", "--lock-wait=100ms"])
        .run();
    test.sql(&format!("COMMIT PREPARED '{name}'"));
    guarded.says(&["COMMAND wrote no row in public.a; 1 ", told]);
    let counted = counted.exits(1);
    counted.check(counted.stdout.contains(&format!("note: {told}")), "a note");
    locked.fails(
        4,
        &[
            "while it locked the tables",
            "nothing was changed",
            "pg_prepared_xacts",
        ],
    );
    let counted = counts().exits(1);
    counted.check(!counted.stdout.contains("prepared"), "committed");
    let plan = undo(&test).arg("--json").run().exits(1).json();
    assert_eq!(plan["refusals"][0]["reason"], "later");
    let overwrite = ["--apply", "--later=overwrite"];
    undo(&test).args(overwrite).run().exits(0);
    assert_eq!(rows(&test), BEFORE);
}

/// A transaction is open that is older than the rows of a partition to be: that they are older than the backup is
/// then not sure, and they stay.
#[test]
fn a_partition_that_was_attached_is_seen_beside_an_older_transaction() {
    let test = Test::of(
        "CREATE TABLE a (id int, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
        CREATE TABLE a_1 PARTITION OF a FOR VALUES IN (1); INSERT INTO a VALUES (1, 1);
        CREATE TABLE a_9 (LIKE a INCLUDING ALL)",
    );
    let mut elsewhere = Session::open("postgres");
    elsewhere.sql("BEGIN; SELECT pg_current_xact_id()");
    test.sql("INSERT INTO a_9 VALUES (90, 9), (91, 9)");
    backup_kept(&test, &["public.a"]);
    drop(elsewhere);
    test.sql("ALTER TABLE a ATTACH PARTITION a_9 FOR VALUES IN (9); INSERT INTO a VALUES (92, 9), (2, 1)");
    let plan = undo(&test).arg("--json").run().exits(1).json();
    assert_eq!(plan["refusals"][0]["reason"], "attached");
    assert_eq!(plan["refusals"][0]["rows"], 2);
}

fn rows(test: &Test) -> String {
    test.sql("SELECT string_agg(id || t, ' ' ORDER BY id) FROM a")
}

const BEFORE: &str = "1x 2x 3x 4x 5x 6x 7x 8x 9x 10x";

#[test]
fn what_command_wrote_needs_no_word() {
    let test = guarded();
    undo(&test).arg("--apply").run().exits(0);
    assert_eq!(rows(&test), BEFORE);
}

#[test]
fn later_writes_decide() {
    let later = "UPDATE a SET t = 'later' WHERE id IN (2, 7); INSERT INTO a VALUES (60, 'later')";
    each(
        [
            (
                "--later=refuse",
                1,
                "1bad 2later 3bad 4bad 5bad 6x 7later 8x 10x 50bad 60later",
            ),
            (
                "--later=keep",
                0,
                "1x 2later 3x 4x 5x 6x 7later 8x 9x 10x 60later",
            ),
            ("--later=overwrite", 0, BEFORE),
        ],
        |(how, exit, want)| {
            let test = guarded();
            test.sql(later);
            let plan = undo(&test).args(["--json", how]).run().exits(exit).json();
            let told = &plan["tables"][0];
            let (written, kept) = match how {
                "--later=keep" => (0, 3),
                _ => (3, 0),
            };
            assert_eq!(
                (&told["written_later"], &told["kept"]),
                (&written.into(), &kept.into())
            );
            let ran = undo(&test).args(["--apply", how]).run().exits(exit);
            if exit == 1 {
                assert_eq!(plan["refusals"][0]["reason"], "later");
                ran.says(&[
                    "at most 3 rows written after COMMAND had ended",
                    "--later=keep",
                ]);
            }
            assert_eq!(rows(&test), want);
        },
    );
}

/// Without a second mark somebody has to say that no later write counts.
#[test]
fn without_a_second_mark_somebody_has_to_say_so() {
    let test = guarded();
    std::fs::remove_file(test.path("store/run.after.json")).unwrap();
    undo(&test).arg("--apply").run().fails(
        1,
        &[
            "nothing tells rows that were written later",
            "--plan-sha HEX",
        ],
    );
    let ran = undo(&test).run().exits(0);
    ran.check(
        ran.stdout.contains("written by transaction: "),
        "by transaction",
    );
    let sha = ran
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("plan_sha: "));
    undo(&test)
        .args(["--apply", &format!("--plan-sha={}", sha.unwrap())])
        .run()
        .exits(0);
    assert_eq!(rows(&test), BEFORE);
}

#[test]
fn an_origin_that_is_not_proved() {
    let test = guarded();
    let ran = undo_of(&test, "run").arg("--apply").run();
    ran.fails(
        1,
        &[
            "nothing proves who sealed",
            "its rows then take the place of yours",
        ],
    );
    assert_ne!(rows(&test), BEFORE);
    undo_of(&test, "run")
        .args(["--apply", "--origin-unproved"])
        .run()
        .exits(0);
    assert_eq!(rows(&test), BEFORE);
}
