//! guard: a backup that verifies, and only then COMMAND, as if it had been called itself.

use super::bench::{SQL, TABLES};
use crate::support::{Pgseal, Ran, Session, Test, cluster, each, eventually};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};

struct Site(Test);

impl Site {
    fn new() -> Site {
        Site(Test::of(SQL))
    }

    fn command(&self, args: &[&str]) -> Pgseal<'_> {
        let run = self.0.pgseal("guard").args(args);
        run.env("MINE", "too")
    }

    fn guard(&self, settings: &[&str], command: &[&str], input: &[u8]) -> Ran {
        let args = [&["--compress=gpg:6"], settings, &TABLES, &["--"], command].concat();
        self.command(&args).input(input).run()
    }

    /// COMMAND would leave this file.
    fn witness(&self) -> String {
        self.0.path("witness").display().to_string()
    }

    /// guard said no, and COMMAND did not run.
    fn refused(&self, ran: &Ran, words: &str) {
        assert_eq!(
            (ran.code(), ran.stdout.as_str()),
            (125, ""),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        assert!(!std::path::Path::new(&self.witness()).exists());
    }
}

#[test]
fn command_is_itself() {
    let site = Site::new();
    let script = r#"cat; printf '%s\n' "$MINE" "$PGSEAL_RUN_ID" "$PGSEAL_ARTIFACT" "$PGSEAL_ENVELOPE" "$@"; exit 7"#;
    let ran = site.guard(
        &["--run-id", "g1"],
        &["bash", "-c", script, "bash", "--json", "-x"],
        b"its input\n",
    );
    assert_eq!(ran.code(), 7, "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let artifact = site.0.store().join("g1.sql.gpg").display().to_string();
    assert_eq!(lines[..4], ["its input", "too", "g1", &artifact]);
    assert_eq!(lines[5..], ["--json", "-x"]);
    let manifest = std::fs::read(site.0.path("store/g1.manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let envelope: Value = serde_json::from_str(lines[4]).unwrap();
    assert_eq!(envelope, manifest["envelope"]);
    assert!(ran.stderr.contains("sealed run g1"), "{}", ran.stderr);
    let (_, told) = ran.stderr.split_once("what was sealed\n").unwrap();
    // Where another test has a transaction open, it is not known of each table that it is as it was.
    assert!(
        told.starts_with("COMMAND wrote no row in "),
        "{}",
        ran.stderr
    );

    let ran = site.guard(&[], &["bash", "-c", "kill -KILL $$"], b"");
    assert_eq!(ran.code(), -9);
    let ran = site.guard(&[], &["bash", "-c", "kill -TERM $$"], b"");
    assert_eq!(ran.code(), -15);

    // Neither our handlers, nor Rust's ignored SIGPIPE, nor any file of ours.
    let ran = site.guard(&[], &["cat", "/proc/self/status"], b"");
    each(["SigBlk", "SigIgn", "SigCgt"], |mask| {
        let line = ran
            .stdout
            .lines()
            .find(|line| line.starts_with(mask))
            .unwrap();
        let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16);
        // Not those that the test runner may ignore.
        let pipe_and_ours = 1 << 12 | 1 << 14 | 1 << 1 | 1 << 24;
        assert_eq!(mask.unwrap() & pipe_and_ours, 0, "{line}");
    });
    let ran = site.guard(&[], &["ls", "-l", "/proc/self/fd"], b"");
    let store = site.0.store().display().to_string();
    assert!(!ran.stdout.contains(&store), "{}", ran.stdout);

    // The store's lock is free again, and the limit was not COMMAND's.
    let second = [
        env!("CARGO_BIN_EXE_pgseal"),
        "backup",
        "--run-id=inner",
        "--table=public.a",
    ];
    let ran = site.guard(&["--run-id", "outer"], &second, b"");
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("inner.sql.gpg"), "{}", ran.stdout);
    assert!(site.0.path("store/outer.manifest.json").exists());
    let since = Instant::now();
    let ran = site.guard(&["--timeout=4s"], &["sleep", "4.5"], b"");
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(since.elapsed() > Duration::from_millis(4500));
}

#[test]
fn command_never_runs() {
    let site = Site::new();
    let witness = site.witness();
    let touch = ["touch", witness.as_str()];
    let ran = site.guard(&["--table=public.nope"], &touch, b"");
    site.refused(&ran, "public.nope");
    let ran = site.guard(
        &["--dbname", &cluster().conninfo("nope", "postgres")],
        &touch,
        b"",
    );
    site.refused(&ran, "does not exist");
    let short = ["--recipient=ABCD"];
    let ran = site.guard(&short, &touch, b"");
    site.refused(&ran, "ABCD");
    let ran = site.guard(&["--store=/nonexistent"], &touch, b"");
    site.refused(&ran, "open the store");
    let ran = site.guard(&["--no-such-option"], &touch, b"");
    site.refused(&ran, "--no-such-option");
    let ran = site.command(&[]).run();
    site.refused(&ran, "COMMAND");
    let ran = site.guard(&["--timeout=1ms"], &touch, b"");
    site.refused(&ran, "not done within");
    let ran = site.guard(&["--json", "--table=public.nope"], &touch, b"");
    site.refused(&ran, "\"table_unfit\"");
    site.0.store_is_empty();

    let ran = site.guard(&["--run-id=k"], &["/nonexistent/command"], b"");
    site.refused(&ran, "cannot be run");
    site.0.store_is_empty();

    // The backup was good, the command cannot be started.
    site.0.script("unstarted", "");
    let unstarted = "#!/nonexistent/interpreter\n";
    std::fs::write(site.0.path("bin/unstarted"), unstarted).unwrap();
    let ran = site.guard(&["--run-id=k"], &["unstarted"], b"");
    site.refused(&ran, "could not be started");
    assert!(ran.stderr.contains("the backup is kept"), "{}", ran.stderr);
    assert_eq!(site.0.pgseal("verify").arg("k").run().code(), 0);
    let ran = site.guard(&["--run-id=k"], &touch, b"");
    site.refused(&ran, "run id `k` is taken");
    let ran = site.command(&["--help"]).run();
    assert_eq!(ran.code(), 0);
}

/// A signal while the backup waits for a lock: nothing is left, and COMMAND does not run.
#[test]
fn a_signal_before_the_command() {
    let site = Site::new();
    let mut holder = Session::open(&site.0.db);
    holder.sql("BEGIN; LOCK TABLE public.a");
    let witness = site.witness();
    let args = [&TABLES[..], &["--", "touch", &witness]].concat();
    let run = site
        .command(&args)
        .through(&["env", "--default-signal=TERM"])
        .start();
    eventually("it waits for the lock", || {
        site.0.sql(
            "SELECT count(*) > 0 FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        ) == "t"
    });
    run.signal(Signal::TERM);
    let ran = run.wait();
    site.refused(&ran, "interrupted by SIGTERM");
    site.0.store_is_empty();
}
