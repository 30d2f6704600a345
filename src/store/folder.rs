//! The store folder: one run at a time, names that are never overwritten, and nothing under a
//! final name that is not whole and on disk.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hint;
use crate::base::names::RunId;
use crate::base::place::MissingStore;
use crate::base::text::shell_word;
use crate::store::run_files::{RunFile, of_partial, partial, run_of};
use rustix::fs::{Access, AtFlags, CWD, OFlags, RenameFlags};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) handle: File,
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
                _ => error.hint("Name the store with --store DIR or PGSEAL_STORE."),
            }
        })?;
        let meta = handle
            .metadata()
            .map_err(|err| Error::io(Code::Store, "look at the store", dir, &err))?;
        if meta.mode() & 0o002 != 0 {
            let mode = meta.mode() & 0o7777;
            let what = format!("everybody may write the store `{shown}` (mode {mode:04o})");
            return Err(Error::new(Code::Store, what).hint(Hint::run(format!(
                "chmod o-w {}",
                shell_word(&shown.to_string())
            ))));
        }
        Ok(Store {
            dir: dir.into(),
            handle,
        })
    }

    fn writable(self) -> Result<Store> {
        rustix::fs::access(&self.dir, Access::WRITE_OK | Access::EXEC_OK).map_err(|err| {
            let error = Error::io(Code::Store, "write the store", &self.dir, &err.into());
            match self.handle.metadata() {
                Ok(meta) => error.hint(format!(
                    "Run as the store's owner (uid {}), or name another with --store.",
                    meta.uid()
                )),
                Err(_) => error,
            }
        })?;
        Ok(self)
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
        let trouble = |err| Error::io(Code::Store, "list the store", &self.dir, &err);
        let mut swept = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(trouble)? {
            let entry = entry.map_err(trouble)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if file && of_partial(&name).and_then(run_of).is_some() {
                let path = self.path(&name);
                std::fs::remove_file(&path)
                    .map_err(|err| Error::io(Code::Store, "remove", &path, &err))?;
                swept.push(name);
            }
        }
        Ok(swept)
    }

    /// A run id is taken as soon as one file has it.
    pub(crate) fn check_free(&self, run_id: &RunId) -> Result<()> {
        let taken = RunFile::all()
            .map(|file| self.path(&file.of(run_id)))
            .find(|path| path.symlink_metadata().is_ok());
        match taken {
            None => Ok(()),
            Some(path) => Err(Error::new(
                Code::RunIdTaken,
                format!("run id `{run_id}` is taken: `{}` exists", path.display()),
            )
            .hint("Choose another --run-id, or leave it out; nothing is ever overwritten.")),
        }
    }

    /// A new file, readable by us alone, that is removed again unless it is published.
    pub(crate) fn partial(&self, name: &str) -> Result<Partial> {
        let path = self.path(&partial(name));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|err| Error::io(Code::Store, "create", &path, &err))?;
        Ok(Partial {
            file,
            target: self.path(name),
            size: 0,
            temporary: Temporary(Some(path)),
        })
    }

    /// Makes the names themselves last.
    pub(crate) fn sync(&self) -> Result<()> {
        self.handle
            .sync_all()
            .map_err(|err| Error::io(Code::Store, "fsync the store", &self.dir, &err))
    }
}

/// A path that is removed when it is dropped.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Nobody is left to tell; the next run sweeps what stays.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The file of a `Partial` that went out of reach.
pub(crate) struct Remover(Temporary);

impl Remover {
    /// The file is where it can be reached: nothing is removed.
    pub(crate) fn disarm(mut self) {
        self.0.0 = None;
    }
}

#[derive(Debug)]
pub(crate) struct Partial {
    file: File,
    target: PathBuf,
    size: u64,
    temporary: Temporary,
}

impl Partial {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|err| Error::io(Code::Store, "write", &self.target, &err))?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Removes its file when dropped, for a `Partial` that a thread takes with it.
    pub(crate) fn remover(&self) -> Remover {
        Remover(Temporary(self.temporary.0.clone()))
    }

    /// All bytes on disk, and as many as were counted.
    pub(crate) fn sync(self) -> Result<Synced> {
        let path = &self.target;
        self.file
            .sync_all()
            .map_err(|err| Error::io(Code::Store, "fsync", path, &err))?;
        let meta = self
            .file
            .metadata()
            .map_err(|err| Error::io(Code::Store, "look at", path, &err))?;
        if meta.len() != self.size {
            let (path, len, size) = (path.display(), meta.len(), self.size);
            let what = format!("`{path}` has {len} bytes on disk, {size} were written");
            return Err(Error::new(Code::Store, what));
        }
        Ok(Synced {
            target: self.target,
            temporary: self.temporary,
        })
    }
}

/// On disk, and still without its name.
#[derive(Debug)]
pub(crate) struct Synced {
    target: PathBuf,
    temporary: Temporary,
}

impl Synced {
    /// Gives it its final name, if nothing has it. Removed again when dropped, unless kept.
    pub(crate) fn publish(mut self) -> Result<Published> {
        let Some(from) = self.temporary.0.as_deref() else {
            return Err(Error::new(Code::Store, "the file was published before"));
        };
        let to = &self.target;
        let renamed = match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system can: a hard link does not overwrite either. The first name,
            // should it stay, is swept by the next run.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty())
                    .inspect(|()| _ = rustix::fs::unlink(from))
            }
            renamed => renamed,
        };
        renamed.map_err(|err| {
            let error = Error::io(Code::RunIdTaken, "publish", to, &err.into());
            match err {
                rustix::io::Errno::EXIST => error.hint("Choose another --run-id."),
                _ => Error {
                    code: Code::Store,
                    ..error
                },
            }
        })?;
        self.temporary.0 = None;
        Ok(Published(Temporary(Some(self.target))))
    }

    /// Gives it its final name for good, in the place of the file that has it.
    pub(crate) fn replace(mut self) -> Result<()> {
        let Some(from) = self.temporary.0.take() else {
            return Err(Error::new(Code::Store, "the file was published before"));
        };
        std::fs::rename(&from, &self.target).map_err(|err| {
            let error = Error::io(Code::Store, "replace", &self.target, &err);
            self.temporary.0 = Some(from);
            error
        })
    }
}

/// Has its final name, which it loses when this is dropped.
#[derive(Debug)]
pub(crate) struct Published(Temporary);

impl Published {
    /// The run is complete: the name stays.
    pub(crate) fn keep(mut self) {
        self.0.0 = None;
    }
}

#[cfg(test)]
mod tests;
