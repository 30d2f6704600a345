//! A file that is opened once: whatever is read of it is read from this one descriptor, so that
//! nobody can put another in its place between two looks.

use crate::error::{Code, Error, Result};
use crate::gnupg::packets::{Framing, FramingError, Message};
use crate::seal::stopped;
use crate::watch::Watch;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const BUFFER: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Opened {
    pub path: PathBuf,
    file: File,
    pub size: u64,
    /// Mode and owner, as the report tells them, or what is wrong with them.
    pub access: std::result::Result<String, String>,
}

/// What can be read of an encrypted file without any key.
pub(crate) struct Outside {
    pub sha256: String,
    pub bytes: u64,
    pub framing: std::result::Result<Message, FramingError>,
}

impl Opened {
    /// A regular file, not through a symbolic link; a pipe would not make us wait.
    pub(crate) fn open(path: &Path) -> std::result::Result<Opened, String> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits() as i32)
            .open(path)
            .map_err(|err| match path.symlink_metadata() {
                Ok(meta) if meta.is_symlink() => "it is a symbolic link".to_string(),
                _ if err.kind() == io::ErrorKind::NotFound => "it is missing".to_string(),
                _ => format!("it cannot be opened: {err}"),
            })?;
        let meta = file
            .metadata()
            .map_err(|err| format!("it cannot be looked at: {err}"))?;
        if !meta.is_file() {
            return Err("it is not a regular file".into());
        }
        let folder = path.parent().and_then(|dir| dir.metadata().ok());
        let owners = [
            Some(0),
            Some(rustix::process::geteuid().as_raw()),
            folder.map(|dir| dir.uid()),
        ];
        let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
        let access = if mode & 0o077 != 0 {
            Err(format!("mode {mode:04o}: others may open it; chmod 600 it"))
        } else if !owners.contains(&Some(owner)) {
            Err(format!(
                "uid {owner} owns it, who is neither we, root nor the folder's owner"
            ))
        } else {
            Ok(format!("mode {mode:04o}, owner uid {owner}"))
        };
        Ok(Opened {
            path: path.into(),
            file,
            size: meta.len(),
            access,
        })
    }

    /// Reads from its beginning, as often as asked.
    pub(crate) fn reader(&self) -> io::Result<FromStart> {
        Ok(FromStart {
            file: self.file.try_clone()?,
            at: 0,
        })
    }

    /// All of a small file.
    pub(crate) fn bytes(&self, most: u64) -> std::result::Result<Vec<u8>, String> {
        if self.size > most {
            return Err(format!("it has {} bytes, too many to be one", self.size));
        }
        let mut bytes = Vec::new();
        self.reader()
            .and_then(|reader| reader.take(most).read_to_end(&mut bytes))
            .map_err(|err| format!("it cannot be read: {err}"))?;
        Ok(bytes)
    }

    /// Reads an encrypted file to its end, hashed and its packets counted as it passes.
    pub(crate) fn outside(&self, watch: &Watch) -> Result<Outside> {
        let trouble = |err| Error::io(Code::Store, "read", &self.path, &err);
        let mut reader = self.reader().map_err(trouble)?;
        let (mut hash, mut framing, mut bytes) = (Sha256::new(), Framing::new(), 0);
        let mut buffer = vec![0; BUFFER];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => 0,
                Err(err) => return Err(trouble(err)),
            };
            hash.update(&buffer[..n]);
            bytes += n as u64;
            // A failed push is kept for finish; the hash goes on to the end.
            let _ = framing.push(&buffer[..n]);
            if let Some(stop) = watch.stop() {
                return Err(stopped(stop));
            }
        }
        Ok(Outside {
            sha256: hex::encode(hash.finalize()),
            bytes,
            framing: framing.finish(),
        })
    }
}

/// Has a place of its own: the descriptor's is shared.
pub(crate) struct FromStart {
    file: File,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}
