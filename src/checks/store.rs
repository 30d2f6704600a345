//! The store: whether a backup can be put there now, and what is there.

use super::{Host, refusal};
use crate::error::{Error, Result};
use crate::manifest::{self, Manifest};
use crate::pg::catalog::Catalog;
use crate::render::term::bytes;
use crate::report::{Evidence, Finding};
use crate::spec::shell_word;
use crate::store::{MANIFEST, Store};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the manifest and the folder's own growth may take.
const MARGIN: u64 = 1024 * 1024;

/// A folder that can be written to, its room, and its files.
pub(super) struct Folder {
    mode: u32,
    owner: u32,
    room: Room,
    files: Files,
}

struct Room {
    bytes: u64,
    /// `None` where the file system does not count them.
    names: Option<u64>,
}

#[derive(Default)]
struct Files {
    partial: Vec<String>,
    orphans: Vec<String>,
    unreadable: Vec<String>,
    complete: usize,
    last: Option<Manifest>,
}

pub(super) fn look(host: &Host) -> Result<Folder> {
    host.refused("store")?;
    let dir = &host.config.store;
    Store::open(dir)?;
    let trouble =
        |action: &str, err: std::io::Error| Error::io(crate::error::Code::Store, action, dir, &err);
    let meta = dir.metadata().map_err(|err| trouble("look at", err))?;
    let room = rustix::fs::statvfs(dir).map_err(|err| trouble("ask the room of", err.into()))?;
    Ok(Folder {
        mode: meta.mode() & 0o7777,
        owner: meta.uid(),
        room: Room {
            bytes: room.f_bavail.saturating_mul(room.f_frsize),
            names: (room.f_files > 0).then_some(room.f_favail),
        },
        files: files(dir).map_err(|err| trouble("list", err))?,
    })
}

/// What `pgseal list` shows in full.
fn files(dir: &Path) -> std::io::Result<Files> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(dir)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.insert(name);
        }
    }
    let mut files = Files::default();
    for name in &names {
        if name.ends_with(".partial") {
            files.partial.push(name.clone());
        } else if let Some(run_id) = name.strip_suffix(MANIFEST) {
            match complete(dir, run_id, name, &names) {
                Some(manifest) => {
                    files.complete += 1;
                    let later = |last: &Manifest| last.created_at < manifest.created_at;
                    if files.last.as_ref().is_none_or(later) {
                        files.last = Some(manifest);
                    }
                }
                None => files.unreadable.push(name.clone()),
            }
        } else if let Some(run_id) = artifact_of(name)
            && !names.contains(&format!("{run_id}{MANIFEST}"))
        {
            files.orphans.push(name.clone());
        }
    }
    Ok(files)
}

fn artifact_of(name: &str) -> Option<&str> {
    [".prelude.sql.gpg", ".sql.zst.gpg", ".sql.gpg"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
}

/// A manifest of this run whose artifact is beside it, in the size that it says.
fn complete(dir: &Path, run_id: &str, name: &str, names: &BTreeSet<String>) -> Option<Manifest> {
    let text = std::fs::read(dir.join(name)).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let artifact = Path::new(&manifest.envelope.artifact_ref).file_name()?;
    let artifact = artifact.to_str()?;
    let size = dir.join(artifact).metadata().ok()?.len();
    let whole = manifest.schema == manifest::SCHEMA
        && manifest.run_id == run_id
        && artifact_of(artifact) == Some(run_id)
        && names.contains(artifact)
        && size == manifest.envelope.size_bytes;
    whole.then_some(manifest)
}

pub(super) fn judge(host: &Host, folder: Result<Folder>, catalog: &Result<Catalog>) -> Finding {
    let dir = host.config.store.display().to_string();
    let word = shell_word(&dir);
    let folder = match folder {
        Ok(folder) => folder,
        Err(error) => return refusal(&error),
    };
    let estimate = catalog.as_ref().ok().map(Catalog::bytes_estimate);
    let room = folder.room.bytes;
    let seen = Evidence::read(
        &dir,
        format!(
            "mode {:04o}, owner uid {}, {} free, estimate of a backup {}",
            folder.mode,
            folder.owner,
            bytes(room),
            match estimate {
                Some(estimate) => format!("at most about {}", bytes(estimate)),
                None => "unknown".into(),
            }
        ),
    );
    let needed = estimate.unwrap_or(0).saturating_add(MARGIN);
    let full = match folder.room.names {
        Some(0) => Some("the file system has no room for another file name".to_string()),
        _ if room < needed => Some(format!(
            "{} free, a backup may need {}",
            bytes(room),
            bytes(needed)
        )),
        _ => None,
    };
    let finding = match full {
        Some(why) => Finding::failed(format!("the store `{dir}` is too full: {why}"))
            .with(seen)
            .hint(format!(
                "df {word}  # then make room, or name another store with --store\n\
                 {}",
                host.pgseal("prune --keep-last 10")
            )),
        None => Finding::ready(seen),
    };
    let us = rustix::process::geteuid().as_raw();
    let mut warnings = Vec::new();
    if folder.mode & 0o020 != 0 {
        warnings.push(format!("the store's group may write it: chmod g-w {word}"));
    }
    if folder.owner != us && folder.owner != 0 {
        warnings.push(format!(
            "the store belongs to uid {}, not to us",
            folder.owner
        ));
    }
    warnings.extend(folder.files.warnings());
    finding
        .with(Evidence::read(&dir, folder.files.summary()))
        .with_all(warnings.into_iter().map(Evidence::warning))
}

impl Files {
    fn summary(&self) -> String {
        match &self.last {
            None => "no backup yet".into(),
            Some(last) => format!(
                "{} complete; the last good one is {} of {}, {}, {}",
                self.complete,
                last.run_id,
                last.created_at,
                age(&last.created_at),
                bytes(last.envelope.size_bytes)
            ),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.partial.is_empty() {
            let names = self.partial.join(", ");
            warnings.push(format!(
                "left by a killed run, or of one that runs now; the next run sweeps it: {names}"
            ));
        }
        if !self.orphans.is_empty() {
            let names = self.orphans.join(", ");
            warnings.push(format!("without a manifest, so not a backup: {names}"));
        }
        if !self.unreadable.is_empty() {
            let names = self.unreadable.join(", ");
            warnings.push(format!(
                "manifests that do not match an artifact beside them: {names}"
            ));
        }
        warnings
    }
}

fn age(created_at: &str) -> String {
    let Ok(at) = created_at.parse::<Timestamp>() else {
        return "of unknown age".into();
    };
    let minutes = (Timestamp::now().as_second() - at.as_second()) / 60;
    match minutes {
        ..0 => "in the future, by this host's clock".into(),
        0..120 => format!("{minutes} minutes ago"),
        120..2880 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}
