//! What a killed proof left behind: rows in the clear, which nobody else would remove.

use super::owner::Owner;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the folder of a throw-away cluster begins.
pub(super) const PREFIX: &str = "pgsc";

/// A folder that is younger may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// Removes the folders of clusters whose pgseal is gone, and says which. A living one holds a
/// lock on its folder, which dies with it.
pub(super) fn sweep(root: &Path, owner: &Owner) -> Vec<PathBuf> {
    let Ok(entries) = root.read_dir() else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let left = paths.filter(|path| {
        let name = path.file_name().unwrap_or_default();
        name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
            && path
                .symlink_metadata()
                .is_ok_and(|meta| is_left(&meta, owner))
    });
    left.filter(|path| lock(path).is_some() && std::fs::remove_dir_all(path).is_ok())
        .collect()
}

fn is_left(meta: &Metadata, owner: &Owner) -> bool {
    let age = meta.modified().map(|at| at.elapsed().unwrap_or_default());
    meta.is_dir() && owner.is(meta.uid()) && age.is_ok_and(|age| age > YOUNG)
}

/// None where another holds it.
pub(super) fn lock(folder: &Path) -> Option<File> {
    let handle = File::open(folder).ok()?;
    handle.try_lock().ok().map(|()| handle)
}
