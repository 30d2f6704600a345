//! What an undo of many rows takes: no statement of it grows with their square, and where the server's own
//! look at a foreign key does, it is told.

use super::{apply, backup_kept, undo};
use crate::restore::forge::content;
use crate::support::{Test, cluster};
use serde_json::Value;

/// Nobody has counted rows for the planner; every kind of damage, in most of the rows.
const MADE: &str = "
CREATE TABLE head (id int PRIMARY KEY, code int UNIQUE, name text, up int REFERENCES head);
CREATE INDEX ON head (up); CREATE UNIQUE INDEX ON head (lower(name)) WHERE name <> '';
CREATE TABLE line (head int REFERENCES head, n int, v text, PRIMARY KEY (head, n));
CREATE TABLE event (id int, day int, v text, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE event_0 PARTITION OF event FOR VALUES IN (0); CREATE TABLE event_1 PARTITION OF event DEFAULT;
INSERT INTO head SELECT g, g, 'n' || g, nullif(g / 2, 0) FROM generate_series(1, 3000) g;
INSERT INTO line SELECT g, 1, 'x' FROM generate_series(1, 3000) g;
INSERT INTO event SELECT g, g % 3, 'x' FROM generate_series(1, 3000) g;
";

const BAD: &str = "
DELETE FROM line WHERE head % 2 = 0; UPDATE line SET v = 'bad';
UPDATE head SET code = -code; UPDATE head SET code = -code % 3000 + 1, name = 'bad' || id;
INSERT INTO head SELECT g, g, 'n' || g FROM generate_series(4001, 7000) g;
INSERT INTO line SELECT g, 1, 'new' FROM generate_series(4001, 7000) g;
UPDATE event SET day = (day + 1) % 3; DELETE FROM event WHERE id % 3 = 0;
INSERT INTO event SELECT g, g % 3, 'new' FROM generate_series(4001, 7000) g;
";

/// Rows of all tables, before and now.
const ROWS: u64 = 9_000 + 15_500;

#[test]
fn every_statement_reads_each_row_a_few_times() {
    let test = Test::of(MADE);
    backup_kept(&test, &["public.head", "public.line", "public.event"]);
    let before = content(&test.db);
    test.sql(BAD);
    let db = &test.db;
    for setting in [
        "session_preload_libraries = auto_explain",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_format = json",
    ] {
        test.sql(&format!("ALTER DATABASE {db} SET {setting}"));
    }
    apply(&test).run().exits(0);
    assert_eq!(content(db), before);
    let plans = plans("pgseal_diff_");
    let writes = plans.iter().filter(|plan| {
        let text = plan["Query Text"].as_str().unwrap();
        text.contains("DELETE FROM ONLY \"public\".\"line\"")
    });
    assert_eq!(writes.count(), 1, "the statement that writes");
    for plan in &plans {
        let most = most_rows(&plan["Plan"]);
        assert!(most < 8 * ROWS, "{most} rows in a node of {plan:#}");
    }
}

/// What the sessions of the one database that tells them ran, if it names this.
fn plans(names: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(cluster().dir.join("log")).unwrap();
    let entries = log.split("  plan:\n").skip(1);
    // An entry ends where a line does not begin with a tab.
    let bodies = entries.map(|entry| {
        let lines = entry.lines().take_while(|line| line.starts_with('\t'));
        lines.collect::<String>()
    });
    let named = bodies.filter(|body| body.contains(names));
    named
        .map(|body| serde_json::from_str(&body).unwrap_or_else(|err| panic!("{err}: {body}")))
        .collect()
}

/// That one node of a plan gave or threw away, over all of its loops.
fn most_rows(node: &Value) -> u64 {
    let number = |key: &str| node[key].as_f64().unwrap_or_default();
    let thrown = number("Rows Removed by Filter") + number("Rows Removed by Join Filter");
    let here = (number("Actual Rows") + thrown) * number("Actual Loops");
    let below = node["Plans"].as_array().into_iter().flatten();
    below.map(most_rows).fold(here as u64, u64::max)
}

/// The server looks for those that refer to a row that goes, each time in the whole table.
#[test]
fn a_foreign_key_without_an_index_is_told() {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, u int UNIQUE); INSERT INTO a SELECT g, g FROM generate_series(1, 9) g;
         CREATE TABLE \"B b\" (id int PRIMARY KEY, \"A a\" int REFERENCES a, p int) PARTITION BY RANGE (id);
         CREATE TABLE b_1 PARTITION OF \"B b\" DEFAULT;
         INSERT INTO \"B b\" SELECT g, g % 9 + 1 FROM generate_series(1, 20000) g;
         CREATE TABLE fine (a int REFERENCES a (u)); CREATE INDEX ON fine (a);
         INSERT INTO fine SELECT g % 9 + 1 FROM generate_series(1, 20000) g;",
    );
    backup_kept(&test, &["public.a"]);
    let before = content(&test.db);
    test.sql("INSERT INTO a SELECT g, g FROM generate_series(1001, 1900) g");
    let notes = || {
        let plan = undo(&test).arg("--json").run().exits(0).json();
        plan["notes"].as_array().unwrap().clone()
    };
    assert!(notes().is_empty(), "few rows");
    test.sql("INSERT INTO a SELECT g, g FROM generate_series(2001, 4000) g");
    let told = notes();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0],
        "public.\"B b\" is read whole for each of 2900 rows of public.a, under the locks: an index of public.\"B b\" \
         (\"A a\"), for its key B b_A a_fkey, spares that"
    );
    test.sql("CREATE INDEX ON public.\"B b\" (\"A a\")");
    assert!(notes().is_empty(), "there is an index");
    apply(&test).run().exits(0);
    assert_eq!(content(&test.db), before);
}
