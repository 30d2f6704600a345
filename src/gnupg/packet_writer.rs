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
mod tests {
    use super::*;
    use crate::gnupg::fixture::Gpg;
    use crate::gnupg::packet_reader::MessageReader;
    use flate2::read::ZlibDecoder;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::io::Read;

    const ALL: [Compression; 4] = [
        Compression::Deflate,
        Compression::Zstd(1),
        Compression::Gpg(1),
        Compression::None,
    ];

    const NAME: &str = "a-name";

    /// As gpg is asked for each.
    fn raw(compress: Compression) -> [&'static str; 3] {
        let method = match compress {
            Compression::Gpg(_) => "zlib",
            _ => "none",
        };
        ["--no-literal", "--compress-algo", method]
    }

    fn seal(data: &[u8], piece: usize, compress: Compression) -> Vec<u8> {
        let mut seal = MessageWriter::new(Vec::new(), compress, NAME).unwrap();
        for piece in data.chunks(piece) {
            seal.write_all(piece).unwrap();
        }
        seal.finish().unwrap()
    }

    /// The body of the one packet that there is.
    fn body(message: &[u8], tag: u8) -> Vec<u8> {
        assert_eq!(message[0], 0xc0 | tag);
        let (mut rest, mut body) = (&message[1..], Vec::new());
        loop {
            let (length, last, after) = match rest {
                [255, a, b, c, d, after @ ..] => {
                    (u32::from_be_bytes([*a, *b, *c, *d]) as usize, true, after)
                }
                [n @ 224..=254, after @ ..] => (1 << (n & 0x1f), false, after),
                _ => panic!("{:?}", rest.first()),
            };
            body.extend_from_slice(&after[..length]);
            rest = &after[length..];
            if last {
                assert!(rest.is_empty());
                return body;
            }
        }
    }

    fn open(message: &[u8], compress: Compression) -> Vec<u8> {
        let mut inflated = Vec::new();
        let literal = if compress == Compression::Deflate {
            let body = body(message, 8);
            assert_eq!(body[0], 2);
            let mut zlib = ZlibDecoder::new(&body[1..]);
            zlib.read_to_end(&mut inflated).unwrap();
            assert_eq!(zlib.total_in() + 1, body.len() as u64);
            &inflated
        } else {
            message
        };
        let data = body(literal, 11);
        let data = data.strip_prefix(b"b\x06a-name\0\0\0\0").unwrap();
        unpack(data, compress)
    }

    fn unpack(data: &[u8], compress: Compression) -> Vec<u8> {
        match compress {
            Compression::Zstd(_) => zstd::decode_all(data).unwrap(),
            _ => data.to_vec(),
        }
    }

    /// Like a dump in that it compresses, but not to nothing.
    fn text(bytes: usize) -> Vec<u8> {
        let mut seed = 1_u64;
        let mut text = Vec::with_capacity(bytes + 64);
        while text.len() < bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            writeln!(text, "{}\t{:016x}\tqueued\t\\N", seed >> 54, seed).unwrap();
        }
        text.truncate(bytes);
        text
    }

    #[test]
    fn a_short_dump_compresses_too() {
        let data = text(20_000);
        let mut deflate = Deflate::new(Vec::new());
        deflate.write_all(&data).unwrap();
        let bare = deflate.finish().unwrap().len();
        assert!(framed(&data, Compression::Deflate).unwrap().len() < bare + 100);
    }

    #[test]
    fn a_name_has_255_bytes_at_most() {
        let new = |name: &str| MessageWriter::new(Vec::new(), Compression::None, name);
        assert!(new(&"a".repeat(255)).is_ok());
        assert!(new(&"a".repeat(256)).is_err());
    }

    #[test]
    fn gpg_opens_it() {
        let gpg = Gpg::new();
        let mut sizes = vec![0, 1, (1 << 20) + 3, 20 << 20];
        sizes.extend(511..=514);
        sizes.extend(8191..=8193);
        sizes.extend(CHUNK - 8..=CHUNK + 1);
        let data = text(20 << 20);
        for size in sizes {
            for compress in ALL {
                let data = &data[..size];
                let sealed = gpg.encrypt(&raw(compress), &seal(data, 65_536, compress));
                let mut framing = MessageReader::new();
                framing.push(&sealed).unwrap();
                framing.finish().unwrap();
                let opened = gpg.decrypt(&sealed);
                assert!(
                    opened.code == Some(0) && opened.vouched,
                    "{compress:?} {size}"
                );
                assert!(
                    unpack(&opened.data, compress) == data,
                    "{compress:?} {size}"
                );
            }
        }
    }

    #[test]
    fn gpg_refuses_it_when_cut() {
        let gpg = Gpg::new();
        let data = text(300_000);
        for compress in ALL {
            let whole = seal(&data, 10_000, compress);
            let last = whole.len();
            let random = (1..20).map(|n| last * n / 20 + n);
            let cuts = (0..12).chain(CHUNK - 2..CHUNK + 4).chain(random);
            for cut in cuts.chain(last - 9..last) {
                let opened = gpg.decrypt(&gpg.encrypt(&raw(compress), &whole[..cut]));
                let refused = if cut == 0 {
                    !opened.vouched
                } else {
                    opened.code == Some(2)
                };
                assert!(refused, "{compress:?} {cut} of {last}");
            }
            assert_eq!(
                gpg.decrypt(&gpg.encrypt(&raw(compress), &whole)).code,
                Some(0)
            );
        }
    }

    #[test]
    fn dropped_is_not_closed() {
        let gpg = Gpg::new();
        let data = text(400_000);
        for compress in ALL {
            let mut out = Vec::new();
            let mut seal = MessageWriter::new(&mut out, compress, NAME).unwrap();
            seal.write_all(&data).unwrap();
            seal.flush().unwrap();
            drop(seal);
            let opened = gpg.decrypt(&gpg.encrypt(&raw(compress), &out));
            assert_eq!(opened.code, Some(2), "{compress:?}");
        }
    }

    #[test]
    fn a_failed_write_is_never_closed() {
        /// Full once, then with room again.
        struct Full(Vec<u8>, bool);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0.len() > 2 * CHUNK && !self.1 {
                    self.1 = true;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.0.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let data = text(4 << 20);
        for compress in ALL {
            let mut seal = MessageWriter::new(Full(Vec::new(), false), compress, NAME).unwrap();
            let error = data
                .chunks(1000)
                .find_map(|piece| seal.write_all(piece).err());
            assert_eq!(error.unwrap().kind(), io::ErrorKind::StorageFull);
            assert!(seal.finish().is_err(), "{compress:?}");
        }
    }

    proptest! {
        #[test]
        fn any_data_in_any_pieces(
            noise in vec(any::<u8>(), 0..70_000),
            repeat in 0..5_usize,
            piece in 1..100_000_usize,
            compress in prop_oneof![Just(ALL[0]), Just(ALL[1]), Just(ALL[3])],
        ) {
            let data = noise.repeat(repeat);
            prop_assert!(open(&seal(&data, piece, compress), compress) == data);
        }
    }
}
