//! guard: a backup that verifies, and only then COMMAND, as if it had been called itself.

use super::bench::*;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

struct Site {
    cluster: Cluster,
    bench: Bench,
    fingerprint: String,
}

impl Site {
    fn new() -> Site {
        let bench = Bench::new(&[], &Ring::new());
        let fingerprint = bench.home.key(None);
        Site {
            cluster: Cluster::new(),
            bench,
            fingerprint,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let (home, store) = (self.bench.home.0.path(), self.bench.store.path());
        let mut command = pgseal(home, store, args);
        command
            .env("BACKUP_GPG_FPR", &self.fingerprint)
            .env("PGHOST", self.cluster.dir.path())
            .env("PGUSER", "postgres")
            .env("MINE", "too");
        command
    }

    fn guard(&self, settings: &[&str], command: &[&str], input: &[u8]) -> Ran {
        let args = [
            &["guard", "--compress=gpg:6"],
            settings,
            &TABLES,
            &["--"],
            command,
        ]
        .concat();
        run(&mut self.command(&args), input)
    }

    /// COMMAND would leave this file.
    fn witness(&self) -> String {
        self.bench
            .home
            .0
            .path()
            .join("witness")
            .display()
            .to_string()
    }

    /// guard said no, and COMMAND did not run.
    fn refused(&self, ran: &Ran, words: &str) {
        assert_eq!((ran.code, ran.out.as_str()), (Some(125), ""), "{}", ran.err);
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
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
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    let artifact = site.bench.path("g1.sql.gpg").display().to_string();
    assert_eq!(lines[..4], ["its input", "too", "g1", &artifact]);
    assert_eq!(lines[5..], ["--json", "-x"]);
    let manifest: Value = serde_json::from_slice(&site.bench.get("g1.manifest.json")).unwrap();
    let envelope: Value = serde_json::from_str(lines[4]).unwrap();
    assert_eq!(envelope, manifest["envelope"]);
    assert!(ran.err.contains("sealed run g1"), "{}", ran.err);

    let ran = site.guard(&[], &["bash", "-c", "kill -KILL $$"], b"");
    assert_eq!((ran.code, ran.signal), (None, Some(9)));
    let ran = site.guard(&[], &["bash", "-c", "kill -TERM $$"], b"");
    assert_eq!((ran.code, ran.signal), (None, Some(15)));

    // Neither our handlers, nor Rust's ignored SIGPIPE, nor any file of ours.
    let ran = site.guard(&[], &["cat", "/proc/self/status"], b"");
    for mask in ["SigBlk", "SigIgn", "SigCgt"] {
        let line = ran.out.lines().find(|line| line.starts_with(mask)).unwrap();
        let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16);
        // Not those that the test runner may ignore.
        let pipe_and_ours = 1 << 12 | 1 << 14 | 1 << 1 | 1 << 24;
        assert_eq!(mask.unwrap() & pipe_and_ours, 0, "{line}");
    }
    let ran = site.guard(&[], &["ls", "-l", "/proc/self/fd"], b"");
    let store = site.bench.store.path().to_str().unwrap();
    assert!(!ran.out.contains(store), "{}", ran.out);

    // The store's lock is free again, and the limit was not COMMAND's.
    let second = [
        env!("CARGO_BIN_EXE_pgseal"),
        "backup",
        "--run-id=inner",
        "--table=public.a",
    ];
    let ran = site.guard(&["--run-id", "outer"], &second, b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("inner.sql.gpg"), "{}", ran.out);
    assert!(site.bench.path("outer.manifest.json").exists());
    let since = Instant::now();
    let ran = site.guard(&["--timeout=4s"], &["sleep", "4.5"], b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(since.elapsed() > Duration::from_millis(4500));
}

#[test]
fn command_never_runs() {
    let site = Site::new();
    let witness = site.witness();
    let touch = ["touch", witness.as_str()];
    let ran = site.guard(&["--table=public.nope"], &touch, b"");
    site.refused(&ran, "public.nope");
    let ran = site.guard(&["--dbname=dbname=nope"], &touch, b"");
    site.refused(&ran, "does not exist");
    let short = ["--recipient=ABCD"];
    let ran = site.guard(&short, &touch, b"");
    site.refused(&ran, "ABCD");
    let ran = site.guard(&["--store=/nonexistent"], &touch, b"");
    site.refused(&ran, "open the store");
    let ran = site.guard(&["--no-such-option"], &touch, b"");
    site.refused(&ran, "--no-such-option");
    let ran = run(&mut site.command(&["guard"]), b"");
    site.refused(&ran, "COMMAND");
    let ran = site.guard(&["--timeout=1ms"], &touch, b"");
    site.refused(&ran, "not done within");
    let ran = site.guard(&["--json", "--table=public.nope"], &touch, b"");
    site.refused(&ran, "\"table_unfit\"");
    assert!(site.bench.names().is_empty(), "{:?}", site.bench.names());

    // The backup was good, the command is not there.
    let ran = site.guard(&["--run-id=k"], &["/nonexistent/command"], b"");
    site.refused(&ran, "could not be started");
    assert!(ran.err.contains("the backup is kept"), "{}", ran.err);
    assert_eq!(site.bench.pgseal(&["verify", "k"], b"").code, Some(0));
    let ran = site.guard(&["--run-id=k"], &touch, b"");
    site.refused(&ran, "run id `k` is taken");
    let ran = run(&mut site.command(&["guard", "--help"]), b"");
    assert_eq!(ran.code, Some(0));
}

/// A signal while the backup waits for a lock: nothing is left, and COMMAND does not run.
#[test]
fn a_signal_before_the_command() {
    let site = Site::new();
    let mut holder = Command::new("psql");
    site.cluster.env(&mut holder);
    let mut holder = holder
        .args(["-Xqc", "BEGIN; LOCK TABLE public.a; SELECT pg_sleep(60)"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let witness = site.witness();
    let args = [&["guard"], &TABLES[..], &["--", "touch", &witness]].concat();
    let child = site
        .command(&args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let out = child.wait_with_output().unwrap();
    let _ = holder.kill();
    let _ = holder.wait();
    let ran = Ran {
        code: out.status.code(),
        signal: None,
        out: String::from_utf8(out.stdout).unwrap(),
        err: String::from_utf8(out.stderr).unwrap(),
    };
    site.refused(&ran, "interrupted by SIGTERM");
    assert!(site.bench.names().is_empty(), "{:?}", site.bench.names());
}
