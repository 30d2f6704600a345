//! Hints of the verbs that read a store name what was given, and fit what is wrong.

use super::bench::*;
use crate::support::{Cases, Ran, Test, is_root};
use std::fs;

/// The sequence of hints, without the indentation of a terminal.
fn hints(ran: &Ran) -> Vec<String> {
    let (_, hints) = ran.stderr.split_once("hint: ").unwrap();
    hints.lines().map(|line| line.trim().to_string()).collect()
}

#[test]
fn a_run_that_is_not_there() {
    let bench = Bench::new(&["a"], &taken().ring);
    let store = format!("--store={}", bench.place.store().display());
    let gnupg = format!("--gnupg-home={}", bench.home.path.display());
    let list = format!("pgseal list {store}");
    let ran = bench.pgseal(&["verify", "nope", &store, &gnupg], b"");
    let ran = ran.fails(1, &["no run `nope` in the store"]);
    let by_path = "Name a run of the store, or a file by its path. What is there:";
    assert_eq!(hints(&ran), [by_path, &list]);
    // `sign` takes no path.
    let sign_with = format!("--sign-with={}", taken().fingerprint);
    let words = ["sign", "nope", "--envelope=-", &store, &gnupg, &sign_with];
    let ran = bench.pgseal(&words, taken().envelope.as_bytes());
    let ran = ran.fails(1, &["no run `nope` in the store"]);
    assert_eq!(hints(&ran), ["What is there:", &list]);
    // It works as printed, and without what the environment says already.
    let shown = bench.pgseal(&["list", &store], b"").exits(0).stdout;
    assert!(shown.contains('a'));
    let ran = bench.pgseal(&["verify", "nope"], b"").exits(1);
    assert_eq!(hints(&ran), [by_path, "pgseal list"]);
}

/// What reads a store does not propose to make an empty one.
#[test]
fn a_store_that_is_not_there() {
    let bench = Bench::new(&["a"], &taken().ring);
    let store = format!("--store={}", bench.path("mistyped").display());
    let mut cases = Cases::new();
    for words in [
        &["list"][..],
        &["verify", "a"],
        &["restore", "a", "--dbname=x"],
        &["prove-restore", "a"],
        &["prune", "--keep-last=1"],
        &["prune", "--keep-last=1", "--apply"],
    ] {
        cases.check(words, || {
            let ran = bench.pgseal(&[words, &[&store]].concat(), b"").exits(5);
            let [hint] = &hints(&ran)[..] else { panic!() };
            assert!(hint.starts_with("Check the path: --store DIR, PGSEAL_STORE or [store] dir"));
        });
    }
}

#[test]
fn all_that_is_wrong_is_shown_by_a_command() {
    let bench = Bench::new(&["a"], &taken().ring);
    let kept = bench.place.write("kept envelope", &taken().envelope);
    let envelope = format!("--envelope={}", kept.display());
    bench.manifest("a", |m| m["run_id"] = "b".into());
    let ran = bench.pgseal(&["restore", "a", &envelope, "--dbname=x"], b"");
    let ran = ran.fails(1, &["does not verify"]);
    let want = format!("pgseal verify --decrypt a --envelope='{}'", kept.display());
    assert_eq!(hints(&ran), ["See all that is wrong:", &want]);
    let words = ["verify", "--decrypt", "a", &envelope];
    bench.pgseal(&words, b"").exits(1);
}

/// Where it is known what is lacking, nothing else is proposed.
#[test]
fn what_a_look_would_not_mend() {
    let bench = Bench::new(&["a"], &taken().ring);
    fs::remove_file(bench.path("a.sql.gpg")).unwrap();
    let ran = bench.pgseal(&["restore", "a", "--dbname=x"], b"").exits(1);
    let [hint] = &hints(&ran)[..] else { panic!() };
    assert!(hint.starts_with("Bring the file back"), "{hint}");
}

/// A user who cannot make the default folder is told of one that works.
#[test]
fn a_store_of_ones_own() {
    if !is_root() || std::path::Path::new("/var/lib/pgseal").exists() {
        return;
    }
    let test = Test::of("CREATE TABLE t (a int)");
    let program = test.copy_of_pgseal("pgseal");
    test.mode(&test.dir, 0o755);
    let home = test.path("home");
    for folder in ["home", "tmp", "store", "gnupg"] {
        std::os::unix::fs::chown(test.path(folder), Some(65534), Some(65534)).unwrap();
    }
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let secret = test.write("secret.toml", "");
    let run = test
        .backup(&["public.t"])
        .program(&program)
        .through(&nobody);
    run.env("PGSEAL_CONFIG", secret).run().fails(
        3,
        &[
            "secret.toml",
            "Permission denied",
            "hint: Run as a user who may read it",
        ],
    );
    // Two settings of the world: a keyring that cannot be read, and no store.
    let run = || {
        test.backup(&["public.t"])
            .program(&program)
            .through(&nobody)
    };
    run().run().fails(
        3,
        &[
            "cannot read the keyring",
            "Permission denied",
            "hint: Run as the keyring's owner",
        ],
    );
    let closed = test.dir.join("closed");
    fs::create_dir(&closed).unwrap();
    test.mode(&closed, 0o700);
    test.pgseal("list")
        .arg("--store")
        .arg(&closed)
        .program(&program)
        .through(&nobody)
        .run()
        .fails(
            5,
            &[
                "cannot open the store",
                "Run as the user that owns the store",
            ],
        );
    let ran = run().unset("PGSEAL_STORE").arg("--dry-run").run();
    let hints = hints(&ran.fails(5, &["cannot open the store"]));
    let [say, command] = &hints[..] else {
        panic!("{hints:?}")
    };
    assert!(say.starts_with("This user cannot make it"), "{say}");
    let script = format!("{command} && exec \"$@\"");
    for file in fs::read_dir(test.path("gnupg")).unwrap() {
        test.mode(&file.unwrap().path(), 0o644);
    }
    let through = [&nobody[..], &["bash", "-c", &script, "bash"]].concat();
    let run = test.backup(&["public.t"]).program(&program);
    run.through(&through).unset("PGSEAL_STORE").run().exits(0);
    assert!(home.join(".local/share/pgseal").exists());
}
