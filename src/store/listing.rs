//! What is in a store: one entry a run, told apart by what its files are, not by what they say.

use crate::base::error::{Code, Error, Result};
use crate::base::names::RunId;
use crate::store::folder::Store;
use crate::store::manifest::{LARGEST_MANIFEST, Manifest, RunScope};
use crate::store::run_files::{RunFile, of_partial, run_of};
use jiff::Timestamp;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RunState {
    /// Manifest and files are there, of the sizes that the manifest says.
    Complete,
    /// An artifact, or what belongs to one, without a manifest.
    Orphan,
    /// Only what an unfinished run has: it is under way, or it was killed.
    Partial,
    /// A manifest, and something that contradicts it.
    Broken,
}

impl RunState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RunState::Complete => "complete",
            RunState::Orphan => "orphan",
            RunState::Partial => "partial",
            RunState::Broken => "broken",
        }
    }
}

/// One run, by its files.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub id: RunId,
    pub state: RunState,
    /// What is wrong, where it is not complete.
    pub why: Option<String>,
    /// By the manifest, else by the newest file.
    pub created: Option<Timestamp>,
    /// File names in the store, with their sizes on disk.
    pub files: BTreeMap<String, u64>,
    pub manifest: Option<Manifest>,
}

impl Run {
    /// The artifact's file name, where there is exactly one.
    pub(crate) fn artifact(&self) -> Option<&str> {
        let mut names = RunFile::ARTIFACTS.iter().filter_map(|file| {
            let (name, _) = self.files.get_key_value(&file.of(&self.id))?;
            Some(name.as_str())
        });
        names.next().filter(|_| names.next().is_none())
    }

    /// Whether there is a signature, of whatever it is.
    pub(crate) fn signed(&self) -> bool {
        self.files.contains_key(&RunFile::Signature.of(&self.id))
    }

    /// Whether `guard` kept where its COMMAND ended.
    pub(crate) fn has_second_mark(&self) -> bool {
        self.files.contains_key(&RunFile::After.of(&self.id))
    }

    /// None where no manifest tells.
    pub(crate) fn scope(&self) -> Option<RunScope> {
        self.manifest.as_ref().map(Manifest::scope)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().sum()
    }
}

/// Every run of the store, oldest first. Files that are not ours are passed over.
pub(crate) fn runs(store: &Store) -> Result<Vec<Run>> {
    let mut found: BTreeMap<RunId, Vec<Entry>> = BTreeMap::new();
    for name in store.names()? {
        let Some(id) = run_of(of_partial(&name).unwrap_or(&name)) else {
            continue;
        };
        match rustix::fs::statat(&store.handle, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => found.entry(id).or_default().push(Entry { name, stat }),
            // It ended, or was pruned, while we looked.
            Err(Errno::NOENT) => {}
            Err(err) => {
                let path = store.path(&name);
                return Err(Error::io(Code::Store, "look at", &path, &err.into()));
            }
        }
    }
    let runs = found.into_iter().map(|(id, files)| run(store, id, &files));
    let mut runs = runs.collect::<Vec<_>>();
    runs.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    Ok(runs)
}

/// A file of the store.
struct Entry {
    name: String,
    stat: Stat,
}

impl Entry {
    fn modified(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.stat.st_mtime).ok()
    }

    fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or(0)
    }

    fn is_file(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode).is_file()
    }
}

fn run(store: &Store, id: RunId, files: &[Entry]) -> Run {
    let mut run = Run {
        id,
        state: RunState::Broken,
        why: None,
        created: files.iter().filter_map(Entry::modified).max(),
        files: files
            .iter()
            .map(|entry| (entry.name.clone(), entry.size()))
            .collect(),
        manifest: None,
    };
    if let Some(entry) = files.iter().find(|entry| !entry.is_file()) {
        run.why = Some(format!("`{}` is not a regular file", entry.name));
    } else if files.iter().all(|entry| of_partial(&entry.name).is_some()) {
        run.state = RunState::Partial;
        run.why = Some("a run is under way, or was killed; the next backup sweeps it".into());
    } else if !run.files.contains_key(&RunFile::Manifest.of(&run.id)) {
        run.state = RunState::Orphan;
        run.why = Some("there is no manifest: the run was never complete, or half removed".into());
    } else {
        match complete(store, &run) {
            Ok(manifest) => {
                run.state = RunState::Complete;
                run.created = manifest.created_at.parse().ok();
                run.manifest = Some(manifest);
            }
            Err(why) => run.why = Some(why),
        }
    }
    run
}

/// The manifest, if what is there agrees with it as far as a look at sizes can tell.
fn complete(store: &Store, run: &Run) -> std::result::Result<Manifest, String> {
    let bytes = read(store, &RunFile::Manifest.of(&run.id))?;
    let manifest = Manifest::parse(&bytes).map_err(|why| format!("its manifest: {why}"))?;
    if manifest.run_id != run.id.as_str() {
        return Err(format!("its manifest is of run `{}`", manifest.run_id));
    }
    if manifest.created_at.parse::<Timestamp>().is_err() {
        return Err("its manifest's created_at is not a time".into());
    }
    let Some(artifact) = run.artifact() else {
        return Err("its artifact is missing, or there are two".into());
    };
    let size = |name: &str, said: u64| match run.files.get(name) {
        Some(size) if *size == said => Ok(()),
        Some(size) => Err(format!(
            "`{name}` has {size} bytes, its manifest says {said}"
        )),
        None => Err(format!("`{name}` is missing")),
    };
    size(artifact, manifest.envelope.size_bytes)?;
    for (file, said) in [
        (RunFile::Prelude, &manifest.prelude),
        (RunFile::Late, &manifest.late),
    ] {
        if let Some(said) = said {
            size(&file.of(&run.id), said.size_bytes)?;
        }
    }
    Ok(manifest)
}

fn read(store: &Store, name: &str) -> std::result::Result<Vec<u8>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut bytes = Vec::new();
    rustix::fs::openat(&store.handle, name, flags, Mode::empty())
        .map_err(std::io::Error::from)
        .and_then(|file| {
            File::from(file)
                .take(LARGEST_MANIFEST)
                .read_to_end(&mut bytes)
        })
        .map_err(|err| format!("its manifest cannot be read: {err}"))?;
    Ok(bytes)
}
