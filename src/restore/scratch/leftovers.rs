//! What a killed proof left behind: rows in the clear, which nobody else would remove.

use crate::base::leftovers::Kind;
use crate::restore::scratch::owner::Owner;
use std::path::{Path, PathBuf};

/// How the folder of a throw-away cluster begins.
pub(crate) const PREFIX: &str = "pgseal-cluster-";

/// All that can be in it.
const HOLDS: [&str; 3] = ["data", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"];

/// Removes the folders of clusters whose pgseal is gone, and says which.
pub(crate) fn sweep(root: &Path, owner: &Owner) -> Vec<PathBuf> {
    let clusters = Kind {
        prefix: PREFIX,
        is_owner: &|uid| owner.is(uid),
        is_ours: &holds_a_cluster,
    };
    // What cannot be removed is not told as removed.
    clusters.sweep(root, |path| _ = std::fs::remove_dir_all(path))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::leftovers::lock;
    use std::fs::File;
    use std::time::Duration;

    #[test]
    fn nothing_but_a_cluster_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - Duration::from_secs(120);
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
