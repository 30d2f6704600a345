//! Stopped at any moment, or run side by side: a backup is whole with its manifest, or not there.

use crate::support::{Test, each, eventually, names};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

/// Artifact, prelude and manifest come in threes, and nothing else is there.
#[track_caller]
fn only_whole_runs(test: &Test) -> usize {
    let mut runs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in test.files() {
        let id = ["prelude.sql.gpg", "sql.gpg", "manifest.json"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        runs.entry(id.unwrap_or(&name).to_string())
            .or_default()
            .push(name);
    }
    assert!(runs.values().all(|files| files.len() == 3), "{runs:?}");
    runs.len()
}

#[test]
fn asked_to_end_at_any_moment() {
    let test = Test::of("CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n");
    let (mut stopped, mut done) = (0, 0);
    for milliseconds in (0..300).step_by(7) {
        let run = test
            .backup(&["public.t"])
            .through(&["env", "--default-signal=TERM"])
            .start();
        std::thread::sleep(Duration::from_millis(milliseconds));
        // It may be over by now: then there is nobody to ask.
        run.signal(Signal::TERM);
        let ran = run.wait();
        match ran.code() {
            0 => {
                test.sealed(&ran);
                done += 1;
            }
            143 => {
                ran.check(ran.stdout.is_empty(), "no envelope");
                stopped += 1;
            }
            // Before it took over the signal.
            -15 => stopped += 1,
            _ => ran.check(false, "0 or ended by the signal"),
        }
        assert_eq!(only_whole_runs(&test), done);
        if done >= 3 {
            break;
        }
    }
    assert!(stopped >= 5, "{stopped} stopped, {done} done");
}

#[test]
fn killed_at_any_moment() {
    let test = Test::of("CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n");
    let mine = test.dir.display().to_string();
    each((0..240).step_by(17), |milliseconds| {
        let run = test.backup(&["public.t"]).start();
        std::thread::sleep(Duration::from_millis(milliseconds));
        run.signal(Signal::KILL);
        let code = run.wait().code();
        eventually("its children end by themselves", || {
            crate::support::processes(&mine).is_empty()
        });
        // An artifact under its final name is whole even without its manifest: an orphan.
        each(test.files(), |name| {
            let whole = name.ends_with(".sql.gpg");
            assert!(
                whole || name.ends_with(".partial") || name.ends_with(".manifest.json"),
                "{name} after {code}"
            );
            if whole {
                let plain = crate::support::decrypt(&test.store().join(&name));
                let end = if name.ends_with(".prelude.sql.gpg") {
                    "-- pgseal prelude complete"
                } else {
                    "database dump complete"
                };
                assert!(String::from_utf8(plain).unwrap().contains(end), "{name}");
            }
        });
    });
    let ran = test.backup(&["public.t"]).run();
    test.sealed(&ran);
    let left = names(&test.store())
        .into_iter()
        .filter(|name| name.ends_with(".partial"));
    assert_eq!(left.count(), 0);
}

#[test]
fn many_at_once() {
    let test = Test::of("CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n");
    each([true, false], |same| {
        let runs: Vec<_> = (0..5)
            .map(|n| {
                let id = if same {
                    "one".into()
                } else {
                    format!("run{n}")
                };
                test.backup(&["public.t"]).args(["--run-id", &id]).start()
            })
            .collect();
        let mut sealed = 0;
        for run in runs {
            let ran = run.wait();
            if ran.code() == 0 {
                test.sealed(&ran);
                sealed += 1;
            } else {
                ran.exits(5);
            }
        }
        assert!(sealed >= 1 && (!same || sealed == 1), "{sealed}");
        only_whole_runs(&test);
    });
}
