//! An undo that is stopped, loses its session or meets another writer: nothing was changed, or all,
//! and it is said which.

use super::{apply, backup_kept, undo};
use crate::restore::forge::content;
use crate::support::{Session, Test, cluster, eventually};
use rustix::process::Signal;

fn damaged() -> (Test, String) {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a SELECT g, 'x' FROM generate_series(1, 50) g",
    );
    backup_kept(&test, &["public.a"]);
    let before = content(&test.db);
    test.sql("UPDATE a SET t = 'bad' WHERE id > 20; DELETE FROM a WHERE id < 5");
    (test, before)
}

/// Sessions of the undo, by what they wait for.
fn waiting(test: &Test, event: &str) -> String {
    format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = '{event}' AND query LIKE 'LOCK TABLE%'",
        test.db
    )
}

#[test]
fn a_lock_that_is_held() {
    let (test, before) = damaged();
    let damage = content(&test.db);
    let mut other = Session::open(&test.db);
    other.sql("BEGIN; UPDATE a SET t = t WHERE id = 30");
    apply(&test).arg("--lock-wait=300ms").run().fails(
        4,
        &[
            "55P03",
            "while it locked the tables",
            "nothing was changed in the tables",
            "--lock-wait",
        ],
    );
    other.sql("ROLLBACK");
    assert_eq!(content(&test.db), damage);
    apply(&test).run().exits(0);
    assert_eq!(content(&test.db), before);
}

#[test]
fn stopped_while_it_waits_for_the_lock() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::KILL, -9)] {
        let (test, _) = damaged();
        let damage = content(&test.db);
        let mut other = Session::open(&test.db);
        other.sql("BEGIN; UPDATE a SET t = t WHERE id = 30");
        let undo = apply(&test).start();
        eventually("it waits", || {
            cluster().sql("postgres", &waiting(&test, "Lock")) == "1"
        });
        undo.signal(signal);
        let ran = undo.wait();
        ran.check(ran.code() == code, "its code");
        if signal != Signal::KILL {
            ran.check(
                ran.stderr.contains("nothing was changed in the tables"),
                "it says so",
            );
            ran.check(
                ran.stderr
                    .contains("the backup that was taken before it is kept: "),
                "and what is kept",
            );
        }
        other.sql("ROLLBACK");
        drop(other);
        let sessions = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'",
            test.db
        );
        eventually("its session is gone", || {
            cluster().sql("postgres", &sessions) == "0"
        });
        assert_eq!(content(&test.db), damage);
    }
}

/// What others wrote before the lock is not in the plan: nothing is done, and nothing of theirs lost.
#[test]
fn a_writer_between_the_plan_and_the_lock() {
    let (test, _) = damaged();
    let mut other = Session::open(&test.db);
    other.sql("BEGIN; UPDATE a SET t = 'mine' WHERE id = 30");
    let undo = apply(&test).start();
    eventually("it waits", || {
        cluster().sql("postgres", &waiting(&test, "Lock")) == "1"
    });
    other.sql("COMMIT");
    undo.wait().fails(
        1,
        &[
            "changed between the plan and the lock",
            "nothing was changed in the tables",
        ],
    );
    assert_eq!(test.sql("SELECT t FROM a WHERE id = 30"), "mine");
    assert_eq!(test.sql("SELECT count(*) FROM a"), "46");
}

/// A trigger waits in the one statement, so that the session is lost while rows are written.
#[test]
fn a_session_that_is_lost_while_it_writes() {
    let (test, _) = damaged();
    test.sql(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(60); RETURN NULL; END$$;
         CREATE TRIGGER wait AFTER UPDATE ON a FOR EACH STATEMENT EXECUTE FUNCTION wait()",
    );
    let damage = content(&test.db);
    let undo = apply(&test).start();
    let sleeping = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND wait_event = 'PgSleep'",
        test.db
    );
    eventually("it sleeps", || {
        !cluster().sql("postgres", &sleeping).is_empty()
    });
    cluster().sql(
        "postgres",
        &format!("SELECT pg_terminate_backend(pid) FROM ({sleeping}) AS s"),
    );
    undo.wait()
        .fails(4, &["57P01", "nothing was changed in the tables"]);
    assert_eq!(content(&test.db), damage);
}

/// A host or a container that is lost takes psql along: the server sees that while a statement runs.
#[test]
fn a_statement_ends_once_psql_is_gone() {
    let (test, _) = damaged();
    let damage = content(&test.db);
    test.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(120); RETURN NEW; END$$;
         CREATE TRIGGER slow BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    let noted = test.path("psql.pid");
    let note = format!(r#"echo $$ >'{}'; exec "$real" "$@""#, noted.display());
    test.shim("psql", "*AUTOCOMMIT=off*", &note);
    let undo = apply(&test).start();
    let sleeping = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event = 'PgSleep'",
        test.db
    );
    let sleeps = || cluster().sql("postgres", &sleeping) == "1";
    eventually("it writes", sleeps);
    let psql = std::fs::read_to_string(noted).unwrap();
    let psql = rustix::process::Pid::from_raw(psql.trim().parse().unwrap()).unwrap();
    undo.signal(Signal::KILL);
    rustix::process::kill_process(psql, Signal::KILL).unwrap();
    undo.wait();
    eventually("the server has seen it", || !sleeps());
    assert_eq!(content(&test.db), damage);
}

/// psql is killed as it sends COMMIT, whose answer is lost: another session is asked what became of it.
#[test]
fn an_answer_to_commit_that_is_lost() {
    let (test, before) = damaged();
    test.shim(
        "psql",
        "*AUTOCOMMIT=off*",
        r#"mkfifo "$HOME/out"; "$real" "$@" <&0 >"$HOME/out" & psql=$!
while IFS= read -r line; do
  case $line in *server_started*)
    # The mark behind that answer, and then nothing of what comes after COMMIT.
    printf '%s\n' "$line"; IFS= read -r line; printf '%s\n' "$line"; IFS= read -r line; exit 2 ;;
  esac
  printf '%s\n' "$line"
done <"$HOME/out"
wait $psql"#,
    );
    let ran = apply(&test).run();
    ran.check(ran.code() == 4, "a stage failed");
    ran.check(
        ran.stderr
            .contains("the undo was committed: the rows are back"),
        "and it says what became of it",
    );
    assert_eq!(content(&test.db), before);
}

/// The session ends in the moment of COMMIT: it is known what became of it, or said that it is not.
#[test]
fn a_session_that_is_lost_at_commit() {
    // The first dies before it can read COMMIT; then another session answers, or none can.
    let shim = r#"mkfifo "$HOME/out"; "$real" "$@" <&0 >"$HOME/out" & psql=$!
while IFS= read -r line; do
  case $line in *server_started*)
    IFS= read -r mark; kill -KILL $psql; AFTER
    printf '%s\n' "$line" "$mark"; sleep 0.5; exit 2 ;;
  esac
  printf '%s\n' "$line"
done <"$HOME/out"
wait $psql"#;
    for (after, words) in [
        (
            ":",
            "nothing was changed in the tables; the backup that was taken before it is kept: ",
        ),
        (
            r#"touch "$HOME/lost""#,
            "whether the undo was committed is not known: look with pgseal diff",
        ),
    ] {
        let (test, _) = damaged();
        let damage = content(&test.db);
        let lost = "if [ -e \"$HOME/lost\" ]; then exit 2; fi\ncase \" $* \" in *AUTOCOMMIT=off*) ;; *) exec $real \"$@\" ;; esac\n";
        test.shim(
            "psql",
            "*",
            &(lost.to_string() + &shim.replace("AFTER", after)),
        );
        let ran = apply(&test).run();
        ran.check(ran.code() == 4, words);
        ran.check(ran.stderr.contains(words), words);
        assert_eq!(content(&test.db), damage);
    }
}

#[test]
fn the_plan_changes_nothing_and_takes_no_lock() {
    let (test, _) = damaged();
    let damage = content(&test.db);
    let mut other = Session::open(&test.db);
    other.sql(
        "BEGIN; LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE; UPDATE a SET t = t WHERE id = 30",
    );
    undo(&test).run().exits(0);
    other.sql("ROLLBACK");
    assert_eq!(content(&test.db), damage);
}
