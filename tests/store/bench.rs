//! A real cluster, real keys, and artifacts taken from them once; every test mutilates its own copy.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

pub const SQL: &str = r#"
CREATE TABLE public.a (id int PRIMARY KEY, x text);
INSERT INTO public.a SELECT n, repeat('row ', 50) FROM generate_series(1, 300) n;
CREATE TABLE public."Odd ""T" (x text, y text);
INSERT INTO public."Odd ""T" VALUES (E'\\.', E'a\nb'), ('COPY x FROM stdin;', NULL);
CREATE TABLE public.part (id int) PARTITION BY RANGE (id);
CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES FROM (0) TO (10);
INSERT INTO public.part VALUES (1), (2);
CREATE TABLE public.none (x int);
"#;
pub const TABLES: [&str; 4] = [
    "--table=public.a",
    "--table=public.\"Odd \"\"T\"",
    "--table=public.part",
    "--table=public.none",
];

pub struct Ran {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub out: String,
    pub err: String,
}

/// One run of a program, with nothing of the caller's environment.
pub fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end without reading.
    let _ = stdin.write_all(input);
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    Ran {
        code: out.status.code(),
        signal: std::os::unix::process::ExitStatusExt::signal(&out.status),
        out: String::from_utf8(out.stdout).unwrap(),
        err: String::from_utf8(out.stderr).unwrap(),
    }
}

pub fn folder() -> TempDir {
    let dir = tempfile::Builder::new().prefix("pgv").tempdir_in("/tmp");
    let dir = dir.unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

/// The bytes of a keyring: enough to put it down elsewhere.
pub type Ring = BTreeMap<String, Vec<u8>>;

pub struct Home(pub TempDir);

impl Home {
    pub fn new(ring: &Ring) -> Home {
        let dir = folder();
        for (name, bytes) in ring {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let keys = dir.path().join("private-keys-v1.d");
        if keys.exists() {
            fs::set_permissions(keys, fs::Permissions::from_mode(0o700)).unwrap();
        }
        Home(dir)
    }

    pub fn gpg(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = Command::new("gpg");
        let command = command
            .args(["--batch", "--no-tty", "--no-options", "--status-fd=2"])
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("GNUPGHOME", self.0.path());
        run(command, input)
    }

    /// A key, protected where a passphrase is given; its fingerprint.
    pub fn key(&self, passphrase: Option<&str>) -> String {
        fs::write(self.0.path().join("gpg-agent.conf"), "s2k-count 65536\n").unwrap();
        let block = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign,cert\nSubkey-Type: ECDH\n\
                     Subkey-Curve: cv25519\nSubkey-Usage: encrypt\nName-Real: t\nExpire-Date: 2y\n";
        let ran = match passphrase {
            Some(text) => self.gpg(
                &["--pinentry-mode=loopback", "--passphrase-fd=0", "--gen-key"],
                format!("{text}\n{block}").as_bytes(),
            ),
            None => self.gpg(
                &["--gen-key"],
                format!("%no-protection\n{block}").as_bytes(),
            ),
        };
        let line = ran.err.lines().find_map(|l| l.split_once("KEY_CREATED B "));
        line.unwrap_or_else(|| panic!("{}", ran.err)).1[..40].to_string()
    }

    fn ring(&self, secret: bool) -> Ring {
        let mut ring = Ring::new();
        let mut take = |name: String| {
            let bytes = fs::read(self.0.path().join(&name)).unwrap();
            ring.insert(name, bytes);
        };
        take("pubring.kbx".into());
        if secret {
            for entry in fs::read_dir(self.0.path().join("private-keys-v1.d")).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                take(format!("private-keys-v1.d/{name}"));
            }
        }
        ring
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for ask in [["--kill", "all"].as_slice(), &["--remove-socketdir"]] {
            let _ = Command::new("gpgconf")
                .args(ask)
                .env("GNUPGHOME", self.0.path())
                .output();
        }
    }
}

/// A server on a socket, ended when it is dropped.
pub struct Cluster {
    pub dir: TempDir,
    server: Child,
}

const BIN: &str = "/usr/lib/postgresql/15/bin";

impl Cluster {
    pub fn new() -> Cluster {
        let dir = folder();
        let root = rustix::process::geteuid().is_root();
        let owner = root.then(|| {
            let id = |flag: &str| {
                let out = Command::new("id")
                    .args([flag, "postgres"])
                    .output()
                    .unwrap();
                String::from_utf8(out.stdout)
                    .unwrap()
                    .trim()
                    .parse()
                    .unwrap()
            };
            (id("-u"), id("-g"))
        });
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(dir.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = dir.path().join("data");
        let tool = |name: &str| {
            let mut command = Command::new(format!("{BIN}/{name}"));
            command.current_dir("/").env_clear().env("LC_ALL", "C");
            if let Some((uid, gid)) = owner {
                command.uid(uid).gid(gid);
            }
            command.arg("-D").arg(&data);
            command
        };
        let made = tool("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "-N",
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let server = tool("postgres")
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(dir.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let cluster = Cluster { dir, server };
        for _ in 0..200 {
            if cluster.psql("SELECT 1").code == Some(0) {
                assert_eq!(cluster.psql(SQL).code, Some(0));
                return cluster;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let log = fs::read_to_string(cluster.dir.path().join("log"));
        panic!("no server: {log:?}");
    }

    pub fn psql(&self, sql: &str) -> Ran {
        let mut command = Command::new("psql");
        command.args(["-Xqv", "ON_ERROR_STOP=1", "-f", "-"]);
        self.env(&mut command);
        run(&mut command, sql.as_bytes())
    }

    pub fn env(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("PGHOST", self.dir.path())
            .env("PGUSER", "postgres");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown.
        let pid = rustix::process::Pid::from_child(&self.server);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.server.wait();
    }
}

/// pgseal in an environment of the test's own.
pub fn pgseal(home: &Path, store: &Path, args: &[&str]) -> Command {
    // A config file of the host's must not be read.
    let config = home.join("empty.toml");
    fs::write(&config, "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("GNUPGHOME", home)
        .env("PGSEAL_STORE", store)
        .env("PGSEAL_CONFIG", config);
    command.args(args.iter().map(OsString::from));
    command
}

pub const PASSPHRASE: &str = "open sesame";

/// Two runs for one key and one for each other compression, named like it; one run for a second
/// key, one for a protected third.
pub struct Taken {
    pub files: BTreeMap<String, Vec<u8>>,
    pub envelope: String,
    pub fingerprint: String,
    pub ring: Ring,
    pub public: Ring,
    pub other: Ring,
    pub protected: Ring,
}

pub fn taken() -> &'static Taken {
    static TAKEN: OnceLock<Taken> = OnceLock::new();
    TAKEN.get_or_init(|| {
        let (cluster, store) = (Cluster::new(), folder());
        let homes = [(); 3].map(|()| Home::new(&Ring::new()));
        let mut envelope = String::new();
        let mut fingerprints = Vec::new();
        for (home, passphrase, runs) in [
            (&homes[0], None, &["a", "b", "deflate", "none", "zstd"][..]),
            (&homes[1], None, &["c"]),
            (&homes[2], Some(PASSPHRASE), &["p"]),
        ] {
            let fingerprint = home.key(passphrase);
            for id in runs {
                let ran = backup(&cluster, home.0.path(), store.path(), &fingerprint, id);
                assert_eq!(ran.code, Some(0), "{}", ran.err);
                if *id == "a" {
                    envelope = ran.out;
                }
            }
            fingerprints.push(fingerprint);
        }
        let files = fs::read_dir(store.path()).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        });
        Taken {
            files: files.collect(),
            envelope,
            fingerprint: fingerprints.swap_remove(0),
            ring: homes[0].ring(true),
            public: homes[0].ring(false),
            other: homes[1].ring(true),
            protected: homes[2].ring(true),
        }
    })
}

pub fn backup(cluster: &Cluster, home: &Path, store: &Path, fpr: &str, id: &str) -> Ran {
    let compress = match id {
        "deflate" | "none" | "zstd" => format!("--compress={id}"),
        _ => "--compress=gpg:6".into(),
    };
    let mut command = pgseal(
        home,
        store,
        &["backup", "--no-prelude", &compress, "--run-id", id],
    );
    command
        .args(TABLES)
        .env("BACKUP_GPG_FPR", fpr)
        .env("PGHOST", cluster.dir.path())
        .env("PGUSER", "postgres");
    run(&mut command, b"")
}

/// A store with copies of some runs, and a keyring.
pub struct Bench {
    pub store: TempDir,
    pub home: Home,
}

impl Bench {
    pub fn new(runs: &[&str], ring: &Ring) -> Bench {
        let store = folder();
        let bench = Bench {
            store,
            home: Home::new(ring),
        };
        for (name, bytes) in &taken().files {
            if runs.iter().any(|id| name.starts_with(&format!("{id}."))) {
                bench.put(name, bytes);
            }
        }
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.store.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn get(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn manifest(&self, id: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let name = format!("{id}.manifest.json");
        let mut value = serde_json::from_slice(&self.get(&name)).unwrap();
        change(&mut value);
        self.put(&name, value.to_string().as_bytes());
    }

    pub fn pgseal(&self, args: &[&str], input: &[u8]) -> Ran {
        run(
            &mut pgseal(self.home.0.path(), self.store.path(), args),
            input,
        )
    }

    /// The one document on standard output.
    pub fn json(&self, args: &[&str], input: &[u8]) -> (Option<i32>, serde_json::Value) {
        let ran = self.pgseal(&[args, &["--json"]].concat(), input);
        let value = serde_json::from_str(&ran.out);
        (
            ran.code,
            value.unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err)),
        )
    }
}

/// Standing and detail of one check of a report.
pub fn check<'a>(report: &'a serde_json::Value, check: &str) -> Option<(&'a str, &'a str)> {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|finding| finding["check"] == check)?;
    Some((
        found["standing"].as_str().unwrap(),
        found["detail"].as_str().unwrap(),
    ))
}

/// verify says no, and this check says why.
pub fn refused(bench: &Bench, args: &[&str], name: &str, words: &str) {
    let (code, report) = bench.json(&[&["verify"], args].concat(), b"");
    let found = check(&report, name);
    let (standing, detail) = found.unwrap_or_else(|| panic!("{name}: {report:#}"));
    assert_eq!((code, standing), (Some(1), "FAILED"), "{name}: {report:#}");
    assert_eq!(report["result"], "FAIL");
    assert!(
        detail.contains(words),
        "{name}: {detail:?} has no {words:?}"
    );
}
