//! Client tools in a container of a real engine, which `scripts/test --containers` makes ready:
//! `PGSEAL_CONTAINER` names a container in which a server of PostgreSQL runs, without a network and
//! with trust for its own users; `PGSEAL_CLIENTS` the paths of the engines' clients to try.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "support/page.rs"]
#[allow(dead_code)]
mod page;

use page::Page;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A container with the server's socket and a root that is read-only.
const CLIENT: &str = "ct-client";

struct World {
    dir: tempfile::TempDir,
    container: String,
    fingerprint: String,
    /// The engine's client, `docker` or `podman`.
    client: PathBuf,
}

fn setting(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run scripts/test --containers"))
}

fn text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

impl World {
    /// One for each client.
    fn each(test: impl Fn(&World)) {
        // What is left in the container must be the test's own.
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let clients = setting("PGSEAL_CLIENTS");
        for client in clients.split(':') {
            let dir = tempfile::Builder::new()
                .prefix("pgs-ct-")
                .tempdir_in("/tmp")
                .unwrap();
            let mode: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            for name in ["store", "gnupg"] {
                std::fs::create_dir(dir.path().join(name)).unwrap();
                std::fs::set_permissions(dir.path().join(name), mode.clone()).unwrap();
            }
            let mut world = World {
                client: PathBuf::from(client),
                container: setting("PGSEAL_CONTAINER"),
                fingerprint: String::new(),
                dir,
            };
            world.gpg(&[
                "--batch",
                "--quiet",
                "--passphrase",
                "",
                "--quick-generate-key",
                "ct",
                "default",
                "default",
            ]);
            let listed = world.gpg(&["--list-keys", "--with-colons"]);
            let line = listed
                .lines()
                .find(|line| line.starts_with("fpr:"))
                .unwrap();
            world.fingerprint = line.split(':').nth(9).unwrap().into();
            println!("by {client}");
            std::fs::write(
                world.config(),
                format!("[postgres]\ncontainer_engine = \"{}\"\n", world.engine()),
            )
            .unwrap();
            test(&world);
        }
    }

    fn engine(&self) -> &str {
        self.client.file_name().unwrap().to_str().unwrap()
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("pgseal.toml")
    }

    fn gpg(&self, args: &[&str]) -> String {
        let ran = Command::new("gpg")
            .args(args)
            .env("GNUPGHOME", self.dir.path().join("gnupg"))
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", text(&ran));
        text(&ran)
    }

    /// By this client; nothing of ours is in between.
    fn inside(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.client);
        let ran = command
            .args(["exec", "-i", &self.container])
            .args(args)
            .output()
            .unwrap();
        text(&ran).trim().into()
    }

    fn sql(&self, sql: &str) -> String {
        self.inside(&["psql", "--username=postgres", "-XAtq", "--command", sql])
    }

    /// A verb on this database of the container.
    fn pgseal(&self, database: &str, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        command.arg(format!("--dbname=user=postgres dbname={database}"));
        command.arg(format!("--container={}", self.container));
        command
    }

    /// A verb through the container that has the server's socket, and can write nowhere.
    fn through_client(&self, database: &str, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        command.arg(format!("--dbname=user=postgres dbname={database}"));
        command.arg(format!("--container={CLIENT}"));
        command
    }

    /// Waits for a count that this question of the server answers.
    fn until(&self, question: &str, count: &str) {
        let since = Instant::now();
        while self.sql(question) != count {
            let waited = since.elapsed();
            assert!(waited < Duration::from_secs(60), "not {count}: {question}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn engine_does(&self, args: &[&str]) {
        let ran = Command::new(&self.client).args(args).output().unwrap();
        assert!(ran.status.success(), "{args:?}: {}", text(&ran));
    }

    fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        self.environment(command.args(args));
        command
    }

    /// A script in the world's folder, with pgseal on PATH.
    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        self.environment(command.args(["-c", script]));
        let pgseal = PathBuf::from(env!("CARGO_BIN_EXE_pgseal"));
        let folders = [&self.client, &pgseal].map(|program| program.parent().unwrap().display());
        let [client, pgseal] = folders;
        command
            .env("PATH", format!("{client}:{pgseal}:/usr/bin:/bin"))
            .current_dir(self.dir.path());
        command
    }

    fn environment(&self, command: &mut Command) {
        let path = format!("{}:/usr/bin:/bin", self.client.parent().unwrap().display());
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.dir.path())
            .envs(
                ["DOCKER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"]
                    .map(|name| (name, setting(name))),
            )
            .env("PGSEAL_CONFIG", self.config())
            .env("GNUPGHOME", self.dir.path().join("gnupg"))
            .env("PGSEAL_STORE", self.dir.path().join("store"))
            .env("BACKUP_GPG_FPR", &self.fingerprint)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    fn store(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join("store")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// Backends and processes of ours inside, and who waits for a lock.
    fn left(&self) -> String {
        let backends = self.sql("SELECT application_name, query FROM pg_stat_activity WHERE application_name LIKE 'pg%'");
        let all = self.inside(&[
            "sh",
            "-c",
            "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done",
        ]);
        let ours =
            |line: &&str| line.contains("pg_dump --format") || line.contains("psql --no-psqlrc");
        backends + &all.lines().filter(ours).collect::<Vec<_>>().join("\n")
    }

    fn nothing_is_left(&self) {
        let mut logs = Command::new(&self.client);
        let logs = text(&logs.args(["logs", &self.container]).output().unwrap());
        // The server is the container's first process, and gets whatever is orphaned in it.
        let crashed = logs.contains("was terminated by signal");
        assert!(!crashed, "the server took an orphan for a backend: {logs}");
        let since = Instant::now();
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            assert!(since.elapsed() < Duration::from_secs(20), "left: {left}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let home = self.dir.path().join("gnupg");
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(home)
            .args(["--kill", "all"])
            .status();
    }
}

#[test]
fn a_backup_comes_back() {
    World::each(|world| {
        world.sql("DROP TABLE IF EXISTS ct; CREATE TABLE ct AS SELECT n AS a, md5(n::text) AS b FROM generate_series(1, 50000) n");
        world.sql("DROP DATABASE IF EXISTS ct_back");
        world.sql("CREATE DATABASE ct_back TEMPLATE template0");
        let ran = world
            .pgseal("postgres", &["backup", "--table=public.ct", "--run-id=a"])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", text(&ran));
        // A terminal would have turned each LF into CRLF.
        let artifact = world.dir.path().join("store/a.sql.gpg");
        assert!(
            !world
                .gpg(&["--quiet", "--decrypt", artifact.to_str().unwrap()])
                .contains('\r')
        );
        let mut restore = world.pgseal("ct_back", &["restore", "a", "--origin-unproved"]);
        let ran = restore.output().unwrap();
        assert!(ran.status.success(), "{}", text(&ran));
        let count = world.inside(&[
            "psql",
            "--username=postgres",
            "--dbname=ct_back",
            "-XAtqc",
            "SELECT count(*), md5(string_agg(b, '' ORDER BY a)) FROM ct",
        ]);
        let here = world.sql("SELECT count(*), md5(string_agg(b, '' ORDER BY a)) FROM ct");
        assert_eq!(count, here);
        world.nothing_is_left();
    });
}

/// Killed at many moments, while it waits for a lock and while it reads: no backend, no process, no
/// lock and no partial file is left.
#[test]
fn a_backup_that_is_ended_leaves_nothing_inside() {
    World::each(|world| {
        world.sql("DROP TABLE IF EXISTS ct_kill; CREATE TABLE ct_kill AS SELECT n AS a, repeat(md5(n::text), 20) AS b FROM generate_series(1, 100000) n");
        for moment in 0..12 {
            let child = world
                .pgseal("postgres", &["backup", "--table=public.ct_kill"])
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(100 + 130 * moment));
            let signal = if moment % 3 == 2 {
                rustix::process::Signal::KILL
            } else {
                rustix::process::Signal::TERM
            };
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, signal);
            let ran = child.wait_with_output().unwrap();
            world.nothing_is_left();
            let whole = world
                .store()
                .iter()
                .any(|name| name.ends_with(".manifest.json"));
            assert_eq!(ran.status.success(), whole, "{}", text(&ran));
            if signal == rustix::process::Signal::TERM {
                assert!(!world.store().iter().any(|name| name.ends_with(".partial")));
            }
            for name in world.store() {
                std::fs::remove_file(world.dir.path().join("store").join(name)).unwrap();
            }
        }
    });
}

/// A statement that goes on for minutes is ended by the server, and rolled back.
#[test]
fn a_restore_that_is_ended_leaves_nothing_inside() {
    World::each(|world| {
        let body = |seconds: &str| {
            format!(
                "CREATE OR REPLACE FUNCTION ct_slow(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN true; END $$;"
            )
        };
        world.sql("DROP TABLE IF EXISTS ct_index");
        world.sql(&body("0"));
        world.sql("CREATE TABLE ct_index AS SELECT 1 AS a; CREATE INDEX ON ct_index (ct_slow(a))");
        world.sql(&body("300"));
        let ran = world
            .pgseal(
                "postgres",
                &["backup", "--table=public.ct_index", "--run-id=slow"],
            )
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", text(&ran));
        world.sql("DROP DATABASE IF EXISTS ct_slow WITH (FORCE)");
        world.sql("CREATE DATABASE ct_slow TEMPLATE template0");
        let mut restore = world.pgseal("ct_slow", &["restore", "slow", "--origin-unproved"]);
        let child = restore.spawn().unwrap();
        let since = Instant::now();
        while !world.left().contains("CREATE INDEX") {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "it never came to the index"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ran = child.wait_with_output().unwrap();
        assert!(
            text(&ran).contains("nothing was changed in the target"),
            "{}",
            text(&ran)
        );
        world.nothing_is_left();
    });
}

/// The whole story through the engine: guard, what COMMAND wrote, undo; and the two reports.
#[test]
fn a_write_is_taken_back() {
    World::each(|world| {
        world.sql("DROP TABLE IF EXISTS ct_undo; CREATE TABLE ct_undo (a int PRIMARY KEY, b text); INSERT INTO ct_undo SELECT n, md5(n::text) FROM generate_series(1, 3000) n");
        let digest = || world.sql("SELECT md5(string_agg(a || b, '' ORDER BY a)) FROM ct_undo");
        let before = digest();
        let envelope = world.dir.path().join("envelope.json");
        let envelope = envelope.to_str().unwrap();
        let mut guard = world.pgseal("postgres", &["guard", "--table=public.ct_undo"]);
        guard.args(["--run-id=u", "--envelope-file", envelope, "--"]);
        guard.arg(&world.client);
        guard.args(["exec", "-i", &world.container, "psql", "-U", "postgres"]);
        guard.args(["-Xqc", "UPDATE ct_undo SET b = 'lost' WHERE a <= 100"]);
        let answer = |command: &mut Command, status: i32, words: &str| {
            let ran = command.output().unwrap();
            assert_eq!(ran.status.code(), Some(status), "{}", text(&ran));
            assert!(text(&ran).contains(words), "{words}: {}", text(&ran));
            world.nothing_is_left();
        };
        answer(&mut guard, 0, "COMMAND wrote at most 100 rows");
        let damaged = digest();

        let pgseal = |args: &[&str]| world.pgseal("postgres", args);
        answer(&mut pgseal(&["diff", "u", "--counts"]), 1, "100");
        answer(
            &mut pgseal(&["diff", "u"]),
            1,
            "DIFF: 100 rows in 1 of 1 table",
        );
        let undo = ["undo", "u", "--envelope", envelope];
        answer(&mut pgseal(&undo), 0, "100");
        assert_eq!(digest(), damaged);
        answer(pgseal(&undo).arg("--rehearse"), 0, "100");
        assert_eq!(digest(), damaged);
        answer(
            pgseal(&undo).arg("--apply"),
            0,
            "UNDO: 100 rows in 1 table are as they were",
        );
        assert_eq!(digest(), before);
        answer(
            &mut pgseal(&["diff", "u"]),
            0,
            "DIFF: 0 rows in 0 of 1 table",
        );

        let proved = ["prove-backup", "--table=public.ct_undo"];
        answer(&mut pgseal(&proved), 0, "0 rows changed");
        let readiness = ["readiness", "--table=public.ct_undo", "--verbose"];
        let ran = pgseal(&readiness).output().unwrap();
        for version in ["pg_dump 17.", "of this host"] {
            assert!(text(&ran).contains(version), "{version}: {}", text(&ran));
        }
        world.nothing_is_left();
    });
}

/// Ended while a trigger sleeps below its one statement: no backend is left, and nothing was changed.
#[test]
fn an_undo_that_is_ended_leaves_nothing_inside() {
    World::each(|world| {
        world.sql("DROP TABLE IF EXISTS ct_slow; CREATE TABLE ct_slow (a int PRIMARY KEY, b text); INSERT INTO ct_slow VALUES (1, 'a')");
        let backup = ["backup", "--table=public.ct_slow", "--run-id=s"];
        let ran = world.pgseal("postgres", &backup).output().unwrap();
        assert!(ran.status.success(), "{}", text(&ran));
        world.sql("UPDATE ct_slow SET b = 'b'; CREATE OR REPLACE FUNCTION ct_sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(300); RETURN NULL; END $$; CREATE TRIGGER sleep AFTER UPDATE ON ct_slow FOR EACH ROW EXECUTE FUNCTION ct_sleep()");
        let undo = [
            "undo",
            "s",
            "--origin-unproved",
            "--apply",
            "--later=overwrite",
        ];
        let mut child = world.pgseal("postgres", &undo).spawn().unwrap();
        let since = Instant::now();
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while world.sql(asleep) != "1" {
            let ended = child.try_wait().unwrap();
            if ended.is_some() || since.elapsed() > Duration::from_secs(60) {
                panic!("never slept: {}", text(&child.wait_with_output().unwrap()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ran = child.wait_with_output().unwrap();
        assert_eq!(ran.status.code(), Some(143), "{}", text(&ran));
        world.nothing_is_left();
        assert_eq!(world.sql("SELECT b FROM ct_slow"), "b");
    });
}

/// Backup, restore, diff and undo where the tools can write no file.
#[test]
fn a_read_only_root_is_enough() {
    World::each(|world| {
        let mut touch = Command::new(&world.client);
        touch.args(["exec", CLIENT, "touch", "/tmp/x", "/run/x", "/root/x"]);
        let touched = text(&touch.output().unwrap());
        assert_eq!(touched.matches("Read-only").count(), 3, "{touched}");
        world.sql("DROP TABLE IF EXISTS ct_ro; CREATE TABLE ct_ro (a int PRIMARY KEY, b text); INSERT INTO ct_ro SELECT n, md5(n::text) FROM generate_series(1, 1000) n");
        world.sql("DROP DATABASE IF EXISTS ct_ro");
        world.sql("CREATE DATABASE ct_ro TEMPLATE template0");
        let digest = || world.sql("SELECT md5(string_agg(a || b, '' ORDER BY a)) FROM ct_ro");
        let before = digest();
        let answer = |database: &str, args: &[&str], status: i32| {
            let ran = world.through_client(database, args).output().unwrap();
            assert_eq!(ran.status.code(), Some(status), "{args:?}: {}", text(&ran));
        };
        answer(
            "postgres",
            &["backup", "--table=public.ct_ro", "--run-id=ro"],
            0,
        );
        answer("ct_ro", &["restore", "ro", "--origin-unproved"], 0);
        world.sql("UPDATE ct_ro SET b = 'lost' WHERE a <= 10");
        answer("postgres", &["diff", "ro"], 1);
        let undo = [
            "undo",
            "ro",
            "--origin-unproved",
            "--apply",
            "--later=overwrite",
        ];
        answer("postgres", &undo, 0);
        assert_eq!(digest(), before);
        world.nothing_is_left();
    });
}

/// Killed while pg_dump, and then psql, waits for a lock: the engine ends with a status, which is told
/// as the signal that it stands for.
#[test]
fn a_container_that_is_killed_is_blamed() {
    World::each(|world| {
        world.sql("DROP TABLE IF EXISTS ct_wait; CREATE TABLE ct_wait (a int PRIMARY KEY)");
        let backup = ["backup", "--table=public.ct_wait"];
        let ran = world.through_client("postgres", &[&backup[..], &["--run-id=w"]].concat());
        let ran = { ran }.output().unwrap();
        assert!(ran.status.success(), "{}", text(&ran));
        for (tool, verb) in [("pg_dump", &backup[..]), ("psql", &["diff", "w"])] {
            let mut locker = Command::new(&world.client);
            locker.args(["exec", "-i", &world.container, "psql", "-U", "postgres"]);
            locker.args([
                "-Xqc",
                "SET application_name = 'locker'; BEGIN; LOCK TABLE ct_wait; SELECT pg_sleep(300)",
            ]);
            let mut locker = locker.stderr(Stdio::null()).spawn().unwrap();
            let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            world.until(asleep, "1");
            let waiting = world.through_client("postgres", verb).spawn().unwrap();
            world.until("SELECT count(*) FROM pg_locks WHERE NOT granted", "1");
            world.engine_does(&["kill", CLIENT]);
            let ran = waiting.wait_with_output().unwrap();
            world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
            locker.wait().unwrap();
            world.engine_does(&["start", CLIENT]);
            world.nothing_is_left();
            assert_eq!(ran.status.code(), Some(4), "{}", text(&ran));
            for words in [
                "status 137: signal 9 (SIGKILL) in its container",
                &format!("{tool} was killed in the container `{CLIENT}`: "),
                &format!("{} logs --tail=20 {CLIENT}", world.engine()),
            ] {
                assert!(text(&ran).contains(words), "{words}: {}", text(&ran));
            }
            let kept = world.store();
            assert!(kept.iter().all(|name| name.starts_with("w.")), "{kept:?}");
        }
    });
}

/// docs/recipes/docker-compose.md, by plain docker, where compose is not to be had.
#[test]
fn the_recipe_for_docker_compose() {
    World::each(|world| {
        if world.engine() != "docker" {
            return;
        }
        world.sql("DROP DATABASE IF EXISTS shop");
        world.sql("CREATE DATABASE shop");
        let sql = |sql: &str| {
            world.inside(&[
                "psql",
                "--username=postgres",
                "--dbname=shop",
                "-XAtqc",
                sql,
            ])
        };
        sql("CREATE TABLE orders AS SELECT 'open' AS status FROM generate_series(1, 5)");
        let open = "SELECT count(*) FROM orders WHERE status = 'open'";
        let write = "UPDATE orders SET status = 'shipped';";
        std::fs::write(world.dir.path().join("V2__ship.sql"), write).unwrap();
        let block = Page::open("docs/recipes/docker-compose.md").only("sh");
        let run = |fingerprint: &str, name: &str| {
            let find = format!("docker ps -q --filter name=^{name}$");
            let script = block.replace("docker compose ps -q db", &find).replace(
                "docker compose exec -T db",
                &format!("docker exec -i {}", world.container),
            );
            assert!(!script.contains("compose"), "{script}");
            let mut shell = world.shell(&script);
            shell.env("BACKUP_GPG_FPR", fingerprint).output().unwrap()
        };
        for (fingerprint, name, words) in [
            (
                world.fingerprint.as_str(),
                "ct-stopped",
                "is no name of a container",
            ),
            (
                "0123456789ABCDEF0123456789ABCDEF01234567",
                &world.container,
                "no public key",
            ),
        ] {
            let ran = run(fingerprint, name);
            assert_eq!(ran.status.code(), Some(125), "{}", text(&ran));
            assert!(text(&ran).contains(words), "{words}: {}", text(&ran));
            assert_eq!(sql(open), "5");
        }
        let ran = run(&world.fingerprint, &world.container);
        assert!(ran.status.success(), "{}", text(&ran));
        assert_eq!(sql(open), "0");
        let artifact = world
            .store()
            .into_iter()
            .find(|name| name.ends_with(".sql.gpg") && !name.contains(".prelude."));
        let artifact = world.dir.path().join("store").join(artifact.unwrap());
        let sealed = world.gpg(&["--quiet", "--decrypt", artifact.to_str().unwrap()]);
        assert_eq!(sealed.matches("\nopen").count(), 5, "{sealed}");
        assert!(!sealed.contains("shipped"));
        world.nothing_is_left();
    });
}

#[test]
fn what_the_engine_refuses() {
    World::each(|world| {
        for (container, words) in [
            ("ct-none", "has no container `ct-none`"),
            ("ct-bare", "does not have the program"),
            ("ct-nosh", "does not have the program"),
            ("ct-stopped", "does not run"),
        ] {
            let container = format!("--container={container}");
            let ran = world
                .bare(&["backup", "--table=public.ct", &container])
                .output()
                .unwrap();
            assert_eq!(ran.status.code(), Some(3), "{}", text(&ran));
            assert!(text(&ran).contains(words), "{words}: {}", text(&ran));
        }
        let user = format!(
            "[postgres]\ncontainer_engine = \"{}\"\ncontainer_user = \"ct-nobody\"\n",
            world.engine()
        );
        std::fs::write(world.config(), user).unwrap();
        let ran = world
            .pgseal("postgres", &["backup", "--table=public.ct"])
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(3), "{}", text(&ran));
        assert!(text(&ran).contains("has no such user"), "{}", text(&ran));

        // podman has no daemon that could be away.
        if world.engine() == "docker" {
            let mut backup = world.pgseal("postgres", &["backup", "--table=public.ct"]);
            backup.env("DOCKER_HOST", "unix:///nowhere.sock");
            let ran = backup.output().unwrap();
            assert_eq!(ran.status.code(), Some(3));
            let words = "docker cannot be reached";
            assert!(text(&ran).contains(words), "{}", text(&ran));
            backup
                .env_remove("DOCKER_HOST")
                .env("DOCKER_CONTEXT", "ct-nope");
            let ran = backup.output().unwrap();
            assert_eq!(ran.status.code(), Some(3));
            for words in [
                "docker has no such context",
                "\"ct-nope\"",
                "`docker context ls`",
            ] {
                assert!(text(&ran).contains(words), "{words}: {}", text(&ran));
            }
        }
        assert_eq!(world.store(), [""; 0]);
    });
}

/// The real client, which has no cluster here: it takes our words for those of `exec`, and is blamed.
#[test]
fn kubectl_without_a_cluster() {
    World::each(|world| {
        std::fs::write(
            world.config(),
            "[postgres]\ncontainer_engine = \"kubectl\"\n",
        )
        .unwrap();
        let backup = ["backup", "--table=public.ct", "--container=prod/db-0/pg"];
        let ran = world.bare(&backup).output().unwrap();
        assert_eq!(ran.status.code(), Some(3), "{}", text(&ran));
        let words = "kubectl cannot be reached: The connection to the server";
        assert!(text(&ran).contains(words), "{}", text(&ran));
        assert_eq!(world.store(), [""; 0]);
    });
}
