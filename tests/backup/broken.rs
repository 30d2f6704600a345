//! Tools that break: each in one way, each with its own error, and never an artifact.

use crate::support::{Cases, Test, each, keys};

fn table() -> Test {
    Test::of(
        "CREATE TABLE t AS SELECT repeat(md5(n::text), 30) AS a FROM generate_series(1, 3000) n",
    )
}

#[test]
fn gpg() {
    let test = table();
    let second = format!(
        "args=(\"${{@/{}/{}}}\"); exec $real \"${{args[@]}}\"",
        keys().good,
        keys().second
    );
    let mut cases = Cases::new();
    for (script, words) in [
        ("exit 7", &["gpg ended with status 7"][..]),
        (
            "head -c 1000 >/dev/null; exit 7",
            &["gpg ended with status 7"],
        ),
        (
            "head -c 1000 >/dev/null; echo 'no more memory' >&2; exit 2",
            &["gpg ended with status 2", "no more memory"],
        ),
        (
            "head -c 1000 >/dev/null; exit 0",
            &["gpg ended before the dump did"],
        ),
        (
            "cat >/dev/null; exit 0",
            &["did not report the end of the encryption"],
        ),
        ("kill -SEGV $$", &["gpg ended with signal 11 (SIGSEGV)"]),
        (
            "head -c 1000 >/dev/null; kill -KILL $$",
            &["gpg ended with signal 9 (SIGKILL)"],
        ),
        (
            "cat >/dev/null; head -c 5000 /dev/urandom",
            &["gpg's output is not the message that was asked for"],
        ),
        ("tee /dev/null", &["gpg's output is not the message"]),
        (
            "$real \"$@\"; printf x",
            &["gpg's output is not the message"],
        ),
        (
            "$real \"$@\" | tee >(cat) ; exit 0",
            &["gpg's output is not the message"],
        ),
        (
            "$real \"$@\" | head -c -1; exit ${PIPESTATUS[0]}",
            &["gpg's output is not the message"],
        ),
        (
            "$real \"$@\" 2>/dev/null",
            &["did not report the end of the encryption"],
        ),
        (
            "$real \"$@\" 2> >(sed /END_ENCRYPTION/d >&2)",
            &["did not report the end of the encryption"],
        ),
        (
            "$real \"$@\" --armor",
            &["no OpenPGP packet: byte 0 is 0x2d"],
        ),
        (
            &second,
            &["gpg considered the keys", &keys().second, &keys().good],
        ),
        // The status lies, the bytes do not.
        (
            &format!(
                "{} 2> >(sed s/{}/{}/ >&2)",
                second.replace("exec ", ""),
                keys().second,
                keys().good
            ),
            &[
                "the ciphertext is for the key ids",
                &keys().good_subkey[24..],
            ],
        ),
        (
            &format!("exec $real \"$@\" --recipient={}", keys().second),
            &["gpg considered the keys "],
        ),
        (
            &format!("exec $real --hidden-recipient={} \"$@\"", keys().second),
            &["gpg considered the keys"],
        ),
        (
            "echo '[GNUPG:] FAILURE encrypt 9' >&2; exec $real \"$@\"",
            &["gpg reported FAILURE encrypt 9"],
        ),
        (
            "exec $real --throw-keyids \"${@/--no-throw-keyids/--throw-keyids}\"",
            &["the ciphertext is for the key ids 0000000000000000"],
        ),
        ("exec $real --rfc2440 \"$@\"", &["no integrity protection"]),
    ] {
        cases.check(script, || {
            test.shim_encrypt(script);
            let run = test.backup(&["public.t"]).arg("--no-prelude");
            let ran = run.run().fails(4, words);
            ran.check(
                ran.stderr
                    .starts_with("error: cannot back up `public.t` (database `")
                    && ran.stderr.contains("nothing was written to")
                    && ran.stderr.contains("\nhint: "),
                script,
            );
            assert_eq!(test.files(), [""; 0], "{script}");
        });
    }
}

#[test]
fn pg_dump() {
    let test = table();
    let mut cases = Cases::new();
    for (script, words) in [
        ("exit 1", &["pg_dump ended with status 1"][..]),
        (
            "echo 'pg_dump: error: no luck' >&2; exit 3",
            &["pg_dump ended with status 3", "no luck"],
        ),
        (
            "$real \"$@\" | head -c 5000; exit 1",
            &["pg_dump ended with status 1"],
        ),
        ("$real \"$@\"; exit 1", &["pg_dump ended with status 1"]),
        (
            "$real \"$@\" | head -c 5000; kill -KILL $$",
            &["pg_dump ended with signal 9 (SIGKILL)"],
        ),
        (
            "$real \"$@\" | head -c 5000; kill -PIPE $$",
            &["pg_dump ended with signal 13 (SIGPIPE)"],
        ),
        (
            "$real \"$@\" | sed 's/^COPY/-- \\x00\\nCOPY/'",
            &["the dump is not whole: it holds a NUL byte"],
        ),
        ("exit 0", &["the dump is not whole"]),
        (
            "$real \"$@\" | head -c 5000; exit 0",
            &["the dump is not whole", "public.t"],
        ),
        (
            "$real \"$@\" | head -c -40; exit 0",
            &["the dump is not whole"],
        ),
        (
            "$real \"$@\" | grep -v 'dump complete'; exit 0",
            &["the dump is not whole"],
        ),
        (
            "$real \"$@\" --schema-only",
            &["the dump is not whole", "public.t"],
        ),
        ("$real \"$@\"; echo 'SELECT 1;'", &["the dump is not whole"]),
        ("$real \"$@\"; $real \"$@\"", &["the dump is not whole"]),
        (
            "$real \"$@\" | sed 's/^COPY public.t /COPY public.u /'; exit 0",
            &["the dump is not whole"],
        ),
        (
            "$real \"$@\" | sed 's/^COPY public.t /-- /'; exit 0",
            &["the dump is not whole"],
        ),
        ("head -c 300000 /dev/zero", &["the dump is not whole"]),
        ("$real \"$@\" --inserts", &["the dump is not whole"]),
    ] {
        cases.check(script, || {
            test.shim_dump(script);
            let ran = test.backup(&["public.t"]).run().fails(4, words);
            ran.check(ran.stderr.contains("nothing was written to"), script);
            assert_eq!(test.files(), [""; 0], "{script}");
        });
    }
}

/// What it tells of its work is no error, and what is killed is no unfit tool.
#[test]
fn a_hint_is_made_of_the_error() {
    let test = Test::of("CREATE TYPE mood AS ENUM ('x'); CREATE TABLE t (m mood)");
    test.shim(
        "pg_dump",
        "*--schema-only*",
        "$real \"$@\" >/dev/null; echo 'pg_dump: error: no luck' >&2; exit 3",
    );
    let ran = test.backup(&["public.t"]).run();
    ran.fails(4, &["no luck", "hint: What pg_dump said is above"]);
    test.shim("pg_dump", "nothing", "");
    test.shim("gpg", "*--list-keys*", "kill -KILL $$");
    let ran = test.backup(&["public.t"]).run();
    ran.fails(4, &["signal 9 (SIGKILL)"]);
}

/// Nothing hangs: what does not end by itself is ended.
#[test]
fn tools_that_never_end() {
    let test = table();
    let mut cases = Cases::new();
    for script in [
        "exec sleep 100",
        "$real \"$@\"; exec >&-; exec sleep 100",
        "$real \"$@\" | head -c 5000; exec sleep 100",
        // A child of its own that holds the pipe.
        "$real \"$@\"; sleep 4 & exit 0",
    ] {
        cases.check(script, || {
            test.shim_dump(script);
            let ran = test.backup(&["public.t"]).arg("--timeout=800ms").run();
            let ran = ran.fails(4, &["not done within --timeout 800ms"]);
            ran.check(ran.took.as_secs() < 8, script);
            assert_eq!(test.files(), [""; 0], "{script}");
        });
    }
    test.shim("pg_dump", "nothing", "");
    test.shim_encrypt("exec sleep 100");
    test.backup(&["public.t"])
        .arg("--timeout=800ms")
        .run()
        .fails(4, &["--timeout 800ms"]);
    test.store_is_empty();
}

/// A child that a tool leaves behind may hold its standard error; the backup is whole all the same.
#[test]
fn a_grandchild_that_holds_stderr() {
    let test = table();
    test.shim_dump("$real \"$@\"; sleep 6 >/dev/null & exit 0");
    let ran = test.backup(&["public.t"]).run();
    test.sealed(&ran);
    ran.check(
        ran.took.as_secs() < 6,
        "it must not wait for the grandchild",
    );
}

/// Its last words are kept, and not all of them: a tool that talks without end fills no memory.
#[test]
fn a_tool_that_talks_too_much() {
    let test = table();
    test.shim_dump("head -c 3000000 /dev/zero | tr '\\0' x >&2; for n in {1..50}; do echo \"line $n\" >&2; done; exit 1");
    let ran = test
        .backup(&["public.t"])
        .run()
        .fails(4, &["line 50", "line 41"]);
    ran.check(
        !ran.stderr.contains("line 40") && ran.stderr.len() < 10_000,
        "the last ten lines",
    );
}

#[test]
fn a_tool_that_is_not_there() {
    let test = table();
    // A folder with all but one, and no other.
    let mut cases = Cases::new();
    for (tool, package) in [
        ("gpg", "gnupg"),
        ("pg_dump", "postgresql-client"),
        ("psql", "postgresql-client"),
    ] {
        cases.check(tool, || {
            for other in ["gpg", "pg_dump", "psql"] {
                let path = test.dir.join("bin").join(other);
                let _ = std::fs::remove_file(&path);
                if other != tool {
                    test.shim(other, "nothing", "");
                }
            }
            let bin = test.dir.join("bin");
            let said = format!("`{tool}` is not on PATH ({})", bin.display());
            let hint = format!("hint: apt-get install {package}");
            each([&[][..], &["--dry-run"]], |dry| {
                test.backup(&["public.t"])
                    .args(dry.iter().copied())
                    .env("PATH", &bin)
                    .run()
                    .fails(3, &[&said, &hint]);
            });
            // One that may not be executed is none.
            let path = bin.join(tool);
            std::fs::write(&path, "").unwrap();
            test.backup(&["public.t"])
                .env("PATH", &bin)
                .run()
                .fails(3, &[&said]);
            // One that cannot be.
            std::fs::write(&path, "\u{7f}not a program").unwrap();
            test.mode(&path, 0o755);
            test.backup(&["public.t"])
                .env("PATH", &bin)
                .run()
                .fails(3, &["could not be started", "hint: Reinstall it"]);
            // One that is something else.
            test.shim(tool, "nothing", "");
            std::fs::write(&path, "#!/bin/sh\necho hello\n").unwrap();
            test.backup(&["public.t"])
                .env("PATH", &bin)
                .run()
                .fails(3, &["hint: "]);
        });
    }
    test.backup(&["public.t"])
        .unset("PATH")
        .run()
        .fails(3, &["is not on PATH"]);
    test.store_is_empty();
}

/// The server's own major version is looked for first; older than it is refused, newer is told.
#[test]
fn versions_that_do_not_fit() {
    let test = table();
    let major = test.sql("SELECT current_setting('server_version_num')::int / 10000");
    let version = |version: &str| format!("echo 'pg_dump (PostgreSQL) {version}'");
    // An older one on PATH, and the right one where Debian keeps it.
    test.shim("pg_dump", "*", &version("9.6.24"));
    let ran = test.backup(&["public.t"]).run();
    let path = test.sealed(&ran).manifest["tools"]["pg_dump"]["path"].to_string();
    assert!(path.contains(&format!("/{major}/bin/pg_dump")), "{path}");

    // A server that is newer than every pg_dump here.
    let server = |num: u32| {
        test.shim("psql", "*", &format!("$real \"$@\" | sed 's/\"version_num\" : [0-9]*/\"version_num\" : {num}/'; exit ${{PIPESTATUS[0]}}"));
    };
    server(990_001);
    test.shim("pg_dump", "*", &version("14.1 (Debian 14.1-1.pgdg)"));
    each([&[][..], &["--dry-run"]], |dry| {
        let ran = test.backup(&["public.t"]).args(dry.iter().copied()).run();
        ran.fails(
            3,
            &[
                "pg_dump 14.1",
                "is older than the server, 99",
                "hint: apt-get install postgresql-client-99",
            ],
        );
    });
    // One that is older, with no pg_dump of its own.
    server(90_600);
    test.shim("pg_dump", "nothing", "");
    let ran = test.backup(&["public.t"]).run().exits(0);
    ran.says(&[
        "warning: pg_dump ",
        "is newer than the server, 9: a restore into that server is refused without --older-target",
        "a restore will need: option --older-target",
    ]);
    test.backup(&["public.t"])
        .arg("--require-restorable")
        .run()
        .fails(3, &["a restore will need: option --older-target"]);
    let config = "[scope]\nknown_external = [\"option --older-target\"]\n";
    let config = test.write("known.toml", config);
    let known = test.backup(&["public.t"]).arg("--require-restorable");
    let known = known.arg(format!("--config={}", config.display()));
    known.run().exits(0);
}

#[test]
fn psql() {
    let test = table();
    let mut cases = Cases::new();
    for (script, words) in [
        ("exit 1", &["cannot ask the database: status 1"][..]),
        ("echo '{}'", &["the catalog's answer cannot be read"]),
        ("exit 0", &["the catalog's answer cannot be read"]),
        (
            "$real \"$@\" | head -c 100",
            &["the catalog's answer cannot be read"],
        ),
        ("kill -KILL $$", &["signal 9 (SIGKILL)"]),
    ] {
        cases.check(script, || {
            test.shim("psql", "*", script);
            test.backup(&["public.t"]).run().fails(3, words);
            test.store_is_empty();
        });
    }
}
