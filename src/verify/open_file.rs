//! A file that is opened once: whatever is read of it is read from this one descriptor, so that
//! nobody can put another in its place between two looks.

use crate::base::error::{Code, Error, Result};
use crate::gnupg::packet_reader::{FramingError, Message, MessageReader};
use crate::process::cancel::Cancel;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file is hashed in blocks of this many bytes.
const BLOCK: usize = 256 * 1024;

/// The SHA-256 of a file up to the end of each of its blocks: whoever reads it again can tell a
/// changed block before it is used.
pub(crate) type BlockDigests = Arc<[[u8; 32]]>;

#[derive(Debug)]
pub(crate) struct OpenFile {
    pub path: PathBuf,
    file: File,
    pub size: u64,
    /// Mode and owner, as the report tells them, or what is wrong with them.
    pub access: std::result::Result<String, String>,
}

/// Why a file was not opened.
#[derive(Debug)]
pub(crate) enum Unopened {
    Missing,
    /// It was looked at.
    Wrong(&'static str),
    /// It could not be: that says nothing of the file.
    Unread(Error),
}

const IRREGULAR: &str = "it is not a regular file";
pub(crate) const MISSING: &str = "it is missing";

/// What is said of a file of which a larger part than is meaningful would have to be read.
pub(crate) fn too_large(bytes: u64) -> String {
    format!("it has {bytes} bytes, too many to be one")
}

impl Unopened {
    fn unread(action: &str, path: &Path, err: &io::Error) -> Unopened {
        Unopened::Unread(Error::io(Code::Store, action, path, err))
    }
}

/// What can be read of an encrypted file without any key.
pub(crate) struct Outside {
    pub bytes: u64,
    /// Or why it was not read to its end.
    pub content: std::result::Result<Content, &'static str>,
}

pub(crate) struct Content {
    pub sha256: String,
    pub marks: BlockDigests,
    pub framing: std::result::Result<Message, FramingError>,
}

impl OpenFile {
    /// A regular file, not through a symbolic link; a pipe would not make us wait.
    pub(crate) fn open(path: &Path) -> std::result::Result<OpenFile, Unopened> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits() as i32)
            .open(path)
            .map_err(|err| match path.symlink_metadata() {
                Ok(meta) if meta.is_symlink() => Unopened::Wrong("it is a symbolic link"),
                Ok(meta) if !(meta.is_file() || meta.is_dir()) => Unopened::Wrong(IRREGULAR),
                _ if err.kind() == io::ErrorKind::NotFound => Unopened::Missing,
                _ => Unopened::unread("open", path, &err),
            })?;
        let meta = file
            .metadata()
            .map_err(|err| Unopened::unread("look at", path, &err))?;
        if !meta.is_file() {
            return Err(Unopened::Wrong(IRREGULAR));
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
        Ok(OpenFile {
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

    /// All of a small file, up to `most` bytes.
    pub(crate) fn bytes(&self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader()
            .and_then(|reader| reader.take(most).read_to_end(&mut bytes))
            .map_err(|err| Error::io(Code::Store, "read", &self.path, &err))?;
        Ok(bytes)
    }

    /// Reads an encrypted file to its end, hashed and its packets counted as it passes. One that
    /// is larger than `expected` is wrong whatever it holds: a sparse file of a terabyte costs
    /// nobody but its reader anything. Without `expected`, the size at the time of opening is the
    /// bound, so that a file that is written to without end is not read without end.
    pub(crate) fn outside(&self, expected: Option<u64>, cancel: &Cancel) -> Result<Outside> {
        let most = expected.unwrap_or(self.size);
        if self.size > most {
            return Ok(Outside {
                bytes: self.size,
                content: Err("the file is larger than the manifest says"),
            });
        }
        let trouble = |err| Error::io(Code::Store, "read", &self.path, &err);
        let mut reader = self.reader().map_err(trouble)?;
        let (mut hash, mut framing, mut bytes) = (Sha256::new(), MessageReader::new(), 0);
        let (mut block, mut marks) = (vec![0; BLOCK], Vec::new());
        loop {
            let n = reader.fill(&mut block).map_err(trouble)?;
            if n == 0 {
                break;
            }
            hash.update(&block[..n]);
            marks.push(hash.clone().finalize().into());
            bytes += n as u64;
            if bytes > most {
                let content = Err("the file grew while it was read");
                return Ok(Outside { bytes, content });
            }
            // A failed push is kept for finish; the hash goes on to the end.
            let _ = framing.push(&block[..n]);
            cancel.check()?;
        }
        let content = Ok(Content {
            sha256: hex::encode(hash.finalize()),
            marks: marks.into(),
            framing: framing.finish(),
        });
        Ok(Outside { bytes, content })
    }
}

/// Has a place of its own: the descriptor's is shared.
pub(crate) struct FromStart {
    file: File,
    at: u64,
}

impl FromStart {
    /// As much as there is room for; less only at the end.
    fn fill(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let mut held = 0;
        while held < block.len() {
            match self.read(&mut block[held..]) {
                Ok(0) => break,
                Ok(n) => held += n,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
        Ok(held)
    }
}

/// The same file once more, block by block, each as it was before.
pub(crate) struct RecheckedReader {
    from: FromStart,
    hash: Sha256,
    marks: BlockDigests,
    at: usize,
    block: Vec<u8>,
}

impl RecheckedReader {
    pub(crate) fn new(opened: &OpenFile, marks: &BlockDigests) -> Result<RecheckedReader> {
        let from = opened
            .reader()
            .map_err(|err| Error::io(Code::Store, "read", &opened.path, &err))?;
        Ok(RecheckedReader {
            from,
            hash: Sha256::new(),
            marks: Arc::clone(marks),
            at: 0,
            block: vec![0; BLOCK],
        })
    }

    /// The next block, empty at the end.
    pub(crate) fn block(&mut self) -> Result<&[u8]> {
        let n = self.from.fill(&mut self.block).map_err(|err| {
            let what = format!("the sealed file cannot be read: {err}");
            Error::new(Code::Store, what)
        })?;
        let block = &self.block[..n];
        self.hash.update(block);
        let mark = (n > 0).then(|| self.hash.clone().finalize().into());
        let expected = self.marks.get(self.at).copied();
        self.at += 1;
        if expected == mark {
            Ok(block)
        } else {
            Err(Error::new(
                Code::NotVerified,
                "the file changed while it was read",
            ))
        }
    }
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use std::io::Write;

    #[test]
    fn a_file_that_grows_is_not_read_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [0; 100]).unwrap();
        let opened = OpenFile::open(&path).unwrap();
        let outside = |expected| opened.outside(expected, &Cancel::none()).unwrap();
        assert!(outside(Some(100)).content.is_ok());
        assert!(outside(None).content.is_ok());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"more").unwrap();
        each([Some(100), None], |expected| {
            let why = outside(expected).content.err();
            assert_eq!(why, Some("the file grew while it was read"));
        });
        let why = outside(Some(99)).content.err();
        assert_eq!(why, Some("the file is larger than the manifest says"));
    }
}
