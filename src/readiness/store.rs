//! The store: whether a backup can be put there now, and what is there.

use crate::backup::run::new_run_id;
use crate::base::error::{Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::text::shell_word;
use crate::base::text::{bytes, counted};
use crate::pg::catalog::Catalog;
use crate::readiness::audit::{Host, refusal};
use crate::report::matrix::{Evidence, Finding};
use crate::store::folder::Store;
use crate::store::listing::{self, Run, RunState};
use crate::store::run_files::RunFile;
use jiff::Timestamp;
use std::os::unix::fs::MetadataExt;

/// What the manifest and the folder's own growth may take.
const MARGIN: u64 = 1024 * 1024;

/// A folder that can be written to, its room, and its files.
pub(crate) struct Folder {
    mode: u32,
    owner: u32,
    room: Room,
    runs: Vec<Run>,
    warning: Option<String>,
}

struct Room {
    bytes: u64,
    /// `None` where the file system does not count them.
    names: Option<u64>,
}

pub(crate) fn look(host: &Host) -> Result<Folder> {
    host.refused("store")?;
    let dir = &host.config.store;
    let store = Store::open(dir)?;
    // Removed at once: whether a file can be made, and with the mode that was asked for.
    store.partial(&RunFile::Artifact.of(&new_run_id()?))?;
    let trouble = |action: &str, err: std::io::Error| {
        Error::io(crate::base::error::Code::Store, action, dir, &err)
    };
    let meta = dir.metadata().map_err(|err| trouble("look at", err))?;
    let room = rustix::fs::statvfs(dir).map_err(|err| trouble("ask the room of", err.into()))?;
    Ok(Folder {
        mode: meta.mode() & 0o7777,
        owner: meta.uid(),
        room: Room {
            bytes: room.f_bavail.saturating_mul(room.f_frsize),
            names: (room.f_files > 0).then_some(room.f_favail),
        },
        runs: listing::runs(&store)?,
        warning: store.exposed(),
    })
}

pub(crate) fn judge(host: &Host, folder: Result<Folder>, catalog: &Result<Catalog>) -> Finding {
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
            .hint(
                Hints::from("Make room there, or name another store with --store:")
                    .then(Hint::run(format!("df {word}")))
                    .then(Hint::pgseal(&["prune", "--keep-last=10"])),
            ),
        None => Finding::ready(seen),
    };
    let us = rustix::process::geteuid().as_raw();
    let mut warnings = Vec::new();
    warnings.extend(folder.warning);
    if folder.owner != us && folder.owner != 0 {
        warnings.push(format!(
            "the store belongs to uid {}, not to us",
            folder.owner
        ));
    }
    warnings.extend(leftovers(&folder.runs));
    finding
        .with(Evidence::read(&dir, last_good(&folder.runs)))
        .with_all(warnings.into_iter().map(Evidence::warning))
}

fn last_good(runs: &[Run]) -> String {
    let complete = || runs.iter().filter(|run| run.state == RunState::Complete);
    // Oldest first.
    match complete().next_back().and_then(|run| run.manifest.as_ref()) {
        None => "no backup yet".into(),
        Some(last) => format!(
            "{} complete; the last good one is {} of {}, {}, {}",
            complete().count(),
            last.run_id,
            last.created_at,
            age(&last.created_at),
            bytes(last.envelope.size_bytes)
        ),
    }
}

/// Runs that are not whole, in words of `pgseal list`.
fn leftovers(runs: &[Run]) -> Vec<String> {
    let words = [
        (RunState::Partial, "not finished, the next run sweeps it"),
        (RunState::Orphan, "without a manifest, so not a backup"),
        (RunState::Broken, "a manifest that its files contradict"),
    ];
    let told = words.iter().filter_map(|(state, words)| {
        let these = runs.iter().filter(|run| run.state == *state);
        let files: Vec<&str> = these
            .flat_map(|run| run.files.keys().map(String::as_str))
            .collect();
        (!files.is_empty()).then(|| format!("{words}: {}", files.join(", ")))
    });
    told.collect()
}

fn age(created_at: &str) -> String {
    let Ok(at) = created_at.parse::<Timestamp>() else {
        return "of unknown age".into();
    };
    let minutes = (Timestamp::now().as_second() - at.as_second()) / 60;
    match minutes {
        ..0 => "in the future, by this host's clock".into(),
        0..120 => format!("{} ago", counted(minutes, "minute")),
        120..2880 => format!("{} ago", counted(minutes / 60, "hour")),
        _ => format!("{} ago", counted(minutes / 1440, "day")),
    }
}
