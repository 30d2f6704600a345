//! A file on its way into the store: nothing has its final name that is not whole and on disk, and
//! no name is overwritten.

use crate::base::error::{Code, Error, Result};
use crate::store::folder::{Store, same};
use crate::store::run_files::partial;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, fstat};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A name in the store's folder.
#[derive(Debug, Clone)]
struct Name {
    folder: Arc<File>,
    name: String,
    /// To tell, not to open.
    path: PathBuf,
}

impl Name {
    fn of(store: &Store, name: String) -> Name {
        Name {
            folder: Arc::clone(&store.handle),
            path: store.path(&name),
            name,
        }
    }

    fn trouble(&self, action: &str, err: Errno) -> Error {
        Error::io(Code::Store, action, &self.path, &err.into())
    }
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
struct Temporary(Option<Name>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.0 {
            // Nobody is left to tell; the next run sweeps what stays.
            let _ = rustix::fs::unlinkat(&name.folder, &name.name, AtFlags::empty());
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
    target: Name,
    size: u64,
    temporary: Temporary,
}

impl Store {
    /// A new file, readable by us alone, that is removed again unless it is published.
    pub(crate) fn partial(&self, name: &str) -> Result<Partial> {
        let temporary = Name::of(self, partial(name));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.handle, &temporary.name, flags, Mode::from(0o600));
        let file = file.map_err(|err| temporary.trouble("create", err))?;
        let partial = Partial {
            file: file.into(),
            target: Name::of(self, name.into()),
            size: 0,
            temporary: Temporary(Some(temporary)),
        };
        let stat = fstat(&partial.file).map_err(|err| partial.target.trouble("look at", err))?;
        check_mode(stat.st_mode & 0o7777, &self.dir)?;
        Ok(partial)
    }
}

impl Store {
    /// Whether a file could be made, and with the mode that was asked for: by one that never has a
    /// name, where the file system knows such files.
    pub(crate) fn check_modes(&self) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let trouble =
            |err: Errno| Error::io(Code::Store, "create a file in", &self.dir, &err.into());
        match rustix::fs::openat(&self.handle, ".", flags, Mode::from(0o600)) {
            Ok(file) => check_mode(fstat(file).map_err(trouble)?.st_mode & 0o7777, &self.dir),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => Ok(()),
            Err(err) => Err(trouble(err)),
        }
    }
}

/// Refuses a file system that gives files another mode than was asked for: no artifact in it would
/// verify.
fn check_mode(mode: u32, dir: &Path) -> Result<()> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let what = format!(
        "the file system of the store `{}` gives a new file mode {mode:04o} where 0600 was asked for",
        dir.display()
    );
    Err(Error::new(Code::Store, what).hint(
        "Name a store on another file system, or mount this one so that its files are 0600 \
         (CIFS: file_mode=0600,dir_mode=0700).",
    ))
}

impl Partial {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|err| Error::io(Code::Store, "write", &self.target.path, &err))?;
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
        let path = &self.target.path;
        self.file
            .sync_all()
            .map_err(|err| Error::io(Code::Store, "fsync", path, &err))?;
        let meta = self
            .file
            .metadata()
            .map_err(|err| Error::io(Code::Store, "look at", path, &err))?;
        if meta.len() != self.size {
            return Err(Error::new(
                Code::Store,
                format!(
                    "`{}` has {} bytes on disk, {} were written",
                    path.display(),
                    meta.len(),
                    self.size
                ),
            ));
        }
        Ok(Synced {
            file: self.file,
            target: self.target,
            temporary: self.temporary,
        })
    }
}

/// On disk, and still without its name.
#[derive(Debug)]
pub(crate) struct Synced {
    file: File,
    target: Name,
    temporary: Temporary,
}

impl Synced {
    /// Gives it its final name, if nothing has it. Removed again when dropped, unless kept.
    pub(crate) fn publish(mut self) -> Result<Published> {
        let (from, to) = (self.take()?, &self.target);
        let renamed = match rename(&from, to, RenameFlags::NOREPLACE) {
            // Not every file system can: a hard link does not overwrite either. The first name,
            // should it stay, is swept by the next run.
            Err(Errno::INVAL | Errno::NOSYS) => {
                let (old, new) = (&from.name, &to.name);
                let linked =
                    rustix::fs::linkat(&from.folder, old, &to.folder, new, AtFlags::empty());
                linked.inspect(|()| {
                    _ = rustix::fs::unlinkat(&from.folder, old, AtFlags::empty());
                })
            }
            renamed => renamed,
        };
        if let Err(err) = renamed {
            self.temporary.0 = Some(from);
            let error = to.trouble("publish", err);
            return Err(match err {
                Errno::EXIST => Error {
                    code: Code::RunIdTaken,
                    ..error.hint("Choose another --run-id.")
                },
                _ => error,
            });
        }
        let published = Published(Temporary(Some(to.clone())));
        self.check_published()?;
        Ok(published)
    }

    /// Gives it its final name for good, in the place of the file that has it.
    pub(crate) fn replace(mut self) -> Result<()> {
        let from = self.take()?;
        if let Err(err) = rename(&from, &self.target, RenameFlags::empty()) {
            self.temporary.0 = Some(from);
            return Err(self.target.trouble("replace", err));
        }
        self.check_published()
    }

    fn take(&mut self) -> Result<Name> {
        let published = || Error::new(Code::Store, "the file was published before");
        self.temporary.0.take().ok_or_else(published)
    }

    /// Refuses where the name is another file's than the one that was written: somebody swapped the
    /// partial file before its rename.
    fn check_published(&self) -> Result<()> {
        let Name { folder, name, path } = &self.target;
        let there = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
        match (fstat(&self.file), there) {
            (Ok(ours), Ok(there)) if same(&ours, &there) => Ok(()),
            _ => Err(Error::new(
                Code::Store,
                format!("`{}` is not the file that was written", path.display()),
            )
            .hint("Find out who else writes to the store, and run again.")),
        }
    }
}

fn rename(from: &Name, to: &Name, flags: RenameFlags) -> rustix::io::Result<()> {
    rustix::fs::renameat_with(&from.folder, &from.name, &to.folder, &to.name, flags)
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
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_gives_other_modes() {
        let dir = Path::new("/x");
        for mode in [0o600, 0o400, 0o700] {
            assert!(check_mode(mode, dir).is_ok(), "{mode:o}");
        }
        for mode in [0o755, 0o777, 0o640, 0o604] {
            let error = check_mode(mode, dir).unwrap_err();
            assert_eq!(error.code, Code::Store, "{mode:o}");
        }
    }
}
