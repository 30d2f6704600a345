//! `prove-mechanism`: what it proves, how it fails, and that it leaves nothing behind.

use crate::support::{Cases, Test, each, eventually, keys, names, processes, sha256};
use rustix::process::Signal;

const STEPS: [&str; 9] = [
    "make a throw-away key",
    "encrypt as backup does",
    "decrypt",
    "one bit flipped is refused",
    "truncated by one byte is refused",
    "another secret key is refused",
    "an expired recipient is refused",
    "cleaned up",
    "host keyring untouched",
];

/// Names and contents of all files.
fn picture(dir: &std::path::Path) -> Vec<(String, String)> {
    let files = names(dir).into_iter();
    files
        .map(|name| {
            (
                sha256(&std::fs::read(dir.join(&name)).unwrap_or_default()),
                name,
            )
        })
        .collect()
}

/// Its homes and agents are gone. It works in TMPDIR.
fn left_nothing(test: &Test) {
    assert_eq!(names(&test.dir.join("tmp")), [""; 0]);
    let mine = test.dir.display().to_string();
    assert_eq!(processes(&mine), [""; 0]);
}

fn no_canary(text: &str) -> bool {
    !text.split("canary-").skip(1).any(|rest| {
        rest.chars()
            .take(32)
            .filter(char::is_ascii_hexdigit)
            .count()
            == 32
    })
}

/// As many keys as before are not the same keys.
#[test]
fn a_key_that_took_anothers_place_is_seen() {
    let test = Test::new();
    let keys = test.dir.join("gnupg/private-keys-v1.d");
    std::fs::create_dir_all(&keys).unwrap();
    std::fs::write(keys.join("A.key"), "").unwrap();
    let keys = keys.display();
    let script = format!("mv {keys}/A.key {keys}/B.key 2>/dev/null; exec $real \"$@\"");
    test.shim("gpg", "*--gen-key*", &script);
    let ran = test.pgseal("prove-mechanism").run().exits(1);
    let step = ran.stdout.lines().find(|line| line.contains(STEPS[8]));
    assert!(step.unwrap().contains("FAIL"), "{}", ran.stdout);
}

#[test]
fn it_passes() {
    let test = Test::new();
    let before = picture(&test.dir.join("gnupg"));
    // It needs no recipient, no table, no server and no store.
    let run = |args: &[&str]| {
        let run = test
            .pgseal("prove-mechanism")
            .args(args.iter().copied())
            .env("PATH", "/usr/bin:/bin");
        let run = ["BACKUP_GPG_FPR", "PGHOST", "PGUSER", "PGDATABASE"]
            .into_iter()
            .fold(run, |run, name| run.unset(name));
        let ran = run.env("PGSEAL_STORE", "/nowhere").run().exits(0);
        assert_eq!(ran.stderr, "");
        assert!(no_canary(&ran.stdout));
        left_nothing(&test);
        ran
    };
    let human = run(&[]).stdout;
    let head = format!("pgseal {}\ngpg ", env!("CARGO_PKG_VERSION"));
    assert!(human.starts_with(&head), "{human}");
    assert!(human.ends_with("\nGPG_MECHANISM_PROOF: PASS\n"), "{human}");
    assert!(!human.contains("FAIL"), "{human}");
    let proof = run(&["--json"]).json();
    assert_eq!(proof["schema"], "pgseal/prove-mechanism/1");
    assert_eq!(proof["result"], "PASS");
    assert_eq!(proof["secrets_exposed"], "NONE");
    // The homes, and not all that others write to the folder that they are in.
    let tmp = format!("{}/", test.dir.join("tmp").display());
    let searched: Vec<_> = proof["searched"].as_array().unwrap().iter().collect();
    let homes = searched[..2].iter();
    assert!(
        homes
            .clone()
            .all(|place| place.as_str().unwrap().starts_with(&tmp)),
        "{searched:?}"
    );
    assert_eq!(
        searched[2..],
        [
            "/nowhere (0 files changed since)",
            "our output and every argv"
        ]
    );
    assert_eq!(proof["key"], "ed25519 with cv25519 for encryption");
    assert!(proof["sample_bytes"].as_u64().unwrap() >= 65536);
    let steps = proof["steps"].as_array().unwrap();
    each(steps.iter().zip(STEPS), |(step, name)| {
        assert_eq!(step["name"], name);
        assert_eq!(step["passed"], true);
    });
    assert_eq!(steps.len(), STEPS.len() + 1);
    each(steps, |step| {
        let line = format!("  [ ok ] {}: ", step["name"].as_str().unwrap());
        assert!(human.contains(&line), "{line}");
    });
    assert_eq!(picture(&test.dir.join("gnupg")), before);
}

/// The very argv that a backup uses, but for keyring and key.
#[test]
fn it_encrypts_as_backup_does() {
    let test = Test::of("CREATE TABLE t (a int)");
    let dry = test
        .backup(&["public.t"])
        .args(["--dry-run", "--compress=gpg:3"])
        .run()
        .exits(0)
        .json();
    let proof = test
        .pgseal("prove-mechanism")
        .args(["--json", "--compress=gpg:3"])
        .run()
        .exits(0)
        .json();
    let argv = |value: &serde_json::Value| -> Vec<String> {
        let argv = value
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| arg.as_str().unwrap());
        argv.map(|arg| arg.split("--recipient=").next().unwrap().to_string())
            .collect()
    };
    assert_eq!(argv(&proof["steps"][1]["argv"]), argv(&dry["plan"]["gpg"]));
}

#[test]
fn like_the_recipient() {
    let test = Test::new();
    let run = |fpr: &str| {
        test.pgseal("prove-mechanism")
            .args(["--like-recipient", "--json"])
            .env("BACKUP_GPG_FPR", fpr)
            .run()
    };
    let proof = run(&keys().rsa2048).exits(0).json();
    assert_eq!(proof["key"], "rsa2048 with rsa2048 for encryption");
    assert_eq!(proof["result"], "PASS");
    run(&keys().expired).exits(3).says(&["has expired"]);
    test.pgseal("prove-mechanism")
        .arg("--like-recipient")
        .unset("BACKUP_GPG_FPR")
        .run()
        .fails(3, &["no recipient"]);
    left_nothing(&test);
}

/// gpg's sockets need a short path; a long TMPDIR is no reason not to prove.
#[test]
fn a_temporary_folder_with_a_long_name() {
    let test = Test::new();
    let long = test.dir.join("x".repeat(80));
    std::fs::create_dir(&long).unwrap();
    test.pgseal("prove-mechanism")
        .env("TMPDIR", &long)
        .run()
        .exits(0);
    assert_eq!(names(&long), [""; 0]);
    each(["/nowhere", ""], |dir| {
        test.pgseal("prove-mechanism")
            .env("TMPDIR", dir)
            .run()
            .exits(0);
    });
}

#[test]
fn a_gpg_that_is_broken() {
    let test = Test::new();
    let mut cases = Cases::new();
    for (when, script, step) in [
        ("*\\ --gen-key\\ *", "exit 2", "make a throw-away key"),
        ("*\\ --encrypt\\ *", "exit 2", "encrypt as backup does"),
        (
            "*\\ --encrypt\\ *",
            "$real \"$@\" | head -c -1",
            "encrypt as backup does",
        ),
        ("*\\ --encrypt\\ *", "tee", "encrypt as backup does"),
        (
            "*\\ --encrypt\\ *",
            "[ $(ls $GNUPGHOME/private-keys-v1.d | wc -l) -gt 2 ] && kill -KILL $$; exec $real \"$@\"",
            "an expired recipient is refused",
        ),
        ("*\\ --decrypt\\ *", "exit 2", "decrypt"),
        (
            "*\\ --decrypt\\ *",
            "$real \"$@\" | head -c 1000",
            "decrypt",
        ),
        ("*\\ --decrypt\\ *", "$real \"$@\" | tr a b", "decrypt"),
        (
            "*\\ --decrypt\\ *",
            "$real \"$@\"; exit 0",
            "one bit flipped is refused",
        ),
    ] {
        cases.check((step, script), || {
            test.shim("gpg", when, script);
            let ran = test.pgseal("prove-mechanism").arg("--json").run();
            ran.check(matches!(ran.code(), 0 | 1), script);
            let proof = ran.json();
            // Where only the status lies, the status lines still tell.
            if script == "$real \"$@\"; exit 0" {
                return;
            }
            ran.check(ran.code() == 1 && proof["result"] == "FAIL", script);
            let steps = proof["steps"].as_array().unwrap().iter();
            let failed: Vec<&str> = steps
                .filter(|step| step["passed"] == false)
                .map(|step| step["name"].as_str().unwrap())
                .collect();
            ran.check(
                failed.first() == Some(&step),
                &format!("{script}: {failed:?}"),
            );
            left_nothing(&test);
        });
    }
    let human = {
        test.shim("gpg", "*\\ --encrypt\\ *", "exit 2");
        test.pgseal("prove-mechanism").run().exits(1)
    };
    human.check(
        human.stdout.contains("[FAIL] encrypt as backup does")
            && human.stdout.ends_with("GPG_MECHANISM_PROOF: FAIL\n"),
        "FAIL",
    );
    // One that leaks the passphrase.
    test.shim(
        "gpg",
        "*\\ --gen-key\\ *",
        &format!(
            "tee >(head -n 1 > {}/leak) | $real \"$@\"",
            test.store().display()
        ),
    );
    let ran = test.pgseal("prove-mechanism").arg("--json").run().exits(1);
    assert_eq!(ran.json()["secrets_exposed"], "FOUND");
    assert!(no_canary(&(ran.stdout + &ran.stderr)));
    std::fs::remove_file(test.store().join("leak")).unwrap();

    std::fs::remove_file(test.dir.join("bin/gpg")).unwrap();
    test.pgseal("prove-mechanism")
        .env("PATH", test.dir.join("bin"))
        .run()
        .fails(3, &["`gpg` is not on PATH", "hint: apt-get install gnupg"]);
    left_nothing(&test);
}

/// Nothing can be done about SIGKILL; but the agent ends by itself, and the next proof sweeps.
#[test]
fn what_a_kill_leaves_is_swept() {
    let test = Test::new();
    let (mine, tmp) = (test.dir.display().to_string(), test.dir.join("tmp"));
    let running = "while kill -0 $PPID 2>/dev/null; do sleep 0.1; done";
    each(["prove-mechanism", "preflight"], |verb| {
        test.shim("gpg", "*\\ --decrypt\\ *", running);
        let run = test.pgseal(verb).start();
        eventually("it decrypts", || {
            processes(&mine)
                .iter()
                .any(|line| line.contains("sleep 0.1"))
        });
        run.signal(Signal::KILL);
        assert_eq!(run.wait().code(), -9);
        eventually("its agents end by themselves", || {
            processes(&mine).is_empty()
        });
        let left = names(&tmp);
        assert_eq!(left.len(), 2, "{left:?}");
        for name in &left {
            let mode = std::fs::metadata(tmp.join(name)).unwrap().permissions();
            assert_eq!(
                std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
                0o700
            );
        }
        test.shim("gpg", "nothing", "");
        // As young as this they may be another's, who has not locked them yet.
        test.pgseal("prove-mechanism").run().exits(0);
        assert_eq!(names(&tmp), left);
        // Two that were killed earlier still, and one that is somebody else's.
        let mut left = left;
        for name in ["pgs-gpg-Empty0", "pgs-gpg-Begun0", "pgs-gpg-Theirs"] {
            std::fs::create_dir(tmp.join(name)).unwrap();
            left.push(name.into());
        }
        std::fs::write(tmp.join("pgs-gpg-Begun0/gpg-agent.conf"), "").unwrap();
        std::fs::write(tmp.join("pgs-gpg-Theirs/notes"), "").unwrap();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(120);
        for name in &left {
            let folder = std::fs::File::open(tmp.join(name)).unwrap();
            folder.set_modified(old).unwrap();
        }
        let proof = test
            .pgseal("prove-mechanism")
            .arg("--json")
            .run()
            .exits(0)
            .json();
        let told = &proof["steps"][8];
        assert_eq!(told["name"], "removed what a killed proof left");
        assert_eq!(names(&tmp), ["pgs-gpg-Theirs"]);
        std::fs::remove_dir_all(tmp.join("pgs-gpg-Theirs")).unwrap();
        left_nothing(&test);
    });
}

#[test]
fn stopped_in_the_middle() {
    let test = Test::new();
    each(
        [
            ("*\\ --decrypt\\ *", Signal::INT, 130),
            ("*\\ --encrypt\\ *", Signal::TERM, 143),
            ("*\\ --gen-key\\ *", Signal::HUP, 129),
        ],
        |(when, signal, code)| {
            test.shim("gpg", when, "exec sleep 100");
            let run = test
                .pgseal("prove-mechanism")
                .through(&["env", "--default-signal=INT,TERM,HUP,QUIT"])
                .start();
            let mine = test.dir.display().to_string();
            eventually("gpg hangs", || {
                processes(&mine)
                    .iter()
                    .any(|line| line.contains("sleep 100"))
            });
            run.signal(signal);
            run.wait().fails(code, &["interrupted by"]);
            left_nothing(&test);
        },
    );
    test.pgseal("prove-mechanism")
        .arg("--timeout=700ms")
        .run()
        .fails(4, &["--timeout 700ms"]);
    left_nothing(&test);
}
