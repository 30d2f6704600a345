//! Folders that an operator makes for us, and what to say where one is not there.

use crate::base::hint::{Hint, Hints};
use crate::base::text::shell_word;
use rustix::fs::Access;
use std::path::Path;

/// Where a store is, unless somebody says otherwise.
pub(crate) const STORE: &str = "/var/lib/pgseal";
/// Where the config file is, unless somebody says otherwise.
pub(crate) const CONFIG: &str = "/etc/pgseal/pgseal.toml";

/// What a store that is not there means to whoever opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MissingStore {
    /// It is to be made.
    Make,
    /// A folder that is made now is empty: it is not the one that was meant.
    Mistyped,
}

impl MissingStore {
    pub(crate) fn hints(self, dir: &Path) -> Hints {
        match self {
            MissingStore::Mistyped => {
                "Check the path: --store DIR, PGSEAL_STORE or [store] dir; a \
                folder that is made now would be an empty store."
                    .into()
            }
            MissingStore::Make if may_be_made(dir) => {
                let word = shell_word(&dir.display().to_string());
                Hint::run(format!("install -d -m 0700 {word}")).into()
            }
            MissingStore::Make if dir == Path::new(STORE) => Hints::from(
                "This user cannot make it; a store of its own, for this shell:",
            )
            .then(Hint::run(
                "export PGSEAL_STORE=\"$HOME/.local/share/pgseal\" && \
                         install -d -m 0700 \"$PGSEAL_STORE\"",
            )),
            MissingStore::Make => "This user cannot make it: name a folder of its own with \
                --store DIR, PGSEAL_STORE or [store] dir."
                .into(),
        }
    }
}

/// How a config file comes to be that can be written to, and its name in a shell.
pub(crate) fn config_file(path: &Path) -> (Option<Hint>, String) {
    let word = shell_word(&path.display().to_string());
    let writable = |path: &Path| rustix::fs::access(path, Access::WRITE_OK).is_ok();
    let folder = path.parent().unwrap_or(path);
    if path.exists() || folder.exists() && writable(folder) {
        return (None, word);
    }
    if folder.exists() || !may_be_made(folder) {
        let make = "export PGSEAL_CONFIG=\"$HOME/.config/pgseal/pgseal.toml\" && \
                    install -d -m 0700 \"$HOME/.config/pgseal\"";
        return (Some(Hint::run(make)), "\"$PGSEAL_CONFIG\"".into());
    }
    let folder = shell_word(&folder.display().to_string());
    (
        Some(Hint::run(format!("install -d -m 0755 {folder}"))),
        word,
    )
}

/// Whether this user may make the folder, and what is missing above it.
fn may_be_made(dir: &Path) -> bool {
    let above = dir.ancestors().skip(1).find(|above| above.exists());
    above.is_some_and(|above| rustix::fs::access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}
