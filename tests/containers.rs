//! Client tools in a container of a real engine, which `scripts/test --containers` makes ready:
//! `PGSEAL_CONTAINER` names a container in which a server of PostgreSQL runs, without a network and
//! with trust for its own users; `PGSEAL_CLIENTS` the folders of the engine's clients to try.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

struct World {
    dir: tempfile::TempDir,
    container: String,
    fingerprint: String,
    /// The engine's client, in a folder of its own.
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
                client: Path::new(client).join("docker"),
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
            test(&world);
        }
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

    fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        let path = format!("{}:/usr/bin:/bin", self.client.parent().unwrap().display());
        command
            .args(args)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.dir.path())
            .env("DOCKER_HOST", setting("DOCKER_HOST"))
            .env("GNUPGHOME", self.dir.path().join("gnupg"))
            .env("PGSEAL_STORE", self.dir.path().join("store"))
            .env("BACKUP_GPG_FPR", &self.fingerprint)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
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

#[test]
fn what_the_engine_refuses() {
    World::each(|world| {
        for (container, words) in [
            ("ct-none", "has no container `ct-none`"),
            ("ct-bare", "does not have the program"),
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
        let ran = world
            .pgseal("postgres", &["backup", "--table=public.ct"])
            .env("DOCKER_HOST", "unix:///nowhere.sock")
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(3));
        assert!(
            text(&ran).contains("docker cannot be reached"),
            "{}",
            text(&ran)
        );
        assert_eq!(world.store(), [""; 0]);
    });
}
