//! What could not be looked at is an error, and no word about the artifact.

use super::bench::*;
use crate::support::{Cases, Home, Pgseal, Ring, Test, is_root, unshare};
use std::fs;
use std::os::unix::fs::{chown, symlink};

const NOBODY: u32 = 65534;
const AS_NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

/// gpg cannot get at the secret key: each kind with gpg's own line, and the same by every verb.
#[test]
fn secret_keys() {
    let protected = Bench::new(&["p"], &taken().protected);
    let public = Bench::new(&["a"], &taken().public);
    let long = Bench::new(&["a"], &Ring::new());
    let deep = Home::new(long.path(&"x".repeat(90)), &taken().ring);
    let garbage = Bench::new(&["a"], &taken().ring);
    for name in taken().ring.keys().filter(|name| name.contains("private")) {
        fs::write(garbage.home.path.join(name), "garbage").unwrap();
    }
    let mut cases = Cases::new();
    for (bench, run, home, code, words) in [
        (
            &public,
            "a",
            &public.home,
            "key_unfit",
            ["no secret key that opens it", "--plaintext -"],
        ),
        (
            &protected,
            "p",
            &protected.home,
            "key_unfit",
            ["the passphrase is wrong", "Bad passphrase"],
        ),
        (
            &long,
            "a",
            &deep,
            "tool_unfit",
            ["gpg: error running", "at most 86 bytes"],
        ),
        (
            &garbage,
            "a",
            &garbage.home,
            "tool_unfit",
            ["gpg: public key decryption failed:", "pinentry"],
        ),
    ] {
        for verb in [&["verify", "--decrypt"][..], &["prove-restore"]] {
            cases.check((words, verb), || {
                let run = bench.place.pgseal(verb[0]).args(&verb[1..]).arg(run);
                let run = run.args(["--passphrase-fd=0", "--json"]).input(b"wrong\n");
                let ran = run.env("GNUPGHOME", &home.path).run().exits(3).says(&words);
                assert_eq!(ran.stdout, "");
                let last = ran.stderr.lines().last().unwrap();
                let error: serde_json::Value = serde_json::from_str(last).unwrap();
                assert_eq!(error["error"]["code"], code, "{last}");
                assert_eq!(error["error"]["stages"][0]["stage"], "decrypt", "{last}");
            });
        }
    }
}

/// The terminal that `su` leaves to the one who logged in: pinentry may not open it.
#[test]
fn a_terminal_of_somebody_elses() {
    if !is_root() {
        return;
    }
    let bench = Bench::new(&["p"], &taken().protected);
    let run = as_nobody(&bench, "p");
    // `script` makes a terminal that is root's.
    let command = format!("{} {}", AS_NOBODY.join(" "), run);
    let words = [
        "script",
        "--quiet",
        "--return",
        "--command",
        &command,
        "/dev/null",
    ];
    let ran = bench.place.command(&words).env("TERM", "xterm").run();
    assert_eq!(ran.code(), 3, "{}", ran.whole());
    for words in [
        "the secret key cannot be used: gpg: public key decryption failed: Permission denied",
        "give the passphrase by --passphrase-fd N",
    ] {
        ran.check(ran.stdout.contains(words), words);
    }
    ran.check(!ran.stdout.contains("FAIL"), "nothing failed");
}

/// The command line by which nobody verifies a run of this bench, whose files are made nobody's.
fn as_nobody(bench: &Bench, run: &str) -> String {
    let program = bench.place.copy_of_pgseal("pgseal");
    bench.place.mode(&bench.place.dir, 0o755);
    let folders = ["home", "tmp", "store", "gnupg", "gnupg/private-keys-v1.d"];
    for folder in folders {
        let folder = bench.place.path(folder);
        for file in fs::read_dir(&folder).unwrap() {
            chown(file.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    format!("{} verify --decrypt {run}", program.display())
}

/// A host without the agent's program.
#[test]
fn no_agent_program() {
    let bench = Bench::new(&["a"], &taken().ring);
    let script = "mount --bind /dev/null /usr/bin/gpg-agent && exec \"$@\"";
    let through = [unshare(), &["bash", "-c", script, "bash"]].concat();
    let run = bench.place.pgseal("verify").args(["a", "--decrypt"]);
    run.through(&through).run().fails(
        3,
        &[
            "gpg: error running '/usr/bin/gpg-agent'",
            "must be installed",
        ],
    );
}

/// A keyring's folder in which this user may make nothing.
#[test]
fn a_keyring_that_is_read_only() {
    if !is_root() {
        return;
    }
    let bench = Bench::new(&["a"], &taken().ring);
    let line = as_nobody(&bench, "a");
    bench.place.mode(&bench.home.path, 0o500);
    let words: Vec<&str> = line.split(' ').collect();
    let ran = bench
        .place
        .command(&[&AS_NOBODY[..], &words].concat())
        .run();
    ran.fails(
        3,
        &[
            // "the agent" of GnuPG 2.2, "the gpg-agent" of 2.4
            "cannot be asked: gpg: can't connect to the ",
            "agent: Permission denied",
            "may write",
        ],
    );
}

#[test]
fn envelopes_and_paths() {
    let bench = Bench::new(&["a"], &taken().ring);
    let broken = bench.place.write("broken", "{\"sha256\":");
    let folder = bench.place.path("home");
    let mut cases = Cases::new();
    for (file, words) in [
        ("/nonexistent", "No such file"),
        (broken.to_str().unwrap(), "not an envelope"),
        (folder.to_str().unwrap(), "Is a directory"),
        ("-", "not an envelope"),
    ] {
        let envelope = format!("--envelope={file}");
        for verb in [
            &["verify", "a"][..],
            &["restore", "a", "--dbname=x"],
            &["prove-restore", "a"],
        ] {
            cases.check((file, verb), || {
                let ran = bench.pgseal(&[verb, &[&envelope]].concat(), b"");
                ran.fails(
                    3,
                    &[&format!("the envelope {file:?} cannot be read"), words],
                );
            });
        }
    }
    cases.check("a path that is not there", || {
        let ran = bench.pgseal(&["verify", "/nonexistent/a.sql.gpg"], b"");
        ran.fails(3, &["cannot look at `/nonexistent/a.sql.gpg`"]);
        let ran = bench.pgseal(&["verify", "--json", "./a.sql.gpg"], b"");
        ran.exits(3).says(&["\"code\":\"input\""]);
    });
}

/// Files of the store that this user may not read; what is no file, or not there, was looked at.
#[test]
fn files_of_the_store() {
    if !is_root() {
        return;
    }
    let mut cases = Cases::new();
    for file in ["a.sql.gpg", "a.manifest.json"] {
        cases.check(file, || {
            let bench = Bench::new(&["a"], &taken().ring);
            let line = as_nobody(&bench, "a");
            chown(bench.path(file), Some(0), Some(0)).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let ran = bench
                .place
                .command(&[&AS_NOBODY[..], &words].concat())
                .run();
            ran.fails(5, &[&format!("{file}`: Permission denied"), "cannot open"]);
        });
        cases.check(("no file", file), || {
            let bench = Bench::new(&["a"], &Ring::new());
            fs::remove_file(bench.path(file)).unwrap();
            fs::create_dir(bench.path(file)).unwrap();
            let name = if file == "a.sql.gpg" {
                "artifact"
            } else {
                "manifest"
            };
            refused(&bench, &["a"], name, "it is not a regular file");
            fs::remove_dir(bench.path(file)).unwrap();
            symlink("/dev/null", bench.path(file)).unwrap();
            refused(&bench, &["a"], name, "it is a symbolic link");
        });
    }
}

/// A parent that ignores SIGCHLD: no child of ours could be seen to end.
#[test]
fn an_ignored_sigchld() {
    let bench = Bench::new(&["a"], &taken().ring);
    let ignoring = |run: Pgseal<'_>| run.shell("trap '' CHLD; exec \"$@\"").run();
    let verify = bench.place.pgseal("verify").args(["a", "--decrypt"]);
    let ran = ignoring(verify).exits(0);
    ran.check(ran.stdout.contains("VERIFY: PASS"), "it passes");
    let test = Test::of("CREATE TABLE t (a int)");
    ignoring(test.backup(&["public.t"])).envelope();
}

/// gpg that was killed has not looked either.
#[test]
fn a_gpg_that_was_killed() {
    let bench = Bench::new(&["a"], &taken().ring);
    bench
        .place
        .shim("gpg", "*\\ --decrypt\\ *", "kill -KILL $$");
    let ran = bench.pgseal(&["verify", "a", "--decrypt"], b"");
    ran.fails(4, &["cannot decrypt: gpg ended with signal 9"]);
}
