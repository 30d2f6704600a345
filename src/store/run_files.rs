//! What the files of a run are called: its id, and an ending that tells what each of them is.

use crate::base::names::RunId;
use crate::gnupg::compression::Compression;
use std::fmt;

/// A file of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunFile {
    Artifact,
    /// An artifact of which gpg gives out a Zstandard frame.
    ZstdArtifact,
    Prelude,
    /// What stands between the tables of the artifact.
    Late,
    Manifest,
    /// A detached signature of the manifest. No run's other file can be called so, whatever the
    /// run's name ends in, since every other ending ends otherwise.
    Signature,
    /// Where the server stood when `guard`'s COMMAND had ended.
    After,
    /// A detached signature of that.
    AfterSignature,
}

impl RunFile {
    pub(crate) const ARTIFACTS: [RunFile; 2] = [RunFile::Artifact, RunFile::ZstdArtifact];
    /// What belongs to an artifact and is none.
    pub(crate) const BESIDE: [RunFile; 6] = [
        RunFile::Prelude,
        RunFile::Late,
        RunFile::Manifest,
        RunFile::Signature,
        RunFile::After,
        RunFile::AfterSignature,
    ];

    pub(crate) fn all() -> impl Iterator<Item = RunFile> {
        RunFile::ARTIFACTS.into_iter().chain(RunFile::BESIDE)
    }

    pub(crate) fn artifact(compression: Compression) -> RunFile {
        match compression {
            Compression::Zstd(_) => RunFile::ZstdArtifact,
            _ => RunFile::Artifact,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            RunFile::Artifact => ".sql.gpg",
            RunFile::ZstdArtifact => ".sql.zst.gpg",
            RunFile::Prelude => ".prelude.sql.gpg",
            RunFile::Late => ".late.sql.gpg",
            RunFile::Manifest => ".manifest.json",
            RunFile::Signature => ".manifest.json.sig",
            RunFile::After => ".after.json",
            RunFile::AfterSignature => ".after.json.sig",
        }
    }

    /// The file's name in the run of this id.
    pub(crate) fn of(self, run_id: &impl fmt::Display) -> String {
        format!("{run_id}{}", self.ending())
    }

    /// Whether a file is one by its name.
    pub(crate) fn is(self, name: &str) -> bool {
        name.ends_with(self.ending())
    }
}

/// The run that a file belongs to by its name.
pub(crate) fn run_of(name: &str) -> Option<RunId> {
    RunFile::all().find_map(|file| RunId::parse(name.strip_suffix(file.ending())?).ok())
}

const PARTIAL: &str = ".partial";

/// What a file is called until it is whole.
pub(crate) fn partial(name: &str) -> String {
    format!("{name}{PARTIAL}")
}

/// The name that a partial file is to have; `None` where it is not partial.
pub(crate) fn of_partial(name: &str) -> Option<&str> {
    name.strip_suffix(PARTIAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// No file of a run is called as another run's file could be.
        #[test]
        fn any_two_runs(ids in ["[a-c.-]{1,3}(\\.(sql|gpg|zst|prelude|late|manifest|json|sig|partial)){0,3}", "[a-c.-]{1,3}(\\.(sql|gpg|zst|prelude|late|manifest|json|sig|partial)){0,3}"]) {
            let ids: Vec<RunId> = ids.iter().filter_map(|id| RunId::parse(id).ok()).collect();
            let files = |id: &RunId| RunFile::all().map(|file| file.of(id)).collect::<Vec<_>>();
            for id in &ids {
                for name in files(id) {
                    prop_assert_eq!(run_of(&name), Some(id.clone()));
                    let partial = partial(&name);
                    prop_assert_eq!(of_partial(&partial), Some(&name[..]));
                    prop_assert_eq!(run_of(&partial), None);
                }
            }
            if let [one, other] = &ids[..] && one != other {
                prop_assert!(files(one).iter().all(|name| !files(other).contains(name)));
            }
        }
    }
}
