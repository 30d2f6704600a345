//! What is in a store: one entry a run, told apart by what its files are, not by what they say.

use crate::base::error::{Code, Error, Result};
use crate::base::names::RunId;
use crate::store::folder::Store;
use crate::store::manifest::{LARGEST_MANIFEST, Manifest};
use crate::store::run_files::{RunFile, of_partial, run_of};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RunState {
    /// Manifest and files are there, of the sizes that the manifest says.
    Complete,
    /// An artifact or a prelude without a manifest.
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

    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().sum()
    }
}

/// Every run of the store, oldest first. Files that are not ours are passed over.
pub(crate) fn runs(store: &Store) -> Result<Vec<Run>> {
    let trouble = |err| Error::io(Code::Store, "list the store", &store.dir, &err);
    let mut found: BTreeMap<RunId, Vec<(String, Metadata)>> = BTreeMap::new();
    for entry in std::fs::read_dir(&store.dir).map_err(trouble)? {
        let entry = entry.map_err(trouble)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let Some(id) = run_of(of_partial(&name).unwrap_or(&name)) else {
            continue;
        };
        match entry.metadata() {
            Ok(meta) => found.entry(id).or_default().push((name, meta)),
            // It ended, or was pruned, while we looked.
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
            Err(err) => return Err(trouble(err)),
        }
    }
    let runs = found.into_iter().map(|(id, files)| run(store, id, &files));
    let mut runs = runs.collect::<Vec<_>>();
    runs.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    Ok(runs)
}

fn run(store: &Store, id: RunId, files: &[(String, Metadata)]) -> Run {
    let created = |meta: &Metadata| Timestamp::try_from(meta.modified().ok()?).ok();
    let mut run = Run {
        id,
        state: RunState::Broken,
        why: None,
        created: files.iter().filter_map(|(_, meta)| created(meta)).max(),
        files: files
            .iter()
            .map(|(n, meta)| (n.clone(), meta.len()))
            .collect(),
        manifest: None,
    };
    if let Some((name, _)) = files.iter().find(|(_, meta)| !meta.is_file()) {
        run.why = Some(format!("`{name}` is not a regular file"));
    } else if files.iter().all(|(name, _)| of_partial(name).is_some()) {
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
    let bytes = read(&store.path(&RunFile::Manifest.of(&run.id)))?;
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
    if let Some(prelude) = &manifest.prelude {
        size(&RunFile::Prelude.of(&run.id), prelude.size_bytes)?;
    }
    Ok(manifest)
}

fn read(path: &Path) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_MANIFEST).read_to_end(&mut bytes))
        .map_err(|err| format!("its manifest cannot be read: {err}"))?;
    Ok(bytes)
}
