//! What a tool starts is ended with it: nothing waits for it, nothing of it stays.

use crate::support::{Cases, Ran, Test, eventually, processes};
use rustix::process::Signal;

fn table() -> Test {
    Test::of(
        "CREATE TABLE t AS SELECT repeat(md5(n::text), 30) AS a FROM generate_series(1, 3000) n",
    )
}

fn nobody_is_left(test: &Test) {
    let mine = processes(&test.dir.display().to_string());
    assert!(mine.is_empty(), "{mine:?}");
}

/// With a script in the place of one tool alone.
fn backup_with(test: &Test, tool: &str, script: &str) -> Ran {
    for other in ["gpg", "pg_dump"] {
        test.shim(other, "nothing", "");
    }
    match tool {
        "gpg" => test.shim_encrypt(script),
        _ => test.shim_dump(script),
    }
    test.backup(&["public.t"]).run()
}

/// A process of a tool that has ended holds a pipe: the backup is whole all the same.
#[test]
fn who_holds_a_pipe_is_ended() {
    let test = table();
    let mut cases = Cases::new();
    for (tool, script) in [
        ("pg_dump", "$real \"$@\"; sleep 100 & exit 0"),
        ("pg_dump", "$real \"$@\"; sleep 100 >/dev/null & exit 0"),
        ("gpg", "$real \"$@\"; sleep 100 & exit 0"),
        ("gpg", "sleep 100 <&0 >/dev/null 2>&1 & exec $real \"$@\""),
        // One that does not listen.
        (
            "gpg",
            "(trap '' TERM; while :; do sleep 1; done) & exec $real \"$@\"",
        ),
    ] {
        cases.check(script, || {
            let ran = backup_with(&test, tool, script);
            test.sealed(&ran);
            ran.check(ran.took.as_secs() < 10, "it must not wait for it");
        });
    }
}

/// One that left the group is beyond reach: what it holds has no end, and is not believed.
#[test]
fn who_left_the_group_is_not_waited_for() {
    let test = table();
    let mut cases = Cases::new();
    for (tool, script) in [
        (
            "pg_dump",
            "$real \"$@\"; setsid sleep 15 2>/dev/null & exit 0",
        ),
        (
            "gpg",
            "setsid sleep 15 2>/dev/null </dev/null & exec $real \"$@\"",
        ),
        (
            "gpg",
            "setsid yes 2>/dev/null </dev/null & exec $real \"$@\"",
        ),
    ] {
        cases.check(script, || {
            let ran = backup_with(&test, tool, script);
            let word = if script.contains("yes") {
                "gpg's output is not"
            } else {
                "held open by another process"
            };
            let ran = ran.fails(4, &[word, "nothing was written to"]);
            ran.check(ran.took.as_secs() < 13, "it must not wait for it");
            assert_eq!(test.files(), [""; 0]);
        });
    }
    // Beyond its own group, so nobody else ends them.
    eventually("they end", || {
        processes(&test.dir.display().to_string()).is_empty()
    });
}

/// Where the run fails, nothing goes on in the background.
#[test]
fn a_failure_ends_all() {
    let test = table();
    let mut cases = Cases::new();
    for script in [
        "sleep 100 & exit 1",
        "(trap '' TERM; while :; do sleep 1; done) & exit 1",
        "sleep 100 >/dev/null 2>&1 & exit 1",
    ] {
        cases.check(script, || {
            test.shim_dump(script);
            let ran = test.backup(&["public.t"]).run();
            let ran = ran.fails(
                4,
                &["pg_dump ended with status 1", "nothing was written to"],
            );
            ran.check(ran.took.as_secs() < 13, "it must not wait for it");
            assert_eq!(test.files(), [""; 0]);
            eventually("all are gone", || {
                processes(&test.dir.display().to_string()).is_empty()
            });
        });
    }
}

/// A wrapper that dies of a signal takes what it runs with it.
#[test]
fn a_signal_ends_all() {
    let test = table();
    let started = test.dir.join("started");
    for script in [
        "sleep 100; exit 1",
        "trap '' TERM; (trap '' TERM; sleep 1; sleep 100); exit 1",
    ] {
        let _ = std::fs::remove_file(&started);
        test.shim_dump(&format!("touch {}; {script}", started.display()));
        let run = test
            .backup(&["public.t"])
            .through(&["env", "--default-signal=TERM"])
            .start();
        eventually("it runs", || started.exists());
        run.signal(Signal::TERM);
        run.wait().fails(143, &["nothing was written to"]);
        assert_eq!(test.files(), [""; 0], "{script}");
        nobody_is_left(&test);
    }
}

/// The terminal sends Ctrl-C to us alone, and we end the rest.
#[test]
fn ctrl_c_on_a_terminal() {
    let test = table();
    let started = test.dir.join("started");
    test.shim_dump(&format!("touch {}; sleep 100; exit 1", started.display()));
    let script = format!(
        "(until [ -e {} ]; do sleep 0.1; done; printf '\\003'; sleep 3) |
         exec env --default-signal=INT script --quiet --return \
             --command \"$(printf '%q ' \"$@\")\" /dev/null",
        started.display()
    );
    let ran = test.backup(&["public.t"]).shell(&script).run().exits(130);
    let said = ran.stdout.contains("interrupted by SIGINT");
    ran.check(said, "it must hear it");
    assert_eq!(test.files(), [""; 0]);
    nobody_is_left(&test);
}
