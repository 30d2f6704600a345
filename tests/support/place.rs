//! A folder of a test's own: what a run of pgseal gets of the world, and a look at what is left.

use super::{Pgseal, Ran, eventually, names, processes};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Stands in the environment of every run, and may stand nowhere else.
pub(super) const SECRET: &str = "hunter2-in-the-environment";

pub struct Place {
    /// HOME, TMPDIR, GNUPGHOME and the store are in it.
    pub dir: PathBuf,
    /// Of every run; nothing else is in it.
    pub env: BTreeMap<String, OsString>,
    heard: RefCell<String>,
    _folder: TempDir,
}

impl Place {
    pub fn new() -> Place {
        // Not below TMPDIR: an agent's socket has a path of 107 bytes at most.
        let folder = tempfile::Builder::new()
            .prefix("pgs-it-")
            .tempdir_in("/tmp")
            .unwrap();
        let mut place = Place {
            dir: folder.path().to_path_buf(),
            env: BTreeMap::new(),
            heard: RefCell::default(),
            _folder: folder,
        };
        for (name, mode) in [
            ("home", 0o700),
            ("tmp", 0o700),
            ("store", 0o700),
            ("gnupg", 0o700),
            ("bin", 0o755),
        ] {
            std::fs::create_dir(place.path(name)).unwrap();
            place.mode(&place.path(name), mode);
        }
        // The config file of the host must not be read; this one anybody may.
        let config = place.write("empty.toml", "");
        place.mode(&config, 0o644);
        let search = format!("{}:/usr/bin:/bin", place.path("bin").display());
        place.set("PATH", search);
        place.set("HOME", place.path("home"));
        place.set("TMPDIR", place.path("tmp"));
        place.set("GNUPGHOME", place.path("gnupg"));
        place.set("PGSEAL_STORE", place.store());
        place.set("PGSEAL_CONFIG", config);
        place.set("APP_SECRET", SECRET);
        place
    }

    /// In the environment of every run from now on.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.env.insert(name.into(), value.into());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// What is in the store.
    pub fn files(&self) -> Vec<String> {
        names(&self.store())
    }

    #[track_caller]
    pub fn store_is_empty(&self) {
        assert_eq!(self.files(), [""; 0]);
    }

    /// Writes a file into the folder, readable by us alone.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        self.mode(&path, 0o600);
        path
    }

    pub fn mode(&self, path: &Path, mode: u32) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }

    /// Puts a bash script on PATH, in front of a tool of that name.
    pub fn script(&self, name: &str, script: &str) {
        self.program(name, &format!("#!/bin/bash\n{script}\n"));
    }

    /// Puts a program on PATH that names its interpreter.
    pub fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        self.executable("/dev/stdin", &path, text.as_bytes());
    }

    /// A copy of pgseal under this name in the test's folder, for a user who may not read the build's.
    pub fn copy_of_pgseal(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.executable(env!("CARGO_BIN_EXE_pgseal"), &path, b"");
        path
    }

    /// Written by a process of its own: what another test forks meanwhile would hold a file that this one
    /// writes, and to run it would fail (ETXTBSY).
    fn executable(&self, from: &str, to: &Path, input: &[u8]) {
        let fresh = self.path("bin.new");
        super::tool(Command::new("cp").arg(from).arg(&fresh), input);
        self.mode(&fresh, 0o755);
        std::fs::rename(fresh, to).unwrap();
    }

    /// Puts a script in front of a tool. `$real` is the tool itself; other calls than the one
    /// that `when` (a bash pattern over all arguments) names go to it unchanged.
    pub fn shim(&self, tool: &str, when: &str, script: &str) {
        let real = match tool {
            "pg_dump" | "psql" => super::bin().join(tool),
            _ => which::which_in(tool, Some("/usr/bin:/bin"), "/").unwrap(),
        };
        let real = real.display();
        self.script(
            tool,
            &format!(
                "real={real}\ncase \" $* \" in {when}) ;; *) exec $real \"$@\" ;; esac\n{script}"
            ),
        );
    }

    /// A server for proofs whose folder holds the psql that a test puts on PATH.
    pub fn server_with_psql_of_path(&self) -> PathBuf {
        let tools = self.path("server");
        std::fs::create_dir(&tools).unwrap();
        let link = |from: PathBuf, name: &str| {
            std::os::unix::fs::symlink(from, tools.join(name)).unwrap();
        };
        link(super::bin().join("initdb"), "initdb");
        link(super::bin().join("postgres"), "postgres");
        link(self.path("bin/psql"), "psql");
        self.script("pg_config", &format!("echo {}", tools.display()));
        // Its owner is another user, where we are root.
        self.mode(&self.dir, 0o755);
        tools
    }

    /// A psql of before August 2025.
    pub fn shim_psql_without_restrict(&self) {
        let script = "sed 's/^\\\\restrict/\\\\no_such_command/' | $real \"$@\" 2> >(sed 's/no_such_command/restrict/' >&2)";
        self.shim("psql", "*", script);
    }

    /// pg_dump, but for its version.
    pub fn shim_dump(&self, script: &str) {
        self.shim("pg_dump", "*--table=*", script);
    }

    /// gpg, when it encrypts.
    pub fn shim_encrypt(&self, script: &str) {
        self.shim("gpg", "*\\ --encrypt\\ *", script);
    }

    pub fn pgseal(&self, verb: &str) -> Pgseal<'_> {
        Pgseal::new(self).arg(verb)
    }

    /// Another program, as pgseal is run.
    pub fn command(&self, argv: &[&str]) -> Pgseal<'_> {
        Pgseal::new(self).program(argv[0]).args(&argv[1..])
    }

    /// What a reader types into a shell in the test's folder, with pgseal on PATH.
    pub fn typed(&self, script: &str) -> Pgseal<'_> {
        let ours = Path::new(env!("CARGO_BIN_EXE_pgseal")).parent().unwrap();
        let path = format!("{}:{}", ours.display(), self.env["PATH"].display());
        self.command(&["bash", "-euo", "pipefail", "-c", script])
            .env("PATH", path)
    }

    pub(super) fn heard(&self, ran: &Ran) {
        *self.heard.borrow_mut() += &format!("{}{}", ran.stdout, ran.stderr);
    }
}

/// After every test: no process of its own, no secret in what was said.
impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mine = self.dir.display().to_string();
        eventually("its processes are gone", || processes(&mine).is_empty());
        assert!(!self.heard.borrow().contains(SECRET), "a secret was told");
    }
}
