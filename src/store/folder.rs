//! The store folder: who may use it, one run at a time. Files are made, published and removed by the
//! descriptor that was opened and locked, so that no other folder takes its place on the way.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hint;
use crate::base::names::RunId;
use crate::base::place::MissingStore;
use crate::base::text::shell_word;
use crate::store::run_files::{RunFile, of_partial, run_of};
use rustix::fs::{Access, AtFlags, Dir, FileType, OFlags, Stat};
use rustix::io::Errno;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) handle: Arc<File>,
    mode: u32,
}

impl Store {
    /// To put a run there: refuses what `open_filled` refuses, and says how the folder is made.
    pub(crate) fn open(dir: &Path) -> Result<Store> {
        Store::folder(dir, MissingStore::Make)?.writable()
    }

    /// To change what is there: refuses what `open_read` refuses, and a folder that we may not write.
    pub(crate) fn open_filled(dir: &Path) -> Result<Store> {
        Store::open_read(dir)?.writable()
    }

    /// To look: refuses a folder in which a stranger could put or swap files.
    pub(crate) fn open_read(dir: &Path) -> Result<Store> {
        Store::folder(dir, MissingStore::Mistyped)
    }

    fn folder(dir: &Path, missing: MissingStore) -> Result<Store> {
        let shown = dir.display();
        // So that a FIFO is not waited for.
        let folder = OFlags::DIRECTORY.bits() as i32;
        let handle = OpenOptions::new().read(true).custom_flags(folder).open(dir);
        let handle = handle.map_err(|err| {
            let error = match err.kind() {
                ErrorKind::NotADirectory => {
                    Error::new(Code::Store, format!("the store `{shown}` is not a folder"))
                }
                _ => Error::io(Code::Store, "open the store", dir, &err),
            };
            match err.kind() {
                ErrorKind::NotFound => error.hint(missing.hints(dir)),
                ErrorKind::PermissionDenied => error.or_hint(
                    "Run as the user that owns the store, or name one of your own: --store DIR or PGSEAL_STORE.",
                ),
                _ => error.or_hint("Name the store with --store DIR or PGSEAL_STORE."),
            }
        })?;
        let meta = handle
            .metadata()
            .map_err(|err| Error::io(Code::Store, "look at the store", dir, &err))?;
        let mode = meta.mode() & 0o7777;
        let may_write = match mode & 0o022 {
            0 => None,
            0o020 => Some(("its group", "g-w")),
            _ => Some(("everybody", "go-w")),
        };
        if let Some((who, mend)) = may_write {
            let what = format!("{who} may write the store `{shown}` (mode {mode:04o})");
            return Err(Error::new(Code::Store, what).hint(Hint::run(format!(
                "chmod {mend} {}",
                shell_word(&shown.to_string())
            ))));
        }
        Ok(Store {
            dir: dir.into(),
            handle: Arc::new(handle),
            mode,
        })
    }

    fn writable(self) -> Result<Store> {
        rustix::fs::access(&self.dir, Access::WRITE_OK | Access::EXEC_OK).map_err(|err| {
            let error = Error::io(Code::Store, "write the store", &self.dir, &err.into());
            match self.handle.metadata() {
                Ok(meta) => error.or_hint(format!(
                    "Run as the store's owner (uid {}), or name another with --store.",
                    meta.uid()
                )),
                Err(_) => error,
            }
        })?;
        Ok(self)
    }

    /// What to warn of: a lock needs no more than a folder that can be opened.
    pub(crate) fn exposed(&self) -> Option<String> {
        let (shown, mode) = (self.dir.display(), self.mode);
        (mode & 0o044 != 0).then(|| {
            format!(
                "others may read the store `{shown}` (mode {mode:04o}), and so hold its lock: \
                 chmod go-rwx {shown}"
            )
        })
    }

    /// Refuses where the store's path no longer leads to the folder that was opened.
    pub(crate) fn check_in_place(&self) -> Result<()> {
        let ours = rustix::fs::fstat(&self.handle);
        let there = rustix::fs::stat(&self.dir);
        match (ours, there) {
            (Ok(ours), Ok(there)) if same(&ours, &there) => Ok(()),
            _ => Err(Error::new(
                Code::Store,
                format!(
                    "another folder was put in the place of the store `{}`",
                    self.dir.display()
                ),
            )
            .hint("Find out who may rename it, and run again.")),
        }
    }

    /// Names of the files in it, those aside that are not UTF-8 and so not ours.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let trouble = |err: Errno| Error::io(Code::Store, "list the store", &self.dir, &err.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle).map_err(trouble)? {
            let entry = entry.map_err(trouble)?;
            if let Ok(name) = entry.file_name().to_str() {
                names.push(name.to_string());
            }
        }
        Ok(names)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Held as long as the store is open; it dies with its holder and leaves no file.
    pub(crate) fn lock(&self) -> Result<()> {
        self.handle.try_lock().map_err(|err| match err {
            TryLockError::WouldBlock => Error::new(
                Code::LockHeld,
                format!("another run holds the store `{}`", self.dir.display()),
            )
            .hint("Wait until it has ended; one run at a time writes to a store."),
            TryLockError::Error(err) => Error::io(Code::Store, "lock the store", &self.dir, &err),
        })
    }

    /// Removes what a killed run left. Only under the lock: then no partial file has an owner.
    pub(crate) fn sweep(&self) -> Result<Vec<String>> {
        let partials = self.names()?.into_iter();
        let mut swept = Vec::new();
        for name in partials.filter(|name| of_partial(name).and_then(run_of).is_some()) {
            if self.is_file(&name) {
                let removed = rustix::fs::unlinkat(&self.handle, &name, AtFlags::empty());
                removed.map_err(|err| {
                    Error::io(Code::Store, "remove", &self.path(&name), &err.into())
                })?;
                swept.push(name);
            }
        }
        Ok(swept)
    }

    fn is_file(&self, name: &str) -> bool {
        let stat = rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file())
    }

    /// A run id is taken as soon as one file has it.
    pub(crate) fn check_free(&self, run_id: &RunId) -> Result<()> {
        let there = |name: &String| {
            rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
        };
        let taken = RunFile::all().map(|file| file.of(run_id)).find(there);
        match taken {
            None => Ok(()),
            Some(name) => Err(Error::new(
                Code::RunIdTaken,
                format!(
                    "run id `{run_id}` is taken: `{}` exists",
                    self.path(&name).display()
                ),
            )
            .hint("Choose another --run-id, or leave it out; nothing is ever overwritten.")),
        }
    }

    /// Makes the names themselves last, in the folder that the store's path leads to.
    pub(crate) fn sync(&self) -> Result<()> {
        self.handle
            .sync_all()
            .map_err(|err| Error::io(Code::Store, "fsync the store", &self.dir, &err))?;
        self.check_in_place()
    }
}

/// Whether both are of one file.
pub(crate) fn same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

#[cfg(test)]
mod tests;
