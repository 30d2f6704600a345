//! What a killed proof left behind: rows in the clear, which nobody else would remove.

use crate::base::leftovers::Kind;
use crate::restore::scratch::owner::Owner;
use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};

/// How the folder of a throw-away cluster begins.
pub(crate) const PREFIX: &str = "pgseal-cluster-";

/// All that can be in it.
const HOLDS: [&str; 3] = ["data", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"];

/// How all that initdb and a server make in `data` begins.
const DATA: [&str; 7] = [
    "PG_VERSION",
    "base",
    "current_logfiles",
    "global",
    "pg_",
    "postgresql.",
    "postmaster.",
];

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

/// Whole, just begun, or half removed: no file tells, since any may be the last one that is left.
fn holds_a_cluster(path: &Path) -> bool {
    let all = |folder: &Path, known: &dyn Fn(&str) -> bool| {
        let known = |entry: io::Result<DirEntry>| {
            entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(known))
        };
        folder
            .read_dir()
            .is_ok_and(|mut entries| entries.all(known))
    };
    let data = path.join("data");
    all(path, &|name| HOLDS.contains(&name))
        && (!data.exists()
            || all(&data, &|name| {
                DATA.iter().any(|start| name.starts_with(start))
            }))
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
        let going = make("pgseal-cluster-going0", &["data/postmaster.pid"]);
        std::fs::create_dir(going.join("data/base")).unwrap();
        let begun = make("pgseal-cluster-begun0", &[]);
        make("pgseal-cluster-aB3dE", &["data/PG_VERSION"]);
        make("pgseal-cluster-script", &["data/PG_VERSION", "run.sh"]);
        make("pgseal-cluster-abcdef", &["data/notes"]);
        make("pgscripts", &["data/PG_VERSION"]);
        let living = make("pgseal-cluster-living", &["data/PG_VERSION"]);
        let _lock = lock(&living).unwrap();
        let owner = Owner::us();
        let mut swept = sweep(root.path(), &owner);
        swept.sort();
        assert_eq!(swept, [cluster, begun, going]);
        assert_eq!(root.path().read_dir().unwrap().count(), 5);
        // It may have been made just now.
        let young = root.path().join("pgseal-cluster-youngX");
        std::fs::create_dir_all(young.join("data")).unwrap();
        std::fs::write(young.join("data/PG_VERSION"), "15").unwrap();
        assert!(sweep(root.path(), &owner).is_empty());
    }
}
