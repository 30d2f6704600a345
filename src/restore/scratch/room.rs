//! Room for a throw-away cluster: where it may stand, what it takes, and what is left.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::text::shell_word;
use crate::store::manifest::Manifest;
use rustix::fs::StatFs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Memory, and what it must hold as a multiple of the SQL: tables, indexes, write-ahead log.
const MEMORY: &str = "/dev/shm";
const FACTOR: u64 = 3;
const EMPTY: u64 = 128 * 1024 * 1024;

/// The most that is kept free; of a small file system, a twentieth.
const LARGEST_RESERVE: u64 = 256 * 1024 * 1024;

/// The folder in which the cluster is made. Plaintext reaches a disk only where somebody said so.
pub(crate) fn root(named: Option<&Path>, manifest: &Manifest) -> Result<PathBuf> {
    if let Some(dir) = named {
        let dir = std::path::absolute(dir)
            .map_err(|err| Error::io(Code::Setting, "resolve", dir, &err))?;
        return has_room(&dir).map(|()| dir);
    }
    let needed = sql(manifest).saturating_mul(FACTOR).saturating_add(EMPTY);
    let memory = stat(Path::new(MEMORY)).filter(is_memory);
    let room = memory.map_or(0, |stat| free(&stat).saturating_sub(reserve(&stat)));
    if room >= needed {
        return Ok(MEMORY.into());
    }
    let what = format!("the restored tables may need {needed} bytes, and {MEMORY} has {room}");
    Err(Error::new(Code::Setting, what).hint(ELSEWHERE))
}

/// A folder that was named must be there, and not be full.
fn has_room(dir: &Path) -> Result<()> {
    if let Err(err) = dir.read_dir() {
        let error = Error::io(Code::Store, "make a cluster in", dir, &err);
        let word = shell_word(&dir.display().to_string());
        return Err(match err.kind() {
            ErrorKind::NotFound => error.hint(
                Hints::from("Make it, or name another with --scratch-dir:")
                    .then(Hint::run(format!("install -d -m 0700 {word}"))),
            ),
            _ => error.or_hint("Name a folder of this user with --scratch-dir."),
        });
    }
    match shortage(dir) {
        None => Ok(()),
        Some(free) => {
            let what = format!("only {free} bytes are left in `{}`", dir.display());
            Err(Error::new(Code::Disk, what).hint(MAKE_ROOM))
        }
    }
}

const MAKE_ROOM: &str =
    "Make room there, or name a folder on another file system with --scratch-dir.";

/// What a program of the cluster said of a full file system is no failure of its own.
pub(crate) fn explained(error: Error) -> Error {
    let full = |line: &String| line.contains("No space left on device");
    if !error.said().any(full) {
        return error;
    }
    Error {
        code: Code::Disk,
        ..error.hint(MAKE_ROOM)
    }
}

pub(crate) const ELSEWHERE: &str = "Name a folder with room for the throw-away cluster with --scratch-dir DIR; its rows will be on that disk until it is removed.";

/// Bytes of SQL that are to be restored, as the manifest says.
pub(crate) fn sql(manifest: &Manifest) -> u64 {
    let beside = [&manifest.prelude, &manifest.late].into_iter().flatten();
    let sizes = beside.map(|file| file.size_bytes);
    sizes.fold(manifest.plaintext.size_bytes, u64::saturating_add)
}

/// What is still free where `folder` is, if it is less than what is to be kept. What is in memory
/// is taken from all that the host has.
pub(crate) fn shortage(folder: &Path) -> Option<u64> {
    let stat = stat(folder)?;
    let free = free(&stat);
    (free < reserve(&stat)).then_some(free)
}

/// Bytes that the files of a folder take; those that are being removed count no more.
pub(crate) fn used(folder: &Path) -> u64 {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let meta = entry.metadata().ok()?;
        let below = if meta.is_dir() {
            used(&entry.path())
        } else {
            0
        };
        Some(below.saturating_add(meta.blocks().saturating_mul(512)))
    });
    sizes.fold(0, u64::saturating_add)
}

fn stat(dir: &Path) -> Option<StatFs> {
    rustix::fs::statfs(dir).ok()
}

fn is_memory(stat: &StatFs) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    u64::try_from(stat.f_type).is_ok_and(|kind| kind == TMPFS)
}

fn bytes(blocks: u64, stat: &StatFs) -> u64 {
    blocks.saturating_mul(u64::try_from(stat.f_bsize).unwrap_or(0))
}

fn free(stat: &StatFs) -> u64 {
    let free = bytes(stat.f_bavail, stat);
    // A tmpfs promises up to half of the memory, whoever uses it by now.
    match is_memory(stat).then(available_memory).flatten() {
        Some(memory) => free.min(memory),
        None => free,
    }
}

fn reserve(stat: &StatFs) -> u64 {
    LARGEST_RESERVE.min(bytes(stat.f_blocks, stat) / 20)
}

/// By proc(5) `meminfo`.
pub(crate) fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_take_and_what_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let empty = used(folder.path());
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/b"), vec![1; 100_000]).unwrap();
        let more = used(folder.path()) - empty;
        assert!((100_000..200_000).contains(&more), "{more}");
        // A sparse file takes nothing.
        let sparse = std::fs::File::create(folder.path().join("c")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        assert!(used(folder.path()) - empty < 200_000);
        assert!(available_memory().unwrap() > 0);
        let stat = stat(folder.path()).unwrap();
        assert_eq!(
            shortage(folder.path()).is_some(),
            free(&stat) < reserve(&stat)
        );
    }
}
