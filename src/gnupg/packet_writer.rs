//! The packets that gpg is handed with `--no-literal`, and encrypts unread.
//!
//! Made by gpg itself, a dump that died would become a valid, shorter message: gpg cannot tell a
//! dead writer from the end; and it compresses many times more slowly. Here only
//! [`MessageWriter::finish`] closes a packet; dropping does not. A message cut anywhere before that is
//! encrypted all the same, but `gpg --decrypt` exits 2. (Cut before its first byte it holds no
//! packet at all, and gpg 2.2 and 2.4 exit 0 with no output: only the status lines tell.)

use crate::gnupg::compression::Compression;
use crate::gnupg::deflate::Deflate;
use std::io::{self, Write};

/// Takes a dump, writes what gpg is to encrypt: an OpenPGP message, which for `gpg[:N]` gpg
/// compresses once more.
pub(crate) struct MessageWriter<W: Write> {
    layers: Layers<W>,
    broken: bool,
}

enum Layers<W: Write> {
    Deflate(Packet<Deflate<Packet<W>>>),
    Zstd(zstd::Encoder<'static, Packet<W>>),
    Bare(Packet<W>),
}

impl<W: Write> MessageWriter<W> {
    /// `name` goes into the literal packet, where gpg tells it to whoever decrypts: 255 bytes at
    /// most. No date goes there, nor a name of its own: both would tell something of the host.
    pub(crate) fn new(out: W, compress: Compression, name: &str) -> io::Result<Self> {
        let length = u8::try_from(name.len()).map_err(io::Error::other)?;
        let head = [&[b'b', length], name.as_bytes(), &[0; 4]].concat();
        let layers = match compress {
            Compression::Deflate => {
                let compressed = Packet::new(out, COMPRESSED, &[ZLIB]);
                Layers::Deflate(Packet::new(Deflate::new(compressed), LITERAL, &head))
            }
            Compression::Zstd(level) => {
                let mut zstd = zstd::Encoder::new(Packet::new(out, LITERAL, &head), level.into())?;
                zstd.include_checksum(true)?;
                Layers::Zstd(zstd)
            }
            Compression::Gpg(_) | Compression::None => {
                Layers::Bare(Packet::new(out, LITERAL, &head))
            }
        };
        Ok(Self {
            layers,
            broken: false,
        })
    }

    /// Closes the message, unless a write has failed: then it stays open for good.
    pub(crate) fn finish(self) -> io::Result<W> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed"));
        }
        match self.layers {
            Layers::Deflate(literal) => literal.finish()?.finish()?.finish(),
            Layers::Zstd(zstd) => zstd.finish()?.finish(),
            Layers::Bare(literal) => literal.finish(),
        }
    }
}

impl<W: Write> Write for MessageWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.layers {
            Layers::Deflate(literal) => literal.write(bytes),
            Layers::Zstd(zstd) => zstd.write(bytes),
            Layers::Bare(literal) => literal.write(bytes),
        };
        self.broken |= written.is_err();
        written
    }

    /// Nothing: a chunk that is not full can only be the last.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All of it at once.
pub(crate) fn framed(data: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    let mut seal = MessageWriter::new(Vec::new(), compression, "")?;
    seal.write_all(data)?;
    seal.finish()
}

const COMPRESSED: u8 = 8;
const LITERAL: u8 = 11;
const ZLIB: u8 = 2;

/// A packet of unknown length, in chunks of a power of two and a last one of any length.
struct Packet<W> {
    out: W,
    /// Not yet written. It goes with the first chunk: ISA-L compresses the first buffers of a
    /// stream to three times their size if it is given one byte before them.
    tag: Option<u8>,
    /// Room for a tag and the longest length, then the chunk so far.
    chunk: Vec<u8>,
}

const POWER: u8 = 16;
const CHUNK: usize = 1 << POWER;
const ROOM: usize = 1 + 5;

impl<W: Write> Packet<W> {
    fn new(out: W, tag: u8, head: &[u8]) -> Self {
        let mut chunk = Vec::with_capacity(ROOM + CHUNK);
        chunk.resize(ROOM, 0);
        chunk.extend_from_slice(head);
        let tag = Some(0xc0 | tag);
        Self { out, tag, chunk }
    }

    fn finish(mut self) -> io::Result<W> {
        let [a, b, c, d] = ((self.chunk.len() - ROOM) as u32).to_be_bytes();
        self.send(&[255, a, b, c, d])?;
        Ok(self.out)
    }

    fn send(&mut self, length: &[u8]) -> io::Result<()> {
        let mut start = ROOM - length.len();
        self.chunk[start..ROOM].copy_from_slice(length);
        if let Some(tag) = self.tag.take() {
            start -= 1;
            self.chunk[start] = tag;
        }
        self.out.write_all(&self.chunk[start..])?;
        self.chunk.truncate(ROOM);
        Ok(())
    }
}

impl<W: Write> Write for Packet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let free = ROOM + CHUNK - self.chunk.len();
        let taken = bytes.len().min(free);
        self.chunk.extend_from_slice(&bytes[..taken]);
        if taken == free {
            self.send(&[224 | POWER])?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
