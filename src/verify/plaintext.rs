//! From what gpg puts out to what pg_dump wrote, and what is counted on the way.

use crate::base::error::{Code, Error};
use crate::base::meter::{End, Meter};
use crate::gnupg::compression::Compression;
use crate::pg::scan::{Block, Listener, Nobody, Scan};
use crate::process::child::HELD_OPEN;
use crate::process::flow::{Sink, StreamError};
use crate::store::manifest::Manifest;
use sha2::{Digest, Sha256};

/// The seam between gpg and the scan: gpg undoes what is OpenPGP's own (ZLIB packets, and none),
/// what lies inside is undone here.
pub(crate) enum Inflate {
    /// gpg's output is the SQL.
    AsIs,
    Zstd(Unzstd),
}

/// One Zstandard frame, undone in pieces of a fixed size: a small file may unfold to a large one.
pub(crate) struct Unzstd {
    decoder: zstd::stream::raw::Decoder<'static>,
    buffer: Vec<u8>,
    /// The frame was read to its end.
    whole: bool,
}

const PIECE: usize = 128 * 1024;

pub(crate) fn plaintext_of(compression: Compression) -> Result<Inflate, Error> {
    match compression {
        Compression::Deflate | Compression::Gpg(_) | Compression::None => Ok(Inflate::AsIs),
        Compression::Zstd(_) => Ok(Inflate::Zstd(Unzstd {
            decoder: zstd::stream::raw::Decoder::new().map_err(|err| refused(err.to_string()))?,
            buffer: vec![0; PIECE],
            whole: false,
        })),
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(Code::NotVerified, why)
}

type Next<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), StreamError>;

impl Inflate {
    pub(crate) fn push(&mut self, bytes: &[u8], next: Next<'_>) -> Result<(), StreamError> {
        match self {
            Inflate::AsIs => next(bytes),
            Inflate::Zstd(zstd) => zstd.push(bytes, next),
        }
    }

    /// The last bytes; an error where the compressed stream is cut.
    pub(crate) fn end(&mut self) -> Result<(), StreamError> {
        match self {
            Inflate::AsIs => Ok(()),
            Inflate::Zstd(zstd) if zstd.whole => Ok(()),
            Inflate::Zstd(_) => Err(refused("its zstd frame is cut off").into()),
        }
    }
}

impl Unzstd {
    fn push(&mut self, mut bytes: &[u8], next: Next<'_>) -> Result<(), StreamError> {
        use zstd::stream::raw::Operation;
        while !bytes.is_empty() {
            if self.whole {
                return Err(refused("there are bytes behind its zstd frame").into());
            }
            loop {
                let step = self.decoder.run_on_buffers(bytes, &mut self.buffer);
                let step =
                    step.map_err(|err| refused(format!("its zstd frame is broken: {err}")))?;
                bytes = &bytes[step.bytes_read..];
                self.whole = step.remaining == 0;
                next(&self.buffer[..step.bytes_written])?;
                // A full buffer may be a sign that more waits inside the decoder.
                let more = !bytes.is_empty() || step.bytes_written == self.buffer.len();
                if self.whole || !more {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Reads a dump as gpg lets it out. Nothing of it is kept but counts and a hash, and none of
/// these may be believed before gpg has said that the message was whole.
pub(crate) struct Plain {
    inflate: Inflate,
    content: Content,
}

/// A dump as it passes: scanned, hashed and counted.
pub(crate) struct Content {
    scan: Scan,
    hash: Sha256,
    bytes: u64,
    /// No more than this can be right: a small file may unfold to a very large one.
    most: u64,
    meter: Meter,
}

/// What the dump held.
pub(crate) struct Seen {
    pub sha256: String,
    pub bytes: u64,
    pub blocks: Vec<Block>,
}

impl Plain {
    pub(crate) fn new(
        manifest: &Manifest,
        compression: Compression,
        meter: &Meter,
    ) -> Result<Plain, Error> {
        Ok(Plain {
            inflate: plaintext_of(compression)?,
            content: Content::new(manifest, meter),
        })
    }

    pub(crate) fn finish(mut self) -> Result<Content, String> {
        self.inflate.end().map_err(|halt| match halt {
            StreamError::Rejected(error) => error.message,
            StreamError::BrokenPipe(why) => why,
            StreamError::HeldOpen => HELD_OPEN.into(),
        })?;
        Ok(self.content)
    }
}

impl Sink for Plain {
    fn push(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let Plain { inflate, content } = self;
        inflate.push(bytes, &mut |bytes| content.push(bytes, &mut Nobody))
    }
}

impl Content {
    pub(crate) fn new(manifest: &Manifest, meter: &Meter) -> Content {
        // Nothing is waited for in words: gpg may be asking for the passphrase.
        meter.begin(None, End::Exactly(manifest.plaintext.size_bytes));
        Content {
            scan: manifest.scan(),
            hash: Sha256::new(),
            bytes: 0,
            most: manifest.plaintext.size_bytes,
            meter: meter.clone(),
        }
    }

    /// The random token that it bears.
    pub(crate) fn token(&self) -> Option<&[u8]> {
        self.scan.random_token.as_deref()
    }

    /// What it held, where the dump is whole.
    pub(crate) fn finish(self) -> Result<Seen, String> {
        let blocks = self.scan.finish()?;
        Ok(Seen {
            sha256: hex::encode(self.hash.finalize()),
            bytes: self.bytes,
            blocks,
        })
    }

    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        listener: &mut impl Listener,
    ) -> Result<(), StreamError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        if self.bytes > self.most {
            let most = self.most;
            let why = format!("it is longer than the {most} bytes of the manifest");
            return Err(refused(why).into());
        }
        self.scan.push_to(bytes, listener).map_err(refused)?;
        self.meter.passed(self.bytes, self.scan.passing());
        Ok(())
    }
}
