//! COMMAND below guard: its terminal, its signals and its status are as if it had been called itself.

use crate::support::{Pgseal, Session, Terminal, Test, cluster, each, eventually};
use rustix::process::Signal;
use serde_json::Value;

const SQL: &str = "CREATE TABLE t (id int PRIMARY KEY, x text);
    INSERT INTO t SELECT n, 'x' FROM generate_series(1, 100) n;
    CREATE TABLE u (id int)";
const TABLES: [&str; 2] = ["--table=public.t", "--table=public.u"];

fn guard<'t>(test: &'t Test, options: &[&str], command: &[&str]) -> Pgseal<'t> {
    let args = [&TABLES[..], options, &["--"], command].concat();
    let guard = test.pgseal("guard").args(&args);
    guard.through(&["env", "--default-signal"])
}

fn psql(sql: &str) -> [&str; 5] {
    ["psql", "-Xqtc", sql, "-v", "ON_ERROR_STOP=1"]
}

fn after(test: &Test, run_id: &str) -> Value {
    let file = std::fs::read(test.path(&format!("store/{run_id}.after.json"))).unwrap();
    serde_json::from_slice(&file).unwrap()
}

fn typed(options: &str, script: &str) -> String {
    let tables = TABLES.join(" ");
    format!("pgseal guard --quiet {tables} {options} -- bash -c '{script}'; echo status=$?\n")
}

/// The state of a process, by proc(5).
fn state(pid: &str) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.chars().next().unwrap()
}

fn parent(pid: &str) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(1).unwrap().into()
}

#[test]
fn ctrl_c_arrives_once() {
    let test = Test::of(SQL);
    let mut terminal = Terminal::open(&test);
    let script = r#"trap "echo caught" INT; echo ready; sleep 1; sleep 1; echo done; exit 9"#;
    terminal.types(&typed("--run-id=a", script));
    terminal.shows("ready");
    terminal.types("\x03");
    terminal.shows("status=9");
    let screen = terminal.screen();
    assert_eq!(screen.matches("caught").count(), 1, "{screen}");
    assert!(screen.contains("done"), "{screen}");

    // One that dies of it: the shell sees that, and does not go on with its script.
    terminal.clear();
    terminal.types(&typed("--run-id=b", "echo ready; exec sleep 60"));
    terminal.shows("ready");
    terminal.types("\x03");
    terminal.types("echo next=$?\n");
    terminal.shows("next=130");
    let screen = terminal.screen();
    assert!(!screen.contains("status="), "{screen}");
    assert_eq!(after(&test, "b")["run_id"], "b");

    // Ctrl-\, without a core.
    terminal.clear();
    // By sh: bash itself is deaf to it.
    let line = typed("", "echo ready; exec sleep 60");
    terminal.types(&line.replace("bash -c", "sh -c"));
    terminal.shows("ready");
    terminal.types("\x1c");
    terminal.shows("status=131");
    let screen = terminal.screen();
    assert!(!screen.contains("core dumped"), "{screen}");
}

#[test]
fn ctrl_z_and_back() {
    let test = Test::of(SQL);
    let mut terminal = Terminal::open(&test);
    let script = r#"echo pid=$$,; read -r line; echo "line=$line"; exit 3"#;
    terminal.types(&typed("--run-id=z", script));
    terminal.shows(",");
    let screen = terminal.screen();
    let (_, pid) = screen.split_once("pid=").unwrap();
    let (pid, _) = pid.split_once(',').unwrap();
    let guard = parent(pid);
    terminal.types("\x1a");
    terminal.shows("Stopped");
    assert_eq!((state(pid), state(&guard)), ('T', 'T'));
    terminal.clear();
    terminal.types("fg\n");
    terminal.shows("pgseal guard");
    eventually("both go on", || state(pid) == 'S' && state(&guard) == 'S');
    // It reads the terminal.
    terminal.types("typed\n");
    terminal.shows("line=typed");
    terminal.types("echo after=$?\n");
    terminal.shows("after=3");

    // In the background it stops where it reads, and again goes on.
    terminal.clear();
    let line = typed("", r#"read -r line; echo "line=$line""#);
    terminal.types(&line.replace("; echo status=$?", " &"));
    terminal.types("jobs; sleep 0.1\n");
    eventually("it stops", || {
        terminal.types("jobs; sleep 0.1\n");
        terminal.screen().contains("Stopped")
    });
    terminal.types("echo no more jobs\n");
    terminal.shows("no more jobs");
    terminal.clear();
    terminal.types("fg\n");
    terminal.shows("pgseal guard");
    terminal.types("again\n");
    terminal.shows("line=again");
    terminal.types("exit\n");
}

#[test]
fn a_signal_to_guard_is_commands() {
    let test = Test::of(SQL);
    let mut count = 0;
    each(
        [
            (Signal::TERM, "TERM"),
            (Signal::HUP, "HUP"),
            (Signal::INT, "INT"),
            (Signal::USR1, "USR1"),
            (Signal::WINCH, "WINCH"),
        ],
        |(signal, name)| {
            count += 1;
            let file = test.path(name);
            // No command substitution after the trap: bash may lose a SIGINT that arrives during one.
            let script = format!(
                "trap 'echo caught' {name}; echo $$ >{}; for i in {{1..20}}; do sleep 0.1; done; exit 6",
                file.display()
            );
            let run = guard(&test, &[], &["bash", "-c", &script]).start();
            eventually("COMMAND runs", || {
                std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))
            });
            run.signal(signal);
            let ran = run.wait();
            assert_eq!(
                (ran.code(), ran.stdout.as_str()),
                (6, "caught\n"),
                "{name}: {}",
                ran.stderr
            );
        },
    );
    // What it sends to its group is not sent to it again.
    let script = "trap 'echo caught' USR2; kill -USR2 0; sleep 0.2; exit 4";
    let ran = guard(&test, &[], &["setsid", "--wait", "true"]).run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let alone = ["setsid", "--wait", "env", "--default-signal"];
    let args = [&TABLES[..], &["--", "bash", "-c", script]].concat();
    let ran = test.pgseal("guard").args(&args).through(&alone).run();
    assert_eq!(
        (ran.code(), ran.stdout.as_str()),
        (4, "caught\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_guard_was_started_with() {
    let test = Test::of(SQL);
    let bit = |signal: u32| 1u64 << (signal - 1);
    // The others may be ignored by whatever runs the tests.
    let ignored = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with("SigIgn"))
            .unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap() & 0x7fff_ffff
    };
    let status = ["cat", "/proc/self/status"];
    let ran = guard(&test, &[], &status).run();
    assert_eq!(ignored(&ran.stdout), 0, "{}", ran.stdout);
    let args = [&TABLES[..], &["--"], &status].concat();
    let nohup = ["env", "--default-signal", "nohup"];
    let ran = test.pgseal("guard").args(&args).through(&nohup).run();
    assert_eq!(ignored(&ran.stdout), bit(1), "{}", ran.stdout);
    let deaf = [
        "env",
        "--default-signal",
        "--ignore-signal=INT,TSTP,USR1,CHLD",
    ];
    let ran = test.pgseal("guard").args(&args).through(&deaf).run();
    // But for SIGCHLD: guard itself must see its children's ends.
    assert_eq!(
        ignored(&ran.stdout),
        bit(2) | bit(20) | bit(10),
        "{}",
        ran.stdout
    );

    let fds = [
        "bash",
        "-c",
        "for fd in /proc/self/fd/*; do readlink $fd; done; cat <&7",
    ];
    let args = [&TABLES[..], &["--"], &fds].concat();
    let opened = r#"exec 7< <(echo seven); exec "$@" 0<&-"#;
    let ran = test.pgseal("guard").args(&args).shell(opened).run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("seven\n"), "{}", ran.stdout);
    let ours = test.store().display().to_string();
    // cargo may leave a socket of its own to what it starts.
    let from_outside: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok())
        .map(|link| link.display().to_string())
        .collect();
    let is_ours = |text: &str| {
        let socket = text.starts_with("socket:") && !from_outside.iter().any(|link| link == text);
        socket || text.contains(&ours)
    };
    assert!(!ran.stdout.lines().any(is_ours), "{}", ran.stdout);

    // Without a first line that names an interpreter, as execvp runs it.
    let plain = test.write("plain", "echo \"plain $1\"; exit 8\n");
    test.mode(&plain, 0o755);
    let ran = guard(&test, &[], &[plain.to_str().unwrap(), "x"]).run();
    assert_eq!(
        (ran.code(), ran.stdout.as_str()),
        (8, "plain x\n"),
        "{}",
        ran.stderr
    );
}

/// Waits until no transaction of another test is open that began before these rows were written: the
/// counts would be a range.
fn settle(test: &Test) {
    let written = test.sql("SELECT pg_current_xact_id()");
    let all = format!("SELECT pg_snapshot_xmin(pg_current_snapshot()) > '{written}'::xid8");
    eventually("the transactions of other tests have ended", || {
        test.sql(&all) == "t"
    });
}

#[test]
fn told_what_command_wrote() {
    let test = Test::of(SQL);
    let sql = "UPDATE t SET x = 'y' WHERE id <= 7; DELETE FROM t WHERE id > 95; \
               INSERT INTO t VALUES (200), (201)";
    settle(&test);
    let ran = guard(&test, &["--run-id=w"], &psql(sql)).run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let told = "COMMAND wrote at most 9 rows in public.t; 12 of the backup's are changed or gone\n\
                as it was: 1 other table\n\
                \x20 pgseal diff w  # what it changed, row by row\n\
                \x20 pgseal undo w --sha256=";
    let manifest = std::fs::read(test.path("store/w.manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let sha256 = manifest["envelope"]["sha256"].as_str().unwrap();
    let told = format!("{told}{sha256}  # a plan to take it back\n");
    assert!(ran.stderr.ends_with(&told), "{}", ran.stderr);
    let mark = after(&test, "w");
    assert_eq!(mark["schema"], "pgseal/after/1");
    assert_eq!(mark["sha256"], manifest["envelope"]["sha256"]);
    let server = "system_identifier";
    assert_eq!(mark["mark"][server], manifest["mark"][server]);
    assert_ne!(mark["mark"]["snapshot"], manifest["mark"]["snapshot"]);
    let mode = std::fs::metadata(test.path("store/w.after.json")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o600);

    settle(&test);
    let ran = guard(&test, &[], &["true"]).run();
    let told = "COMMAND wrote no row in 2 tables, and none of the backup's is changed or gone\n";
    assert!(ran.stderr.ends_with(told), "{}", ran.stderr);
    let ran = guard(&test, &["--quiet"], &["true"]).run();
    assert_eq!(ran.stderr, "");

    // Killed, and the mark is taken all the same.
    let script = "psql -Xqc 'DELETE FROM t WHERE id = 1'; kill -KILL $$";
    settle(&test);
    let ran = guard(&test, &["--run-id=k"], &["bash", "-c", script]).run();
    assert_eq!(ran.code(), -9);
    assert!(
        ran.stderr.contains("1 of the backup's is changed or gone"),
        "{}",
        ran.stderr
    );
    after(&test, "k");

    // Another's transaction was open when the backup began, and it is not COMMAND's.
    settle(&test);
    let mut other = Session::open(&test.db);
    other.sql("BEGIN; SELECT pg_current_xact_id()");
    test.sql("UPDATE t SET x = 'z' WHERE id BETWEEN 10 AND 19");
    let ran = guard(&test, &[], &psql("DELETE FROM u")).run();
    let told = "COMMAND wrote no row in public.t; 0 to 10 of the backup's are changed or gone\n\
                as it was: 1 other table\n";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let told = "open when the backup began: 10 rows may be of before it, or another's\n";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let ran = guard(&test, &[], &psql("UPDATE t SET x = 'b' WHERE id = 30")).run();
    let told =
        "COMMAND wrote at most 1 row in public.t; 1 to 11 of the backup's are changed or gone\n";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    other.sql("COMMIT");

    let ran = guard(&test, &[], &psql("DROP TABLE t")).run();
    assert_eq!(ran.code(), 0);
    let gone = "public.t is not there any more, nor the backup's 96 rows of it\n";
    assert!(ran.stderr.contains(gone), "{}", ran.stderr);
}

#[test]
fn a_second_mark_that_fails_is_a_warning() {
    let test = Test::of(SQL);
    let drop = format!("DROP DATABASE {} WITH (FORCE)", test.db);
    let psql = |sql: &str| format!("psql -Xq -d postgres -c '{sql}'");
    let script = format!(
        "{}; {}; exit 5",
        psql(&format!(
            "ALTER DATABASE {} RENAME TO {}_away",
            test.db, test.db
        )),
        psql(&format!("CREATE DATABASE {} TEMPLATE template0", test.db)),
    );
    let ran = guard(&test, &["--run-id=other"], &["bash", "-c", &script]).run();
    cluster().sql("postgres", &drop);
    let back = format!("ALTER DATABASE {}_away RENAME TO {}", test.db, test.db);
    cluster().sql("postgres", &back);
    assert_eq!(ran.code(), 5, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("warning: what COMMAND wrote is not known"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("another database answers"),
        "{}",
        ran.stderr
    );

    let remove = "rm \"$PGSEAL_ARTIFACT\" \"${PGSEAL_ARTIFACT%.sql.gpg}.manifest.json\"; exit 5";
    let ran = guard(&test, &["--run-id=gone"], &["bash", "-c", remove]).run();
    assert_eq!(ran.code(), 5, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("warning: where COMMAND ended is not known"),
        "{}",
        ran.stderr
    );
    assert!(!test.path("store/gone.after.json").exists());
    // The mark that is there says nothing of what was not seen, and no answer takes forever.
    let holder = "psql -Xqc 'BEGIN; LOCK TABLE t; SELECT pg_sleep(3)' >&2 & sleep 0.5; exit 5";
    let ran = guard(&test, &["--lock-wait=200ms"], &["bash", "-c", holder]).run();
    assert_eq!(ran.code(), 5, "{}", ran.stderr);
    assert!(ran.stderr.contains("lock timeout"), "{}", ran.stderr);
}

#[test]
fn after_none_is_the_command_itself() {
    let test = Test::of(SQL);
    let run = guard(&test, &["--after=none", "--run-id=n"], &["sleep", "60"]).start();
    let pid = run.pid().to_string();
    eventually("it is sleep", || {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "sleep\n")
    });
    run.signal(Signal::TERM);
    let ran = run.wait();
    assert_eq!(ran.code(), -15);
    assert!(ran.stderr.ends_with("what was sealed\n"), "{}", ran.stderr);
    assert_eq!(
        test.files(),
        ["n.manifest.json", "n.prelude.sql.gpg", "n.sql.gpg"]
    );
}

#[test]
fn a_status_of_ones_own_for_a_refusal() {
    let test = Test::of(SQL);
    let refused = |args: &[&str], words: &str| {
        let ran = test.pgseal("guard").args(args).run();
        assert_eq!(
            (ran.code(), ran.stdout.as_str()),
            (2, ""),
            "{args:?}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        test.store_is_empty();
    };
    let table = "--table=public.t";
    refused(
        &["--refuse-exit=2", "--table=public.nope", "--", "true"],
        "public.nope",
    );
    refused(&["--refuse-exit", "2", table], "COMMAND");
    refused(&["--refuse-exit=2", "--nope", "--", "true"], "--nope");
    refused(
        &[table, "--refuse-exit=2", "--", "no-such-command"],
        "`no-such-command` is not on PATH",
    );
    refused(
        &[table, "--refuse-exit=2", "--", "/etc/passwd"],
        "cannot be run: Permission denied",
    );
    refused(
        &[
            table,
            "--refuse-exit=2",
            "--envelope-file=/nonexistent/e",
            "--",
            "true",
        ],
        "/nonexistent/e",
    );
    refused(
        &[table, "--refuse-exit=2", "--timeout=1ms", "--", "true"],
        "not done within",
    );
    for wrong in ["0", "256", "x"] {
        let ran = test
            .pgseal("guard")
            .args([table, "--refuse-exit", wrong, "--", "true"])
            .run();
        assert_eq!(ran.code(), 125, "{wrong}: {}", ran.stderr);
    }
    let ran = guard(&test, &["--refuse-exit=2"], &["bash", "-c", "exit 125"]).run();
    assert_eq!(ran.code(), 125);
}

#[test]
fn an_envelope_that_is_kept() {
    let test = Test::of(SQL);
    let kept = test.write("kept.json", "an older one");
    test.mode(&kept, 0o644);
    let show = ["cat", kept.to_str().unwrap()];
    let option = format!("--envelope-file={}", kept.display());
    let ran = guard(&test, &[&option, "--run-id=e"], &show).run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let envelope: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        envelope["artifact_ref"],
        test.path("store/e.sql.gpg").to_str().unwrap()
    );
    let mode = std::fs::metadata(&kept).unwrap().permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    let verify = test.pgseal("verify").args(["e", "--envelope"]).arg(&kept);
    assert_eq!(verify.run().code(), 0);

    // Refused: the older one stays, and nothing lies beside it.
    let before = std::fs::read(&kept).unwrap();
    let ran = guard(&test, &[&option, "--table=public.nope"], &show).run();
    assert_eq!(ran.code(), 125);
    assert_eq!(std::fs::read(&kept).unwrap(), before);
    let hidden = |name: &std::ffi::OsString| name.to_str().unwrap().starts_with(".pgseal");
    let names = std::fs::read_dir(&test.dir).unwrap();
    assert!(
        !names
            .map(|entry| entry.unwrap().file_name())
            .any(|name| hidden(&name))
    );
    let ran = guard(&test, &["--envelope-file=/dev/null"], &show).run();
    assert_eq!(ran.code(), 125);
    assert!(ran.stderr.contains("not a regular file"), "{}", ran.stderr);
}

/// The line of `verify` about it, and what its JSON says.
fn second_mark(test: &Test, run_id: &str, options: &[&str]) -> (String, Value) {
    let verify = test.pgseal("verify").arg(run_id).args(options);
    let ran = verify.arg("--json").run();
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout, ran.stderr);
    let mut report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == "second mark");
    let told = check.map_or(String::new(), |check| {
        format!("{} {}", check["standing"], check["detail"]).replace('"', "")
    });
    (told, report["command_ended_at"].take())
}

#[test]
fn a_second_mark_is_a_file_of_the_run() {
    let test = Test::of(SQL);
    let ran = guard(&test, &["--run-id=m"], &["true"]).run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let (told, at) = second_mark(&test, "m", &[]);
    assert!(
        told.starts_with("NOT_PROVED COMMAND had ended at 20"),
        "{told}"
    );
    assert!(at.is_string());
    let list = test.pgseal("list").arg("--json").run();
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!(list["runs"][0]["second_mark"], true);
    assert_eq!(list["runs"][0]["state"], "complete");

    let path = test.path("store/m.after.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let sha = after(&test, "m")["sha256"].as_str().unwrap().to_string();
    for (text, words) in [
        (whole[..40].to_string(), "it is not a mark"),
        (whole.replace("after/1", "after/2"), "its schema is"),
        (whole.replace("\"m\"", "\"n\""), "it is of another run, `n`"),
        (
            whole.replace(&sha, &sha.replace(char::is_numeric, "0")),
            "it is of another run",
        ),
    ] {
        test.write("store/m.after.json", &text);
        let (told, at) = second_mark(&test, "m", &[]);
        assert!(
            told.starts_with("NOT_PROVED not proved, counts as absent"),
            "{told}"
        );
        assert!(told.contains(words) && at.is_null(), "{words}: {told}");
    }
    // It is taken as soon as one of its files is there, and goes with its run.
    let ran = test.backup(&["public.u"]).arg("--run-id=m").run();
    assert_eq!(ran.code(), 5, "{}", ran.stderr);
    let ran = guard(&test, &["--run-id=later"], &["true"]).run();
    assert_eq!(ran.code(), 0);
    let ran = test
        .pgseal("prune")
        .args(["--keep-last=1", "--apply"])
        .run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(
        test.files().iter().all(|name| name.starts_with("later.")),
        "{:?}",
        test.files()
    );
    assert!(test.files().contains(&"later.after.json".to_string()));
}
