//! Bad input: one clear error that says what is wrong and what to do; nothing started, nothing
//! written.

use crate::support::{Cases, Test, cluster, each, is_root, keys};
use std::path::PathBuf;

type Words<'a> = &'a [&'a str];

#[test]
fn recipients() {
    let test = Test::of("CREATE TABLE t (a int)");
    let keys = keys();
    let unknown = "0123456789ABCDEF0123456789ABCDEF01234567";
    let subkey = format!("{} is a subkey of {}", keys.good_subkey, keys.good);
    let name_it = format!("hint: Name the primary, {}", keys.good);
    let import = format!(
        "hint: Import the public key, or name its keyring with --gnupg-home:\n      \
         gpg --homedir {} --import KEYFILE",
        test.dir.join("gnupg").display()
    );
    let twice = format!("{0},{0}", keys.good);
    let list = |one: &str| format!("{},{one}", keys.good);
    let renew = |fpr: &str| format!("gpg --quick-set-expire {fpr} 2y");
    let renew_both = format!(
        "hint: Where the secret key is:\n      {0}\n      {0} ",
        renew(&keys.expired)
    );
    let renew_subkey = format!(
        "hint: Where the secret key is:\n      {} ",
        renew(&keys.subkey_expired)
    );
    let mut cases = Cases::new();
    for (fpr, words) in [
        (unknown, &["no public key 0123456789ABCDEF", &import][..]),
        (&keys.absent, &["no public key ", &import]),
        (&keys.good_subkey, &[&subkey, &name_it]),
        (
            &keys.expired,
            &[
                &keys.expired,
                "has expired: its primary key on 20",
                &renew_both,
            ],
        ),
        (&keys.revoked, &[&keys.revoked, "is revoked", "hint: "]),
        (&keys.disabled, &[&keys.disabled, "is disabled", "hint: "]),
        (
            &keys.sign_only,
            &[&keys.sign_only, "has no encryption subkey", "hint: "],
        ),
        (
            &keys.subkey_expired,
            &[
                &keys.subkey_expired,
                "has expired: its subkey ",
                &renew_subkey,
            ],
        ),
        (&list(&keys.expired), &[&keys.expired, "has expired"]),
        (&list(unknown), &["no public key 0123"]),
    ] {
        cases.check(fpr, || {
            each([&[][..], &["--dry-run"]], |dry| {
                let run = || test.backup(&["public.t"]).args(dry.iter().copied());
                run().env("BACKUP_GPG_FPR", fpr).run().fails(3, words);
                let flags = fpr.split(',').map(|fpr| format!("--recipient={fpr}"));
                run()
                    .unset("BACKUP_GPG_FPR")
                    .args(flags)
                    .run()
                    .fails(3, words);
            });
            test.store_is_empty();
        });
    }
    // What cannot be a fingerprint is a usage error as a flag, an unfit setting elsewhere.
    let short = &keys.good[24..];
    let mut cases = Cases::new();
    for (fpr, words) in [
        (
            short,
            &["has 16 hex digits, a full fingerprint has 40 or 64", short][..],
        ),
        (&keys.good[32..], &["has 8 hex digits"]),
        (
            "backup@example.org",
            &["\"backup@example.org\" is not a fingerprint"],
        ),
        ("--yes", &["is not a fingerprint"]),
        (&format!("{}!", keys.good), &["is not a fingerprint"]),
    ] {
        cases.check(fpr, || {
            test.backup(&["public.t"])
                .env("BACKUP_GPG_FPR", fpr)
                .run()
                .fails(3, words);
            test.backup(&["public.t"])
                .arg(format!("--recipient={fpr}"))
                .run()
                .fails(2, &[]);
        });
    }
    let empty = test.backup(&["public.t"]).arg("--recipient=");
    empty.run().fails(2, &["is empty"]);
    // A variable that is empty is as one that is not set: the next source is asked.
    let config = format!("[encryption]\nrecipients = [\"{}\"]\n", keys.good);
    let config = test.write("pgseal.toml", &config);
    let run = || test.backup(&["public.t"]).env("BACKUP_GPG_FPR", "");
    run()
        .run()
        .fails(3, &["no recipient: BACKUP_GPG_FPR is not set"]);
    run()
        .env("PGSEAL_CONFIG", config)
        .arg("--dry-run")
        .run()
        .exits(0);
    test.backup(&["public.t"])
        .env("BACKUP_GPG_FPR", twice)
        .run()
        .fails(3, &["is named twice", "hint: "]);
    test.backup(&["public.t"])
        .unset("BACKUP_GPG_FPR")
        .run()
        .fails(
            3,
            &[
                "no recipient: BACKUP_GPG_FPR is not set",
                "hint: Set BACKUP_GPG_FPR=",
                "pgseal operator-package",
            ],
        );
    let nowhere = test.dir.join("no such home");
    test.backup(&["public.t"])
        .env("GNUPGHOME", &nowhere)
        .run()
        .fails(3, &["no public key", "no such home"]);
    assert!(!nowhere.exists());
    test.backup(&["public.t"])
        .unset("GNUPGHOME")
        .unset("HOME")
        .run()
        .fails(3, &["neither GNUPGHOME nor HOME", "hint: "]);
    test.store_is_empty();
}

#[test]
fn the_command_line() {
    let test = Test::of("CREATE TABLE t (a int)");
    let mut cases = Cases::new();
    for (args, words) in [
        (
            &["--table=public.t", "--table=public.t"][..],
            &["`public.t` is named twice"][..],
        ),
        (
            &["--table=public.t", "--table=\"public\".\"t\""],
            &["`public.t` is named twice"],
        ),
        (&["--table=t"], &["\"t\" has no schema, write schema.table"]),
        (&["--table=public.*"], &["has a wildcard"]),
        (&["--table=public.t?"], &["has a wildcard"]),
        (&["--table="], &["--table"]),
        (&["--table=public."], &["has an empty part"]),
        (&["--table=a.b.c"], &["quote a part that holds a dot"]),
        (&["--table=public.\"t"], &["has an open quote"]),
        (&["--table=public.t "], &["quote the part"]),
        (
            &["--table=public.t", "--run-id=a/b"],
            &["run id \"a/b\" does not match"],
        ),
        (
            &["--table=public.t", "--run-id=../x"],
            &["run id \"../x\" does not match"],
        ),
        (&["--table=public.t", "--run-id="], &["run-id"]),
        (
            &["--table=public.t", "--run-id=x.gpg"],
            &["may not end in .gpg"],
        ),
        (
            &["--table=public.t", "--run-id=x.json"],
            &["may not end in .json"],
        ),
        (
            &["--table=public.t", "--run-id=x.partial"],
            &["may not end in .partial"],
        ),
        (
            &["--table=public.t", "--lock-wait=5"],
            &["\"5\" is not a duration"],
        ),
        (&["--table=public.t", "--timeout=0s"], &["out of range"]),
        (&["--table=public.t", "--compress=lz4"], &["lz4"]),
        (
            &["--table=public.t", "--compress=gpg:0"],
            &["\"gpg:0\"", "gpg[:1-9]"],
        ),
        (
            &["--table=public.t", "--tabel=x"],
            &["'--tabel'", "--table"],
        ),
        (&["--table=public.t", "stray"], &["'stray'"]),
    ] {
        cases.check(args, || {
            test.pgseal("backup")
                .args(args.iter().copied())
                .run()
                .fails(2, words);
        });
    }
    let long = "x".repeat(129);
    test.backup(&["public.t"])
        .args(["--run-id", &long])
        .run()
        .fails(2, &["does not match"]);
    test.pgseal("bakcup")
        .run()
        .fails(2, &["'bakcup'", "backup"]);
    test.store_is_empty();
    // Help and version are answers.
    let help = test.pgseal("--help").run().exits(0);
    help.check(
        help.stderr.is_empty() && help.stdout.contains("prove-mechanism"),
        "help",
    );
    let version = test.pgseal("-V").run().exits(0);
    let short = concat!("pgseal ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(version.stdout, short);
    let long = test.pgseal("--version").run().exits(0).stdout;
    let build = long.strip_prefix(short).unwrap();
    let names: Vec<&str> = build
        .lines()
        .filter_map(|line| Some(line.split_once(": ")?.0))
        .collect();
    assert_eq!(names, ["commit", "target", "features"]);
    // An archive of the sources has no commit.
    if std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(".git")
        .exists()
    {
        let head = std::process::Command::new("git")
            .args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "HEAD"])
            .output()
            .unwrap();
        let head = String::from_utf8(head.stdout).unwrap();
        assert!(build.starts_with(&format!("commit: {head}")), "{build}");
    }
}

#[test]
fn the_server() {
    let test = Test::of("CREATE TABLE t (a int)");
    let run = || test.backup(&["public.t"]);
    let asked: Words = &["cannot ask the database", "hint: "];
    run()
        .env("PGHOST", "/nowhere")
        .run()
        .fails(3, asked)
        .says(&["No such file", "PGHOST"]);
    run().env("PGPORT", "1").run().fails(3, asked);
    run()
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", "1")
        .run()
        .fails(3, asked)
        .says(&["refused"]);
    run()
        .env("PGUSER", "locked_out")
        .run()
        .fails(3, asked)
        .says(&["password authentication failed", "PGPASSFILE"]);
    run()
        .env("PGUSER", "locked_out")
        .unset("PGPASSWORD")
        .run()
        .fails(3, asked)
        .says(&["no password supplied", "PGPASSFILE"]);
    run()
        .env("PGUSER", "nobody_at_all")
        .run()
        .fails(3, asked)
        .says(&["does not exist", "PGUSER"]);
    run()
        .env("PGDATABASE", "nowhere")
        .run()
        .fails(3, asked)
        .says(&["\"nowhere\" does not exist", "PGDATABASE"]);
    run()
        .env("PGOPTIONS", "-c no_such_setting=1")
        .run()
        .fails(3, asked);
    run().env("PGSERVICE", "nowhere").run().fails(3, asked);
    test.store_is_empty();
    let line = format!("*:*:{}:locked_out:the right one\n", test.db);
    let passfile = test.write("pgpass", &line);
    test.sql("GRANT SELECT ON t TO locked_out");
    let ran = run()
        .env("PGUSER", "locked_out")
        .unset("PGPASSWORD")
        .env("PGPASSFILE", passfile)
        .run();
    test.sealed(&ran);
    test.sql("REVOKE ALL ON t FROM locked_out");
}

/// Every session is read-only, whatever the user's own options are; where it is not, no dump.
#[test]
fn the_read_only_guard() {
    let test = Test::of("CREATE TABLE t (a int)");
    let ours = "-c default_transaction_read_only=off -c application_name=mine";
    let ran = test.backup(&["public.t"]).env("PGOPTIONS", ours).run();
    test.sealed(&ran);
    let service = format!(
        "[prod]\nhost={}\ndbname={}\nuser=postgres\noptions=-c work_mem=1MB\n",
        cluster().dir.display(),
        test.db
    );
    let file = test.write("pg_service.conf", &service);
    let run = || {
        test.backup(&["public.t"])
            .env("PGSERVICEFILE", &file)
            .env("PGSERVICE", "prod")
            .args(["--run-id", "y"])
    };
    run().run().fails(
        3,
        &[
            "the session is not read-only",
            "hint: Connect past the pooler, or take `options` out of the service file",
        ],
    );
    assert_eq!(test.files().len(), 3);
    test.write(
        "pg_service.conf",
        &service.replace("options=-c work_mem=1MB\n", ""),
    );
    test.sealed(&run().run());
}

/// A secret on the command line is refused, and not told again.
#[test]
fn secrets_in_a_conninfo() {
    let test = Test::of("CREATE TABLE t (a int)");
    let config = |dbname: &str| {
        test.write(
            "pgseal.toml",
            &format!("[postgres]\ndbname = \"{dbname}\"\n"),
        )
    };
    let mut cases = Cases::new();
    for (conninfo, word) in [
        ("password=swordfish", "`password`"),
        ("host=x password = 'swordfish'", "`password`"),
        ("postgresql://me:swordfish@x/db", "`password`"),
        ("postgresql:///db?password=swordfish", "`password`"),
        ("postgresql:///db?sslpassword=swordfish", "`sslpassword`"),
        ("dbname=x options='-c a=swordfish'", "`options`"),
        ("pasword=swordfish", "`pasword`"),
        ("dbname='swordfish", "open quote"),
    ] {
        cases.check(conninfo, || {
            let flag = test
                .backup(&["public.t"])
                .arg(format!("--dbname={conninfo}"))
                .run();
            let file = config(conninfo);
            let file = test.backup(&["public.t"]).arg("--config").arg(file).run();
            for ran in [
                flag.fails(2, &[word, "hint: "]),
                file.fails(3, &[word, "hint: "]),
            ] {
                ran.check(
                    !ran.stderr.contains("swordfish"),
                    "it must not tell the secret",
                );
            }
        });
    }
    let ran = test
        .backup(&["public.t"])
        .arg("--pasword=swordfish")
        .run()
        .fails(2, &["--pasword"]);
    ran.check(
        !ran.stderr.contains("swordfish"),
        "it must not tell the secret",
    );
    test.store_is_empty();
}

const NO_FILE: &[&str] = &["fifo` is not a regular file", "hint: Name one"];

/// Nobody ever opens it to write.
fn fifo(test: &Test) -> PathBuf {
    let path = test.dir.join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    path
}

#[test]
fn config_files() {
    let test = Test::of("CREATE TABLE t (a int)");
    let run = |path: &std::path::Path| test.backup(&["public.t"]).arg("--config").arg(path).run();
    let mut cases = Cases::new();
    for (text, words) in [
        (
            "[scope]\ntabels = ['public.t']",
            &[
                "[scope] unknown key `tabels`",
                "hint: Did you mean `tables`?",
            ][..],
        ),
        ("[scop]\ntables = []", &["scop", "scope"]),
        ("timeuot = '1s'", &["timeuot", "timeout"]),
        ("[postgres]\npassword = 'swordfish'", &["password"]),
        ("[scope]\ntables = 'public.t'", &["pgseal.toml"]),
        (
            "[postgres]\nlock_wait = '5'",
            &["lock_wait", "is not a duration"],
        ),
        ("timeout = '1 fortnight'", &["timeout", "is not a duration"]),
        ("[encryption]\ncompress = 'lz4'", &["compress", "lz4"]),
        ("[scope]\ntables = ['public.t'", &["line 2"]),
        ("\u{0}", &["pgseal.toml"]),
    ] {
        cases.check(text, || {
            let path = test.write("pgseal.toml", text);
            let ran = run(&path).fails(3, words).says(&["pgseal.toml"]);
            ran.check(!ran.stderr.contains("swordfish"), text);
        });
    }
    each(
        [
            (
                "[scope]\ntables = []",
                &["no table is named", "hint: Name the tables"][..],
            ),
            ("", &["no table is named"]),
            (
                "[scope]\ntables = ['public.t', 'public.t']",
                &["`public.t` is named twice"],
            ),
            ("[scope]\ntables = ['public.*']", &["has a wildcard"]),
        ],
        |(text, words)| {
            let path = test.write("pgseal.toml", text);
            test.pgseal("backup")
                .env("PGSEAL_CONFIG", path)
                .run()
                .fails(3, words);
        },
    );
    let path = test.write("pgseal.toml", "");
    each([0o666, 0o620, 0o602], |mode| {
        test.mode(&path, mode);
        run(&path).fails(3, &["pgseal.toml", "hint: "]);
    });
    test.mode(&path, 0o644);
    run(&path).exits(0);
    if is_root() {
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        run(&path).fails(3, &["pgseal.toml", "hint: "]);
    }
    run(&test.dir.join("none.toml")).fails(3, &["none.toml", "No such file"]);
    run(&test.dir.join("home")).fails(3, &["home"]);
    run(&fifo(&test)).fails(3, NO_FILE);
    assert_eq!(test.files().len(), 3);
}

#[test]
fn dotenv_files() {
    let test = Test::of("CREATE TABLE t (a int)");
    let run = |path: &std::path::Path| {
        test.backup(&["public.t"])
            .unset("BACKUP_GPG_FPR")
            .arg("--env-file")
            .arg(path)
            .run()
    };
    let (good, second) = (&keys().good, &keys().second);
    let mut cases = Cases::new();
    for (text, words) in [
        (
            format!("BACKUP_GPG_FPR={good}\nDB_PASSWORD=swordfish\nBACKUP_GPG_FPR={second}\n"),
            &["is set twice, to two values", "hint: Leave one line"][..],
        ),
        (
            "BACKUP_GPG_FPR=\"swordfish\nX=1".into(),
            &["line 1", "open quote"],
        ),
        (
            "DB_PASSWORD=swordfish\n".into(),
            &["no recipient", "looked in"],
        ),
        (
            "DB_PASSWORD=swordfish\nBACKUP_GPG_FPR=\n".into(),
            &["no recipient", "looked in"],
        ),
        (
            "BACKUP_GPG_FPR=ABCDEF\nDB_PASSWORD=swordfish\n".into(),
            &["has 6 hex digits"],
        ),
    ] {
        cases.check(&text, || {
            let path = test.write(".env", &text);
            let ran = run(&path).fails(3, words).says(&[".env"]);
            ran.check(!ran.stderr.contains("swordfish"), "no other value is told");
        });
    }
    let text = format!("DB_PASSWORD=swordfish\nexport BACKUP_GPG_FPR='{good}' # the key\n");
    let path = test.write(".env", &text);
    test.mode(&path, 0o602);
    run(&path).fails(3, &[".env", "hint: "]);
    run(&test.dir.join("none.env")).fails(3, &["none.env", "No such file"]);
    run(&fifo(&test)).fails(3, NO_FILE);
    test.store_is_empty();
    test.mode(&path, 0o640);
    assert_eq!(run(&path).envelope()["gpg_fpr"], *good);
    each(test.files(), |file| {
        let bytes = std::fs::read(test.store().join(file)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("swordfish"));
    });
}

/// For programs: the last line of standard error is one JSON object.
#[test]
fn errors_as_json() {
    let test = Test::of("CREATE TABLE t (a int)");
    let object = |run: crate::support::Pgseal, code: i32, name: &str| {
        let ran = run.arg("--json").run().exits(code);
        ran.check(ran.stdout.is_empty(), "standard output must be empty");
        let line = ran.stderr.lines().next_back().unwrap();
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let error = &json["error"];
        ran.check(error["code"] == name, name);
        ran.check(
            error["message"].is_string() && error["stages"].is_array(),
            "keys",
        );
        ran.check(error["hint"].is_string(), "every error has a hint");
        error.clone()
    };
    let run = || test.backup(&["public.t"]);
    object(run().arg("--tabel=x"), 2, "usage");
    object(run().arg("--run-id=a/b"), 2, "usage");
    object(run().arg("--dbname=password=swordfish"), 2, "usage");
    object(test.pgseal("backup"), 3, "setting");
    object(run().env("PATH", "/nowhere"), 3, "tool_missing");
    object(run().env("BACKUP_GPG_FPR", &keys().expired), 3, "key_unfit");
    object(test.backup(&["public.none"]), 3, "table_unfit");
    let error = object(run().env("PGPORT", "1"), 3, "database");
    assert_eq!(error["stages"][0]["stage"], "catalog");
    object(run().env("PGSEAL_STORE", "/nowhere"), 5, "store");
    test.shim_dump("echo 'no luck' >&2; exit 1");
    let error = object(run(), 4, "stage_failed");
    assert_eq!(error["stages"][0]["stage"], "dump");
    assert_eq!(error["stages"][0]["ended"], "status 1");
    assert_eq!(error["stages"][0]["said"][0], "no luck");
    assert_eq!(error["stages"][1]["stage"], "encrypt");
    test.shim_dump("exec sleep 100");
    object(run().arg("--timeout=300ms"), 4, "timeout");
    test.shim("pg_dump", "*", "echo 14");
    object(run(), 3, "tool_unfit");
    test.store_is_empty();
    std::fs::write(test.store().join("x.sql.gpg"), "").unwrap();
    object(run().arg("--run-id=x"), 5, "run_id_taken");
}
