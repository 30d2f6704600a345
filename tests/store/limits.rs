//! Limits of open files and of processes: whatever cannot be had, a run ends with an error of its
//! own, without a file and without a child.

use super::bench::{Bench, SQL, TABLES, taken};
use crate::support::{Place, Ran, Test, cluster, each, eventually, is_root, processes};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Daemons that gpg starts for a keyring.
const DAEMONS: [&str; 3] = ["gpg-agent", "scdaemon", "keyboxd"];

/// Ended as documented, and told why. True where it was enough.
#[track_caller]
fn judged(ran: &Ran, place: &Place, codes: &[i32]) -> bool {
    if ran.code() != 0 {
        ran.check(codes.contains(&ran.code()), "a documented status");
        let last = ran.stderr.lines().last().unwrap_or_default();
        let error: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
        ran.check(error["error"]["code"].is_string(), "an error at the end");
    }
    ran.check(!ran.stderr.contains("panicked"), "no panic");
    ran.check(!ran.stderr.contains("bug in pgseal"), "no bug");
    let names = place.files();
    let partial = names.iter().any(|name| name.ends_with(".partial"));
    ran.check(!partial, "no partial file");
    let child = |line: &String| !DAEMONS.iter().any(|daemon| line.contains(daemon));
    eventually("no child is left", || {
        !processes(&place.dir.display().to_string())
            .iter()
            .any(child)
    });
    ran.code() == 0
}

/// What a limit is tried on.
struct World {
    test: Test,
    bench: Bench,
    /// Where a stranger can execute it.
    program: PathBuf,
    enough: [u32; 5],
    refused: String,
}

/// What could not be looked at for a limit is no finding against the host or the artifact.
#[track_caller]
fn nothing_failed_for_a_limit(ran: &Ran, list: &str, state: &str, no: &str) {
    let report = ran.json();
    let limits = [
        "could not be started",
        "could not be made",
        "signal ",
        "Too many open files",
        "Cannot allocate memory",
    ];
    each(report[list].as_array().unwrap(), |row| {
        let text = row.to_string();
        let failed = row[state] == no && limits.iter().any(|words| text.contains(words));
        assert!(!failed, "{row:#}");
    });
}

impl World {
    fn new() -> World {
        let test = Test::of(SQL);
        let program = test.copy_of_pgseal("pgseal");
        World {
            program,
            test,
            bench: Bench::new(&["a"], &taken().ring),
            enough: [0; 5],
            refused: String::new(),
        }
    }

    /// Each verb of a kind, each below the limit that its wrapper sets.
    #[track_caller]
    fn run(&mut self, of_test: &[String], of_bench: &[String]) {
        let World {
            test,
            bench,
            program,
            enough,
            refused,
        } = self;
        let test = &*test;
        let backup = test.pgseal("backup").args(TABLES);
        let guard = test.pgseal("guard").args(TABLES);
        let verify = bench.place.pgseal("verify").args(["a", "--decrypt"]);
        let readiness = test.pgseal("readiness").args(TABLES);
        let target = cluster().conninfo(&cluster().create("template0", ""), "postgres");
        let restore = bench
            .place
            .pgseal("restore")
            .args(["a", "--origin-unproved"]);
        let restore = restore.arg(format!("--dbname={target}"));
        let runs: [(_, _, &Place, _, &[i32]); 5] = [
            (backup, &[][..], test, of_test, &[3, 4, 5]),
            (guard, &["--", "true"], test, of_test, &[125]),
            (verify, &[], &bench.place, of_bench, &[3, 4, 5]),
            (readiness, &[], test, of_test, &[3, 4, 5]),
            (restore, &[], &bench.place, of_bench, &[1, 3, 4, 5]),
        ];
        for (at, (run, command, place, wrapper, codes)) in runs.into_iter().enumerate() {
            let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
            let run = run.arg("--json").args(command.iter().copied());
            let ran = run.program(&*program).through(&wrapper).run();
            // A decryption that a child of gpg could not be had for is a finding.
            if at == 2 && ran.code() == 1 {
                nothing_failed_for_a_limit(&ran, "checks", "standing", "FAILED");
            } else if at == 3 && ran.code() == 1 {
                nothing_failed_for_a_limit(&ran, "rows", "state", "FAILED");
                enough[at] += u32::from(ran.json()["verdict"]["backup_mechanism"] == "READY");
            } else if judged(&ran, place, codes) {
                enough[at] += 1;
            } else {
                *refused += &ran.stderr;
            }
        }
    }

    /// Each of them had enough at last, and these words were told before.
    #[track_caller]
    fn told(&self, words: &[&str]) {
        assert!(
            self.enough.iter().all(|times| *times > 1),
            "{:?}",
            self.enough
        );
        each(words, |word| {
            assert!(self.refused.contains(word), "{word}: {}", self.refused);
        });
    }
}

#[test]
fn open_files() {
    let mut world = World::new();
    // With fewer, no program starts.
    each((5..40).chain([60, 80, 100]), |most| {
        let wrapper = ["prlimit".into(), format!("--nofile={most}")];
        world.run(&wrapper, &wrapper);
    });
    world.told(&["Too many open files", "ulimit -n", "stage_failed"]);
}

/// The limit of processes counts all of a user, and their threads as well.
#[test]
fn processes_and_threads() {
    if !is_root() {
        return;
    }
    let mut world = World::new();
    // Users who run nothing else.
    let first = 1_000_000 + std::process::id() % 100_000 * 2;
    let owned = |dir: &Path, user: u32| {
        let mut chown = Command::new("chown");
        chown.args(["-R", &format!("{user}:{user}")]).arg(dir);
        assert!(chown.status().unwrap().success());
    };
    owned(&world.test.dir, first);
    owned(&world.bench.place.dir, first + 1);
    world.test.mode(&world.test.dir, 0o755);
    each((1..24).chain([40, 60, 100]), |most| {
        let wrapper = |user: u32| {
            [
                "prlimit".into(),
                format!("--nproc={most}"),
                "setpriv".into(),
                format!("--reuid={user}"),
                format!("--regid={user}"),
                "--clear-groups".into(),
            ]
        };
        world.run(&wrapper(first), &wrapper(first + 1));
    });
    world.told(&[
        "a thread could not be started",
        "Resource temporarily unavailable",
        "ulimit -u",
    ]);
}
