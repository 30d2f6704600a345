//! How a run leaves a store.

use crate::base::error::{Code, Error, Result};
use crate::base::names::RunId;
use crate::store::folder::Store;
use crate::store::run_files::RunFile;
use rustix::fs::{AtFlags, FileType};

impl Store {
    /// Takes a complete run away: the manifest first, so that a crash in between leaves an orphan
    /// and never a false "complete". Only regular files of that run, and only in this folder.
    pub(crate) fn remove(&self, run_id: &RunId) -> Result<()> {
        self.check_in_place()?;
        let others = RunFile::all().filter(|file| *file != RunFile::Manifest);
        for file in std::iter::once(RunFile::Manifest).chain(others) {
            let name = file.of(run_id);
            let trouble = |err: rustix::io::Errno| {
                Error::io(Code::Store, "remove", &self.path(&name), &err.into())
            };
            match rustix::fs::statat(&self.handle, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(rustix::io::Errno::NOENT) => continue,
                Err(err) => return Err(trouble(err)),
                Ok(stat) if !FileType::from_raw_mode(stat.st_mode).is_file() => {
                    let what = format!("`{}` is not a regular file", self.path(&name).display());
                    return Err(Error::new(Code::Store, what)
                        .hint("It is not pgseal's: look at it, and remove it by hand."));
                }
                Ok(_) => {}
            }
            rustix::fs::unlinkat(&self.handle, &name, AtFlags::empty()).map_err(trouble)?;
            if file == RunFile::Manifest {
                self.sync()?;
            }
        }
        self.sync()
    }
}
