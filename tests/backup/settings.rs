//! Flag, then environment, then config file, then default; told by what a dry run would do.

use crate::support::{Cases, Test, cluster, each, keys};
use serde_json::Value;

fn plan(run: crate::support::Pgseal) -> Value {
    run.args(["--dry-run", "--run-id", "x"])
        .run()
        .exits(0)
        .json()
}

fn argv(plan: &Value, tool: &str) -> Vec<String> {
    let argv = plan["plan"][tool].as_array().unwrap().iter();
    argv.map(|arg| arg.as_str().unwrap().to_string()).collect()
}

fn recipients(plan: &Value) -> Vec<String> {
    let argv = argv(plan, "gpg").into_iter();
    argv.filter_map(|arg| Some(arg.strip_prefix("--recipient=")?.to_string()))
        .collect()
}

fn tables(plan: &Value) -> Vec<String> {
    let argv = argv(plan, "pg_dump").into_iter();
    argv.filter_map(|arg| Some(arg.strip_prefix("--table=")?.to_string()))
        .collect()
}

#[test]
fn precedence() {
    let test = Test::of("CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE c (x int)");
    for folder in ["from-flag", "from-env", "from-file"] {
        let path = test.dir.join(folder);
        std::fs::create_dir(&path).unwrap();
        test.mode(&path, 0o700);
    }
    let dir = test.dir.display();
    let keys = keys();
    let env_file = test.write(".env", &format!("BACKUP_GPG_FPR={}\n", keys.second));
    let config = test.write(
        "pgseal.toml",
        &format!(
            "timeout = '1h'
             [scope]
             tables = ['public.a', 'public.b']
             [store]
             dir = '{dir}/from-file'
             [encryption]
             recipients = ['{}', '{}']
             compress = 'gpg:2'
             gnupg_home = '{dir}/gnupg'
             [postgres]
             dbname = 'host={} dbname={} user=postgres application_name=filed'
             lock_wait = '7s'
             ",
            keys.rsa2048,
            keys.good,
            cluster().dir.display(),
            test.db
        ),
    );
    // All from the file.
    let bare = || {
        let run = test.pgseal("backup").env("PGSEAL_CONFIG", &config);
        [
            "GNUPGHOME",
            "PGSEAL_STORE",
            "PGHOST",
            "PGUSER",
            "PGDATABASE",
            "BACKUP_GPG_FPR",
        ]
        .into_iter()
        .fold(run, |run, name| run.unset(name))
    };
    let filed = plan(bare());
    assert_eq!(tables(&filed), ["\"public\".\"a\"", "\"public\".\"b\""]);
    assert_eq!(recipients(&filed), [keys.rsa2048.as_str(), &keys.good]);
    assert_eq!(filed["artifact_ref"], format!("{dir}/from-file/x.sql.gpg"));
    let dump = argv(&filed, "pg_dump");
    assert!(
        dump.contains(&"--lock-wait-timeout=7000".into()),
        "{dump:?}"
    );
    assert!(
        dump.last().unwrap().contains("application_name=filed"),
        "{dump:?}"
    );
    assert!(argv(&filed, "gpg").contains(&"--compress-level=2".into()));

    // The dotenv file stands between the environment and the file's list.
    let dotenv = || bare().arg("--env-file").arg(&env_file);
    assert_eq!(recipients(&plan(dotenv())), [keys.second.as_str()]);
    let env = || {
        dotenv()
            .env("BACKUP_GPG_FPR", &keys.expires_soon)
            .env("PGSEAL_STORE", test.dir.join("from-env"))
    };
    let env_plan = plan(env());
    assert_eq!(recipients(&env_plan), [keys.expires_soon.as_str()]);
    assert_eq!(
        env_plan["artifact_ref"],
        format!("{dir}/from-env/x.sql.gpg")
    );
    // A connection string is whole: tests/backup/connection.rs has the rule.
    let connected = plan(env().env("PGAPPNAME", "from-env"));
    assert_eq!(argv(&connected, "pg_dump"), argv(&env_plan, "pg_dump"));
    bare()
        .env("PGSEAL_DBNAME", cluster().conninfo("nowhere", "postgres"))
        .run()
        .fails(3, &["\"nowhere\" does not exist"]);
    bare()
        .env("GNUPGHOME", "/nowhere")
        .run()
        .fails(3, &["`/nowhere`"]);

    // A flag is above all, and its list replaces the others.
    let flags = plan(
        env()
            .table("public.c")
            .arg(format!("--recipient={}", keys.good))
            .args(["--lock-wait=9s", "--compress=gpg:9", "--store=from-flag"])
            .arg(format!(
                "--dbname=host={} dbname={} user=postgres",
                cluster().dir.display(),
                test.db
            ))
            .env("PGDATABASE", "nowhere"),
    );
    assert_eq!(tables(&flags), ["\"public\".\"c\""]);
    assert_eq!(recipients(&flags), [keys.good.as_str()]);
    assert_eq!(flags["artifact_ref"], format!("{dir}/from-flag/x.sql.gpg"));
    assert!(argv(&flags, "pg_dump").contains(&"--lock-wait-timeout=9000".into()));
    assert!(argv(&flags, "gpg").contains(&"--compress-level=9".into()));
    bare()
        .arg("--gnupg-home=/nowhere-else")
        .env("GNUPGHOME", test.dir.join("gnupg"))
        .run()
        .fails(3, &["`/nowhere-else`"]);
    let empty = test.write("empty.toml", "");
    bare()
        .arg("--config")
        .arg(empty)
        .arg("--store=from-flag")
        .run()
        .fails(3, &["no table is named"]);

    // The defaults.
    let plain = argv(&plan(test.backup(&["public.a"])), "pg_dump");
    assert!(plain.contains(&"--lock-wait-timeout=30000".into()));
    let ran = test
        .backup(&["public.a"])
        .unset("PGSEAL_STORE")
        .arg("--dry-run")
        .run();
    assert!((ran.stdout + &ran.stderr).contains("/var/lib/pgseal"));
    test.store_is_empty();
}

/// Never one from the working directory: it can name a command and a host.
#[test]
fn a_config_file_that_lies_about() {
    let test = Test::of("CREATE TABLE t (a int)");
    for name in ["pgseal.toml", ".pgseal.toml", "home/.pgseal.toml"] {
        test.write(name, "nonsense = true\n");
    }
    plan(test.backup(&["public.t"]));
}

/// The example that we ship.
#[test]
fn the_cutters_file() {
    let test = Test::cutter();
    let text = include_str!("../../fixtures/cutter/pgseal.toml");
    let path = test.write("cutter.toml", text);
    let ran = test.pgseal("backup").env("PGSEAL_CONFIG", path).run();
    assert_eq!(test.sealed(&ran).rows().len(), 9);
}

/// Settings can name a command and a host: a folder in which others may put another file is as a
/// file that they may write.
#[test]
fn a_folder_that_others_may_write() {
    let test = Test::of("CREATE TABLE t (a int)");
    for folder in ["open", "own"] {
        std::fs::create_dir(test.path(folder)).unwrap();
        test.write(&format!("{folder}/pgseal.toml"), "");
        test.write(&format!("{folder}/.env"), "");
    }
    std::os::unix::fs::symlink("../open/pgseal.toml", test.path("own/link.toml")).unwrap();
    std::os::unix::fs::symlink("../own/pgseal.toml", test.path("open/link.toml")).unwrap();
    let run = |option: &str, file: &str| {
        let run = test.backup(&["public.t"]).arg("--dry-run");
        run.arg(format!("{option}={}", test.path(file).display()))
            .run()
    };
    let mut cases = Cases::new();
    for mode in [0o777, 0o770] {
        test.mode(&test.path("open"), mode);
        for file in ["open/pgseal.toml", "own/link.toml", "open/link.toml"] {
            cases.check((mode, file), || {
                let chmod = format!("chmod go-w {}", test.path("open").display());
                run("--config", file).fails(3, &["others may write the folder", &chmod]);
            });
        }
    }
    run("--config", "own/pgseal.toml").exits(0);
    let unset = |file: &str| {
        let run = test
            .backup(&["public.t"])
            .unset("BACKUP_GPG_FPR")
            .arg("--dry-run");
        run.arg(format!("--env-file={}", test.path(file).display()))
            .run()
    };
    unset("open/.env").fails(3, &["others may write the folder"]);
    // As in /tmp: only the owner of a file can put another in its place.
    test.mode(&test.path("open"), 0o1777);
    run("--config", "open/pgseal.toml").exits(0);
}

/// What every database has is not for a backup of some tables.
#[test]
fn the_systems_tables() {
    let test = Test::of("CREATE TABLE t (a int)");
    let config = test.write(
        "system.toml",
        "[scope]\ntables = ['information_schema.sql_features']\n",
    );
    let mut cases = Cases::new();
    for table in [
        "pg_catalog.pg_class",
        "information_schema.tables",
        "pg_toast.pg_toast_1",
    ] {
        cases.check(table, || {
            test.backup(&["public.t", table])
                .run()
                .fails(3, &[table, "is the system's"]);
        });
    }
    let ran = test.pgseal("backup").env("PGSEAL_CONFIG", config).run();
    ran.fails(3, &["information_schema.sql_features", "is the system's"]);
    test.store_is_empty();
}

/// The children get what they need of our environment, and nothing else.
#[test]
fn what_the_children_inherit() {
    let test = Test::of("CREATE TABLE t (a int)");
    let log = test.dir.join("seen");
    for tool in ["gpg", "pg_dump", "psql"] {
        let line = format!(
            "{{ echo \"{tool}: $* $(tr '\\0' ' ' </proc/$$/environ)\"; }} >> {}; exec $real \"$@\"",
            log.display()
        );
        test.shim(tool, "*", &line);
    }
    let ran = test
        .backup(&["public.t"])
        .env("KRB5CCNAME", "none")
        .env("LD_DEBUG_X", "y")
        .run();
    test.sealed(&ran);
    let seen = std::fs::read_to_string(log).unwrap();
    assert!(
        !seen.contains("APP_SECRET") && !seen.contains("LD_DEBUG_X") && !seen.contains("TMPDIR")
    );
    each(seen.lines(), |line| {
        let libpq = line.contains("KRB5CCNAME") && line.contains("HOME=");
        assert_eq!(line.starts_with("gpg: "), !libpq, "{line}");
        // What connects to nothing needs no password.
        let connects = libpq && !line.contains("--version");
        assert_eq!(line.contains("PGPASSWORD"), connects, "{line}");
        assert_eq!(
            line.starts_with("gpg: "),
            line.contains("GNUPGHOME"),
            "{line}"
        );
    });
    assert!(seen.lines().count() >= 6, "{seen}");
}
