//! A throw-away GnuPG home that is removed whatever happens.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::leftovers::{self, Kind};
use crate::gnupg::command::Gpg;
use crate::process::cancel::Cancel;
use crate::process::find::{self, Tool};
use crate::process::run::{Input, run};
use crate::process::tether::Tether;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// GnuPG's sockets live in the home, and a socket's path has 107 bytes at most; the longest of
/// their names leaves 86 for the home (tried on 2.2.40 and 2.4.7).
const LONGEST_HOME: usize = 86;

/// How its folder begins.
const PREFIX: &str = "pgs-gpg-";

const AGENT_CONF: &str = "gpg-agent.conf";

/// Protecting a key is made slow on purpose; for a key that lives a second it need not be.
const CONF: &str = "s2k-count 65536\n";

/// A `GNUPGHOME` of our own, with an agent of its own while it lives.
pub(crate) struct EphemeralHome {
    pub gpg: Gpg,
    gpgconf: String,
    /// None where gpg starts it, when it needs one.
    agent: Option<Tether>,
    dir: Option<TempDir>,
    path: PathBuf,
    /// Held while we live.
    _lock: Option<File>,
}

/// What was left when a home had been removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removed {
    pub processes_left: usize,
    pub folder_left: bool,
}

impl EphemeralHome {
    /// In memory where the host has `/dev/shm`, unless TMPDIR says otherwise: the throw-away
    /// secret need not reach a disk.
    pub(crate) fn new(gpg: &str, env: &Env, cancel: &Cancel) -> Result<EphemeralHome> {
        let gpgconf = find::find(Tool::Gpgconf, env)?;
        let dir = roots(env)
            .iter()
            .filter(|root| root.as_os_str().len() + 16 <= LONGEST_HOME)
            .find_map(|root| {
                tempfile::Builder::new()
                    .prefix(PREFIX)
                    .permissions(Permissions::from_mode(0o700))
                    .tempdir_in(root)
                    .ok()
            })
            .ok_or_else(|| {
                Error::new(Code::Store, "no folder for a temporary GnuPG home")
                    .hint("Set TMPDIR to a folder with a path of 70 characters at most.")
            })?;
        let path = dir.path().to_path_buf();
        let lock = leftovers::lock(&path);
        let conf = path.join(AGENT_CONF);
        std::fs::write(&conf, CONF).map_err(|err| Error::io(Code::Store, "write", &conf, &err))?;
        let mut home = EphemeralHome {
            gpg: Gpg::new(gpg, &path, env),
            gpgconf,
            agent: None,
            dir: Some(dir),
            path,
            _lock: lock,
        };
        home.agent = home.start_agent(env, cancel)?;
        Ok(home)
    }

    /// One that ends with us, even where we are killed. The one that gpg starts would stay for
    /// ever.
    fn start_agent(&self, env: &Env, cancel: &Cancel) -> Result<Option<Tether>> {
        let (agent, cat) = (find::find(Tool::GpgAgent, env), find::find(Tool::Cat, env));
        let (Ok(agent), Ok(cat)) = (agent, cat) else {
            return Ok(None);
        };
        let started = Tether::start(&self.gpg.agent(&agent, &cat), cancel);
        cancel.check()?;
        // gpg starts one itself, and says what is wrong with it.
        Ok(started.ok())
    }

    /// Ends the agents and removes the folders of homes whose pgseal is gone, and says which.
    pub(crate) fn sweep(gpg: &str, env: &Env) -> Result<Vec<PathBuf>> {
        let gpgconf = find::find(Tool::Gpgconf, env)?;
        let us = rustix::process::geteuid().as_raw();
        let homes = Kind {
            prefix: PREFIX,
            is_owner: &|uid| uid == us,
            is_ours: &is_ours,
        };
        let remove = |path: &Path| clean(&Gpg::new(gpg, path, env), &gpgconf, path);
        let roots = roots(env);
        Ok(roots
            .iter()
            .flat_map(|root| homes.sweep(root, remove))
            .collect())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the daemons, waits until they are gone, removes the folder, and looks.
    pub(crate) fn remove(mut self) -> Removed {
        self.clean();
        Removed {
            processes_left: processes(&self.path).len(),
            folder_left: self.path.exists(),
        }
    }

    fn clean(&mut self) {
        let Some(dir) = self.dir.take() else { return };
        self.agent = None;
        clean(&self.gpg, &self.gpgconf, &dir.keep());
    }
}

/// Ends all that runs for a home, and removes it.
fn clean(gpg: &Gpg, gpgconf: &str, path: &Path) {
    let cancel = Cancel::none().with_limit(Some(Duration::from_secs(10)));
    run(&gpg.kill_daemons(gpgconf), Input::Null, &cancel);
    let since = Instant::now();
    // The kill returns before the daemon is gone.
    while !processes(path).is_empty() && since.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(2));
    }
    for pid in processes(path) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    run(&gpg.remove_sockets(gpgconf), Input::Null, &cancel);
    // A file that appears meanwhile is no reason to give up at once.
    for _ in 0..3 {
        if remove(path).is_ok() {
            break;
        }
    }
}

/// What tells that it is ours goes last: whoever is killed meanwhile leaves it to the next sweep.
fn remove(path: &Path) -> io::Result<()> {
    for entry in path.read_dir()? {
        let entry = entry?;
        if entry.file_name() == AGENT_CONF {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::remove_dir_all(path)
}

impl Drop for EphemeralHome {
    fn drop(&mut self) {
        self.clean();
    }
}

/// By what we write into it first; or nothing else is in it, since we were killed before that.
fn is_ours(path: &Path) -> bool {
    let conf = std::fs::read(path.join(AGENT_CONF)).unwrap_or_default();
    let only_conf = || {
        let mut entries = path.read_dir().into_iter().flatten();
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == AGENT_CONF))
    };
    conf == CONF.as_bytes() || (conf.is_empty() && only_conf())
}

/// Where temporary folders may be made, best first.
fn roots(env: &Env) -> Vec<PathBuf> {
    let named = env.get("TMPDIR").filter(|dir| !dir.is_empty());
    let all = named.map(PathBuf::from).into_iter();
    all.chain(["/dev/shm", "/tmp"].map(PathBuf::from)).collect()
}

/// Processes that were started for this home: it stands on their command line (the agents') or
/// in their environment.
fn processes(home: &Path) -> Vec<rustix::process::Pid> {
    let wanted = home.as_os_str().as_bytes();
    let holds = |path: PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| memchr::memmem::find(&bytes, wanted).is_some())
    };
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| holds(entry.path().join("cmdline")) || holds(entry.path().join("environ")))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(rustix::process::Pid::from_raw)
        .collect()
}
