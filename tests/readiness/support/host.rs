//! One host a test: database, home, keyring, store, settings. Everything is real; shims only
//! break things.

use super::cluster::{ROOT, cluster, psql_command, psql_to};
use super::{Report, done};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct Host {
    pub dir: tempfile::TempDir,
    pub database: String,
    pub env: Vec<(String, String)>,
}

impl Drop for Host {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        let mut psql = psql_command(&cluster().socket, "postgres", &drop);
        let _ = psql.output();
        for home in ["gnupg", "operator"] {
            let _ = Command::new("gpgconf")
                .args(["--kill", "all"])
                .env("GNUPGHOME", self.path(home))
                .output();
        }
    }
}

impl Host {
    /// Like the seed's: the nine tables are there, the key is not.
    pub fn new() -> Host {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        static COPYING: Mutex<()> = Mutex::new(());
        let socket = &cluster().socket;
        let database = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        {
            // A template may not be copied twice at a time.
            let _one = COPYING.lock().unwrap_or_else(|e| e.into_inner());
            psql_to(
                socket,
                "postgres",
                &format!("CREATE DATABASE {database} TEMPLATE cutter"),
            );
        }
        let dir = tempfile::Builder::new()
            .prefix("pgsh")
            .tempdir_in("/tmp")
            .unwrap();
        let mut host = Host {
            dir,
            database: database.clone(),
            env: Vec::new(),
        };
        for folder in ["home", "gnupg", "operator", "store", "bin", "tmp"] {
            std::fs::create_dir(host.path(folder)).unwrap();
            done(Command::new("chmod").arg("700").arg(host.path(folder)));
        }
        host.write(".env", "");
        let config =
            std::fs::read_to_string(format!("{ROOT}/fixtures/cutter/pgseal.toml")).unwrap();
        let config = config
            .replace(
                "/var/lib/cutter/backups",
                &host.path("store").display().to_string(),
            )
            .replace(
                "/opt/incomex/docker/.env",
                &host.path(".env").display().to_string(),
            );
        host.write("pgseal.toml", &config);
        let set = |k: &str, v: String| (k.to_string(), v);
        host.env = vec![
            set(
                "PATH",
                format!("{}:/usr/bin:/bin", host.path("bin").display()),
            ),
            set("HOME", host.path("home").display().to_string()),
            set("TMPDIR", host.path("tmp").display().to_string()),
            set("GNUPGHOME", host.path("gnupg").display().to_string()),
            set("PGHOST", socket.display().to_string()),
            set("PGUSER", "postgres".into()),
            set("PGDATABASE", database),
            set(
                "PGSEAL_CONFIG",
                host.path("pgseal.toml").display().to_string(),
            ),
            set("LANG", "C.UTF-8".into()),
        ];
        host
    }

    /// With a key that can be used, and a seam that holds.
    pub fn ready() -> Host {
        let host = Host::new();
        let fpr = host.key("", "Expire-Date: 2y");
        host.publish(&fpr);
        host.seam(&[
            "/usr/bin/python3",
            &format!("{ROOT}/scripts/backup_runner.py"),
            "accept",
        ]);
        host
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.into(), value.into()));
    }

    pub fn config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("pgseal.toml")).unwrap();
        assert!(text.contains(from), "{text}");
        self.write("pgseal.toml", &text.replacen(from, to, 1));
    }

    pub fn seam(&self, argv: &[&str]) {
        let text = std::fs::read_to_string(self.path("pgseal.toml")).unwrap();
        self.write(
            "pgseal.toml",
            &format!("{text}\n[seam]\ncommand = {argv:?}\n"),
        );
    }

    pub fn publish(&self, fpr: &str) {
        self.write(".env", &format!("BACKUP_GPG_FPR={fpr}\n"));
    }

    pub fn sql(&self, sql: &str) -> String {
        psql_to(&cluster().socket, &self.database, sql)
    }

    pub fn gpg(&self, home: &str) -> Command {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--no-tty"]);
        command.env("GNUPGHOME", self.path(home)).env("LC_ALL", "C");
        command
    }

    /// Makes a key where the operator is; its public part comes here. Its fingerprint.
    pub fn key(&self, shape: &str, rest: &str) -> String {
        let shape = match shape {
            "" => {
                "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign,cert\n\
                   Subkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt"
            }
            shape => shape,
        };
        let block = format!("%no-protection\n{shape}\nName-Real: test key\n{rest}\n");
        self.write("block", &block);
        let mut make = self.gpg("operator");
        let made = done(
            make.args(["--status-fd=1", "--gen-key"])
                .arg(self.path("block")),
        );
        let fpr = made
            .lines()
            .find_map(|l| l.strip_prefix("[GNUPG:] KEY_CREATED "))
            .unwrap();
        let fpr = fpr.split(' ').nth(1).unwrap().to_string();
        self.bring(&fpr);
        fpr
    }

    /// The operator's public key as it is now.
    pub fn bring(&self, fpr: &str) {
        let file = self.path("public.gpg");
        let _ = std::fs::remove_file(&file);
        done(
            self.gpg("operator")
                .arg("--output")
                .arg(&file)
                .args(["--export", fpr]),
        );
        done(self.gpg("gnupg").arg("--import").arg(&file));
    }

    /// A program in front of the real one.
    pub fn shim(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        done(Command::new("chmod").arg("755").arg(path));
    }

    /// PATH with these programs alone.
    pub fn only(&mut self, programs: &[&str]) {
        for program in programs {
            std::os::unix::fs::symlink(
                format!("/usr/bin/{program}"),
                self.path("bin").join(program),
            )
            .unwrap();
        }
        let bin = self.path("bin").display().to_string();
        self.set("PATH", &bin);
    }

    pub fn pgseal(&self, args: &[&str]) -> Output {
        self.command(&[env!("CARGO_BIN_EXE_pgseal")])
            .args(args)
            .output()
            .unwrap()
    }

    pub fn command(&self, argv: &[&str]) -> Command {
        let mut command = Command::new(argv[0]);
        command
            .args(&argv[1..])
            .env_clear()
            .envs(self.env.iter().cloned());
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    pub fn readiness(&self) -> Report {
        Report::of(&self.pgseal(&["readiness", "--json"]))
    }
}
