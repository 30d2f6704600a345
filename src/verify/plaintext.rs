//! From what gpg puts out to what pg_dump wrote, and what is counted on the way.

use crate::compression::Compression;
use crate::error::{Code, Error};
use crate::manifest::Manifest;
use crate::pg::scan::{Block, Scan};
use crate::pipeline::{Halt, Sink};
use sha2::{Digest, Sha256};

/// The seam between gpg and the scan: gpg undoes what is OpenPGP's own (ZLIB packets, and none),
/// what lies inside is undone here.
enum Inflate {
    /// gpg's output is the SQL.
    AsIs,
}

fn plaintext_of(compression: Compression) -> Inflate {
    match compression {
        Compression::Gpg(_) => Inflate::AsIs,
    }
}

type Next<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Halt>;

impl Inflate {
    fn push(&mut self, bytes: &[u8], next: Next<'_>) -> Result<(), Halt> {
        match self {
            Inflate::AsIs => next(bytes),
        }
    }

    /// The last bytes; an error where the compressed stream is cut.
    fn end(&mut self, _next: Next<'_>) -> Result<(), Halt> {
        match self {
            Inflate::AsIs => Ok(()),
        }
    }
}

/// Reads a dump as gpg lets it out. Nothing of it is kept but counts and a hash, and none of
/// these may be believed before gpg has said that the message was whole.
pub(crate) struct Plain {
    inflate: Inflate,
    content: Content,
}

struct Content {
    scan: Scan,
    hash: Sha256,
    bytes: u64,
    /// No more than this can be right: a small file may unfold to a very large one.
    most: u64,
}

/// What the dump held.
pub(crate) struct Seen {
    pub sha256: String,
    pub bytes: u64,
    pub blocks: Vec<Block>,
}

impl Plain {
    pub(crate) fn new(manifest: &Manifest, compression: Compression) -> Plain {
        let expected = super::consistency::stored(manifest).map(|table| table.table());
        Plain {
            inflate: plaintext_of(compression),
            content: Content {
                scan: Scan::new(expected),
                hash: Sha256::new(),
                bytes: 0,
                most: manifest.plaintext.size_bytes,
            },
        }
    }

    pub(crate) fn finish(mut self) -> Result<Seen, String> {
        let Plain { inflate, content } = &mut self;
        inflate
            .end(&mut |bytes| content.push(bytes))
            .map_err(|halt| match halt {
                Halt::Own(error) => error.message,
                Halt::Pipe(why) => why,
            })?;
        let blocks = self.content.scan.finish()?;
        Ok(Seen {
            sha256: hex::encode(self.content.hash.finalize()),
            bytes: self.content.bytes,
            blocks,
        })
    }
}

impl Sink for Plain {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        let Plain { inflate, content } = self;
        inflate.push(bytes, &mut |bytes| content.push(bytes))
    }
}

impl Content {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        let refused = |why: String| Halt::Own(Error::new(Code::NotVerified, why));
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        if self.bytes > self.most {
            let most = self.most;
            return Err(refused(format!(
                "it is longer than the {most} bytes of the manifest"
            )));
        }
        self.scan.push(bytes).map_err(refused)
    }
}
