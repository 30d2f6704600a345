//! A throw-away GnuPG home that is removed whatever happens.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::gnupg::command::Gpg;
use crate::process::cancel::Cancel;
use crate::process::find::{self, Tool};
use crate::process::run::{Input, run};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// GnuPG's sockets live in the home, and a socket's path has 107 bytes at most; the longest of
/// their names leaves 86 for the home (tried on 2.2.40 and 2.4.7).
const LONGEST_HOME: usize = 86;

/// A `GNUPGHOME` of our own, with an agent of its own while it lives.
#[derive(Debug)]
pub(crate) struct EphemeralHome {
    pub gpg: Gpg,
    gpgconf: String,
    dir: Option<TempDir>,
    path: PathBuf,
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
    pub(crate) fn new(gpg: &str, env: &Env) -> Result<EphemeralHome> {
        let gpgconf = find::find(Tool::Gpgconf, env)?;
        let dir = roots(env)
            .iter()
            .filter(|root| root.as_os_str().len() + 16 <= LONGEST_HOME)
            .find_map(|root| tempfile::Builder::new().prefix("pgs").tempdir_in(root).ok())
            .ok_or_else(|| {
                Error::new(Code::Store, "no folder for a temporary GnuPG home")
                    .hint("Set TMPDIR to a folder with a path of 70 characters at most.")
            })?;
        let path = dir.path().to_path_buf();
        // Protecting a key is made slow on purpose; for a key that lives a second it need not be.
        let conf = path.join("gpg-agent.conf");
        std::fs::write(&conf, "s2k-count 65536\n")
            .map_err(|err| Error::io(Code::Store, "write", &conf, &err))?;
        Ok(EphemeralHome {
            gpg: Gpg::new(gpg, &path, env),
            gpgconf,
            dir: Some(dir),
            path,
        })
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
        let cancel = Cancel::none().with_limit(Some(Duration::from_secs(10)));
        run(&self.gpg.kill_daemons(&self.gpgconf), Input::Null, &cancel);
        let since = Instant::now();
        // The kill returns before the daemon is gone.
        while !processes(&self.path).is_empty() && since.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(2));
        }
        for pid in processes(&self.path) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        run(
            &self.gpg.remove_sockets(&self.gpgconf),
            Input::Null,
            &cancel,
        );
        // A file that appears meanwhile is no reason to give up at once.
        let path = dir.keep();
        for _ in 0..3 {
            if std::fs::remove_dir_all(&path).is_ok() {
                break;
            }
        }
    }
}

impl Drop for EphemeralHome {
    fn drop(&mut self) {
        self.clean();
    }
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
