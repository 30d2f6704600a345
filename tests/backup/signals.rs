//! Stopped from outside, at any point: nothing is left, on this host or on the server.

use crate::support::{Running, Session, Test, each, eventually};
use rustix::process::Signal;

const ALL: [(Signal, &str, i32); 4] = [
    (Signal::INT, "SIGINT", 130),
    (Signal::TERM, "SIGTERM", 143),
    (Signal::HUP, "SIGHUP", 129),
    (Signal::QUIT, "SIGQUIT", 131),
];

/// The test runner may have been started with some of them ignored.
const DEFAULT: [&str; 2] = ["env", "--default-signal=INT,TERM,HUP,QUIT"];

/// More than all pipes on the way hold.
const LARGE: &str =
    "CREATE TABLE t AS SELECT repeat(md5(n::text), 30) AS a FROM generate_series(1, 9000) n";

fn dumps(test: &Test, event: &str) -> bool {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump'
           AND datname = current_database() AND wait_event_type = '{event}'"
    );
    test.sql(&sql) == "1"
}

/// In the middle of a COPY that nobody reads on.
fn copying<'t>(test: &'t Test, stderr: &str) -> Running<'t> {
    test.shim_encrypt(&format!(
        "{stderr} head -c 100000 | $real \"$@\" & exec sleep 100"
    ));
    let run = test.backup(&["public.t"]).through(&DEFAULT).start();
    eventually("the COPY is stuck", || {
        test.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump'
               AND datname = current_database() AND wait_event = 'ClientWrite'",
        ) == "1"
    });
    run
}

#[test]
fn in_the_middle_of_a_copy() {
    let test = Test::of(LARGE);
    for (signal, name, code) in ALL {
        let run = copying(&test, "");
        run.signal(signal);
        let said = format!("interrupted by {name}");
        let ran = run.wait().fails(code, &[&said, "nothing was written to"]);
        ran.check(ran.took.as_secs() < 5, "it must be quick");
        test.store_is_empty();
        eventually("the backend ends", || !dumps(&test, "Client"));
    }
}

#[test]
fn while_it_waits_for_a_lock() {
    let test = Test::of("CREATE TABLE t (a int)");
    let mut holder = Session::open(&test.db);
    holder.sql("BEGIN; LOCK TABLE t");
    each(ALL, |(signal, name, code)| {
        let run = test.backup(&["public.t"]).through(&DEFAULT).start();
        eventually("pg_dump waits", || dumps(&test, "Lock"));
        run.signal(signal);
        run.wait().fails(code, &[name]);
        test.store_is_empty();
        eventually("the backend ends", || !dumps(&test, "Lock"));
    });
    // By the limit of the run, it is the same.
    let ran = test.backup(&["public.t"]).arg("--timeout=700ms").run();
    ran.fails(
        4,
        &["not done within --timeout 700ms", "hint: Give it more time"],
    );
    test.store_is_empty();
    eventually("the backend ends", || !dumps(&test, "Lock"));
}

/// Before the dump, while the server is asked.
#[test]
fn while_it_asks() {
    let test = Test::of("CREATE TABLE t (a int)");
    test.shim("psql", "*", "exec sleep 100");
    each(ALL, |(signal, name, code)| {
        let run = test.backup(&["public.t"]).through(&DEFAULT).start();
        eventually("psql runs", || {
            crate::support::processes(&test.dir.display().to_string())
                .iter()
                .any(|line| line.contains("sleep 100"))
        });
        run.signal(signal);
        let ran = run.wait().fails(code, &[name]);
        ran.check(!ran.stderr.contains("hint:"), "nothing is to be mended");
    });
    test.backup(&["public.t"])
        .arg("--timeout=300ms")
        .run()
        .fails(4, &["--timeout 300ms"]);
    test.store_is_empty();
}

/// `nohup` means it.
#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let test = Test::of("CREATE TABLE t (a int)");
    let mut holder = Session::open(&test.db);
    holder.sql("BEGIN; LOCK TABLE t");
    let mut run = test
        .backup(&["public.t"])
        .shell("trap '' HUP; exec \"$@\"")
        .start();
    eventually("pg_dump waits", || dumps(&test, "Lock"));
    for _ in 0..3 {
        run.signal(Signal::HUP);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(!run.is_over());
    holder.sql("COMMIT");
    test.sealed(&run.wait());
}

/// Nothing can be done about SIGKILL, but the next run sweeps.
#[test]
fn what_a_kill_leaves_is_swept() {
    let test = Test::of("CREATE TABLE t (a int)");
    let mut holder = Session::open(&test.db);
    holder.sql("BEGIN; LOCK TABLE t");
    let run = test
        .backup(&["public.t"])
        .args(["--run-id", "killed"])
        .start();
    eventually("pg_dump waits", || dumps(&test, "Lock"));
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code(), -9);
    assert_eq!(
        test.files(),
        ["killed.prelude.sql.gpg.partial", "killed.sql.gpg.partial"]
    );
    holder.sql("COMMIT");
    eventually("pg_dump is gone", || {
        test.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND datname = current_database()") == "0"
    });
    std::fs::write(test.store().join("notes.txt"), "mine").unwrap();
    let ran = test
        .backup(&["public.t"])
        .args(["--run-id", "killed"])
        .run();
    test.sealed(&ran);
    ran.says(&[
        "warning: removed what an earlier run left behind: ",
        "killed.sql.gpg.partial",
    ]);
    assert_eq!(
        test.files(),
        [
            "killed.manifest.json",
            "killed.prelude.sql.gpg",
            "killed.sql.gpg",
            "notes.txt"
        ]
    );
}

/// A child that does not listen to SIGTERM is killed.
#[test]
fn a_deaf_child_is_killed() {
    let test = Test::of("CREATE TABLE t (a int)");
    let deaf = test.dir.join("deaf");
    test.shim_dump(&format!(
        "trap '' TERM; touch {}; while :; do read -rt 1 <> <(:); done",
        deaf.display()
    ));
    let backup = test.backup(&["public.t"]).arg("--no-prelude");
    let run = backup.through(&DEFAULT).start();
    eventually("it does not listen", || deaf.exists());
    run.signal(Signal::TERM);
    let ran = run
        .wait()
        .fails(143, &["interrupted by SIGTERM", "SIGKILL"]);
    ran.check(
        ran.took.as_secs() < 10,
        "it must be over in 5 s and a little",
    );
    test.store_is_empty();
}
