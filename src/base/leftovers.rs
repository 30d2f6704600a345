//! Throw-away folders that a killed process left behind. A living one holds a lock on each of its
//! own, which dies with it.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder that is younger may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A kind of throw-away folder.
pub(crate) struct Kind<'a> {
    /// How its name begins; six letters of tempfile's follow.
    pub prefix: &'static str,
    /// Whether a user can own one.
    pub is_owner: &'a dyn Fn(u32) -> bool,
    /// Whether what is in it is ours.
    pub is_ours: &'a dyn Fn(&Path) -> bool,
}

impl Kind<'_> {
    /// Removes those that nobody holds, and says which.
    pub(crate) fn sweep(&self, root: &Path, remove: impl Fn(&Path)) -> Vec<PathBuf> {
        let Ok(entries) = root.read_dir() else {
            return Vec::new();
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let left = paths.filter(|path| {
            let meta = || path.symlink_metadata();
            self.is_named(path) && meta().is_ok_and(|meta| self.is_left(&meta)) && {
                (self.is_ours)(path)
            }
        });
        left.filter(|path| {
            // Held while it is removed, so that two do not do it at once.
            let lock = lock(path);
            lock.is_some() && {
                remove(path);
                !path.exists()
            }
        })
        .collect()
    }

    fn is_named(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        let random = name.and_then(|name| name.strip_prefix(self.prefix));
        random.is_some_and(|random| {
            random.len() == 6 && random.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    }

    fn is_left(&self, meta: &Metadata) -> bool {
        let age = meta.modified().map(|at| at.elapsed().unwrap_or_default());
        meta.is_dir() && (self.is_owner)(meta.uid()) && age.is_ok_and(|age| age > YOUNG)
    }
}

/// None where another holds it.
pub(crate) fn lock(folder: &Path) -> Option<File> {
    let handle = File::open(folder).ok()?;
    handle.try_lock().ok().map(|()| handle)
}
