//! What is said on the way: how far it is, on a terminal; and each command, where one asks for it.

use super::forge::{Target, prove, restore, secret};
use crate::support::{Cases, Pgseal, Test};

const TABLE: &str = "CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n; ANALYZE t";
const SLOW: &str =
    "$real \"$@\" | { head -c 3000; read -rt 1 <> <(:); cat; }; exit ${PIPESTATUS[0]}";

/// With a terminal for standard error, as script(1) makes one.
fn on_a_terminal(run: Pgseal<'_>) -> Pgseal<'_> {
    let script = "exec script -qec \"$(printf '%q ' \"$@\") >told\" /dev/null";
    run.shell(script)
        .env("TERM", "xterm")
        .env("SHELL", "/bin/bash")
}

#[test]
fn progress_has_a_rate_and_an_end_in_sight() {
    let test = Test::of(TABLE);
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    test.shim("gpg", "*\\ --decrypt\\ *", SLOW);
    let verify = || test.pgseal("verify").args([&sealed.run_id, "--decrypt"]);
    let verify = || verify().env("GNUPGHOME", secret());
    let target = Target::new();
    let mut cases = Cases::new();
    let size = sealed.manifest["plaintext"]["size_bytes"].as_u64().unwrap();
    let end = format!(" of {:.1} KiB, ", size as f64 / 1024.0);
    for (name, run) in [
        ("verify", verify()),
        ("restore", restore(&test, sealed.run_id.as_ref(), &target)),
        ("prove-restore", prove(&test, &sealed.run_id)),
    ] {
        cases.check(name, || {
            let ran = on_a_terminal(run).run().exits(0);
            let told = ran.stdout;
            for word in ["public.t ", &end, "%, ", " left | ", " MiB/s"] {
                assert!(told.contains(word), "{word}: {told:?}");
            }
            // A clean line at the end, and no more than a few a second.
            assert!(told.ends_with("\r\u{1b}[K"), "{told:?}");
            let lines = told.matches('\r').count();
            assert!(
                lines as f64 <= ran.took.as_secs_f64() * 5.0 + 1.0,
                "{told:?}"
            );
        });
    }
    cases.check("nowhere else, and not where nobody wants it", || {
        let ran = verify().run().exits(0);
        assert_eq!(ran.stderr, "");
        let ran = on_a_terminal(verify().arg("--quiet")).run().exits(0);
        assert_eq!(ran.stdout, "");
    });
}

#[test]
fn prove_backup_shows_both_looks() {
    let test = Test::of(TABLE);
    test.shim_dump(SLOW);
    let run = test.pgseal("prove-backup").table("public.t");
    let told = on_a_terminal(run).run().exits(0).stdout;
    let table = told.matches("public.t ").count();
    assert!(table >= 3 && told.contains("MiB/s"), "{told:?}");
}

/// What is shown is what runs, on standard error alone.
#[test]
fn verbose_tells_each_command() {
    let test = Test::of(TABLE);
    let ran = test.backup(&["public.t"]).arg("--verbose").run().exits(0);
    let sealed = test.sealed(&ran);
    let runs = |stderr: &str| {
        let lines = stderr.lines().filter_map(|line| line.strip_prefix("run: "));
        lines.map(String::from).collect::<Vec<_>>()
    };
    let told = runs(&ran.stderr);
    for tool in ["pg_dump", "gpg"] {
        let argv = sealed.manifest["tools"][tool]["argv"].as_array().unwrap();
        let words: Vec<&str> = argv.iter().filter_map(|word| word.as_str()).collect();
        let same = |line: &String| shlex(&test, line) == words;
        assert!(told.iter().any(same), "{words:?}\n{}", ran.stderr);
    }
    assert!(told.iter().any(|line| line.contains("psql ")), "{told:?}");
    let quiet = test.backup(&["public.t"]).args(["--verbose", "--quiet"]);
    quiet.run().fails(2, &["contradict each other"]);
    let silent = test.backup(&["public.t"]).run().exits(0);
    assert_eq!(runs(&silent.stderr), Vec::<String>::new());
    let target = Target::new();
    let restore = restore(&test, sealed.run_id.as_ref(), &target).args(["--verbose", "--json"]);
    let ran = restore.run().exits(0);
    let told = runs(&ran.stderr);
    assert!(
        told.iter().any(|line| line.contains(" --decrypt")),
        "{told:?}"
    );
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["result"], "PASS");
}

/// The words of a line, as a shell reads it.
fn shlex(test: &Test, line: &str) -> Vec<String> {
    let script = format!("printf '%s\\n' {line}");
    let ran = test.command(&["bash", "-c", &script]).run().exits(0);
    ran.stdout.lines().map(String::from).collect()
}
