//! Which file is meant, and what belongs to it.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::names::{RunId, RunOrPath};
use crate::store::folder::Store;
use crate::store::run_files::{RunFile, run_of};
use std::path::{Path, PathBuf};

/// An artifact and the folder in which its manifest and its prelude lie.
#[derive(Debug, Clone)]
pub(crate) struct ArtifactFiles {
    /// None where the file's name is not one that pgseal gives.
    pub run_id: Option<RunId>,
    pub artifact: PathBuf,
    /// Run id or path, as the user gave it.
    pub given: String,
}

impl ArtifactFiles {
    pub(crate) fn find(target: &RunOrPath, store: &Path) -> Result<ArtifactFiles> {
        match target {
            RunOrPath::Run(run_id) => {
                ArtifactFiles::in_store(run_id, store).map_err(|error| match error.code {
                    Code::NotFound => Error {
                        hints: Hints::from(
                            "Name a run of the store, or a file by its path. What is there:",
                        )
                        .then(Hint::pgseal(&["list"])),
                        ..error
                    },
                    _ => error,
                })
            }
            RunOrPath::Path(path) => ArtifactFiles::at(path),
        }
    }

    pub(crate) fn in_store(run_id: &RunId, dir: &Path) -> Result<ArtifactFiles> {
        let store = Store::open_read(dir)?;
        let path = |file: RunFile| store.path(&file.of(run_id));
        let there = |path: &PathBuf| path.symlink_metadata().is_ok();
        let mut artifacts = RunFile::ARTIFACTS.map(path).into_iter().filter(there);
        let artifact = match (artifacts.next(), artifacts.next()) {
            (Some(artifact), None) => artifact,
            // The report will say that it is missing.
            (None, _) if there(&path(RunFile::Manifest)) => path(RunFile::Artifact),
            (None, _) => {
                let what = format!("no run `{run_id}` in the store `{}`", dir.display());
                return Err(Error::new(Code::NotFound, what)
                    .hint(Hints::from("What is there:").then(Hint::pgseal(&["list"]))));
            }
            (Some(a), Some(b)) => {
                let what = format!(
                    "run `{run_id}` has two artifacts, `{}` and `{}`",
                    a.display(),
                    b.display()
                );
                return Err(Error::new(Code::NotVerified, what)
                    .hint("Only one is of this run: verify each in a folder of its own."));
            }
        };
        Ok(ArtifactFiles {
            run_id: Some(run_id.clone()),
            artifact,
            given: run_id.to_string(),
        })
    }

    fn at(path: &Path) -> Result<ArtifactFiles> {
        let artifact = std::path::absolute(path)
            .map_err(|err| Error::io(Code::Input, "resolve", path, &err))?;
        artifact
            .symlink_metadata()
            .map_err(|err| Error::io(Code::Input, "look at", path, &err))?;
        let name = artifact.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        if RunFile::BESIDE.iter().any(|file| file.is(name)) {
            let what = format!("`{}` is not an artifact", path.display());
            return Err(Error::new(Code::NotFound, what).hint(
                "Name the artifact, <run id>.sql.gpg: what lies beside it is looked at too.",
            ));
        }
        Ok(ArtifactFiles {
            run_id: run_of(name),
            artifact,
            given: path.display().to_string(),
        })
    }

    /// A file of the same run, beside the artifact.
    pub(crate) fn beside(&self, file: RunFile) -> Option<PathBuf> {
        let run_id = self.run_id.as_ref()?;
        Some(self.artifact.with_file_name(file.of(run_id)))
    }

    /// The run's id, as reports tell it.
    pub(crate) fn run_id(&self) -> Option<String> {
        self.run_id.as_ref().map(ToString::to_string)
    }

    pub(crate) fn file_name(&self) -> &str {
        let name = self.artifact.file_name().and_then(|name| name.to_str());
        name.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn run_id_or_path() {
        let run = |text: &str| RunOrPath::Run(RunId::parse(text).unwrap());
        each(
            [
                ("a", run("a")),
                (
                    "20260101T000000Z-00000000",
                    run("20260101T000000Z-00000000"),
                ),
                ("./a", RunOrPath::Path("./a".into())),
                ("a.sql.gpg", RunOrPath::Path("a.sql.gpg".into())),
                ("a/b", RunOrPath::Path("a/b".into())),
            ],
            |(text, want)| {
                assert_eq!(RunOrPath::parse(text), Ok(want));
            },
        );
        each(["", "a b", "a.json", "-a"], |text| {
            assert!(RunOrPath::parse(text).is_err(), "{text:?}");
        });
    }
}
