//! What a killed proof left behind: rows in the clear, which nobody else would remove.

use crate::restore::scratch::owner::Owner;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the folder of a throw-away cluster begins; six letters of tempfile's follow.
pub(crate) const PREFIX: &str = "pgseal-cluster-";

/// All that can be in it.
const HOLDS: [&str; 3] = ["data", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"];

/// A folder that is younger may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// Removes the folders of clusters whose pgseal is gone, and says which. A living one holds a
/// lock on its folder, which dies with it.
pub(crate) fn sweep(root: &Path, owner: &Owner) -> Vec<PathBuf> {
    let Ok(entries) = root.read_dir() else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let left = paths.filter(|path| {
        let meta = path.symlink_metadata();
        is_named(path) && meta.is_ok_and(|meta| is_left(&meta, owner)) && holds_a_cluster(path)
    });
    left.filter(|path| lock(path).is_some() && std::fs::remove_dir_all(path).is_ok())
        .collect()
}

fn is_named(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let random = name.and_then(|name| name.strip_prefix(PREFIX));
    random.is_some_and(|random| {
        random.len() == 6 && random.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// Where it is not even begun, there is nothing in the clear either.
fn holds_a_cluster(path: &Path) -> bool {
    let Ok(entries) = path.read_dir() else {
        return false;
    };
    let known = |name: std::ffi::OsString| HOLDS.iter().any(|holds| name == *holds);
    path.join("data/PG_VERSION").is_file()
        && entries
            .into_iter()
            .all(|entry| entry.is_ok_and(|entry| known(entry.file_name())))
}

fn is_left(meta: &Metadata, owner: &Owner) -> bool {
    let age = meta.modified().map(|at| at.elapsed().unwrap_or_default());
    meta.is_dir() && owner.is(meta.uid()) && age.is_ok_and(|age| age > YOUNG)
}

/// None where another holds it.
pub(crate) fn lock(folder: &Path) -> Option<File> {
    let handle = File::open(folder).ok()?;
    handle.try_lock().ok().map(|()| handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_cluster_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - 2 * YOUNG;
        let make = |name: &str, files: &[&str]| {
            let folder = root.path().join(name);
            std::fs::create_dir_all(folder.join("data")).unwrap();
            for file in files {
                std::fs::write(folder.join(file), "15").unwrap();
            }
            File::open(&folder).unwrap().set_modified(old).unwrap();
            folder
        };
        let cluster = make("pgseal-cluster-aB3dEf", &["data/PG_VERSION"]);
        make("pgseal-cluster-aB3dE", &["data/PG_VERSION"]);
        make("pgseal-cluster-script", &["data/PG_VERSION", "run.sh"]);
        make("pgseal-cluster-abcdef", &["data/notes"]);
        make("pgscripts", &["data/PG_VERSION"]);
        let living = make("pgseal-cluster-living", &["data/PG_VERSION"]);
        let _lock = lock(&living).unwrap();
        let owner = Owner::us();
        assert_eq!(sweep(root.path(), &owner), [cluster]);
        assert_eq!(root.path().read_dir().unwrap().count(), 5);
        // It may have been made just now.
        let young = root.path().join("pgseal-cluster-youngX");
        std::fs::create_dir_all(young.join("data")).unwrap();
        std::fs::write(young.join("data/PG_VERSION"), "15").unwrap();
        assert!(sweep(root.path(), &owner).is_empty());
    }
}
