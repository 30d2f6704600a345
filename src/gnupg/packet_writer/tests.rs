use super::*;
use crate::base::cases::each;
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
    each(sizes, |size| {
        each(ALL, |compress| {
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
        });
    });
}

#[test]
fn gpg_refuses_it_when_cut() {
    let gpg = Gpg::new();
    let data = text(300_000);
    each(ALL, |compress| {
        let whole = seal(&data, 10_000, compress);
        let last = whole.len();
        let random = (1..20).map(|n| last * n / 20 + n);
        let cuts = (0..12).chain(CHUNK - 2..CHUNK + 4).chain(random);
        each(cuts.chain(last - 9..last), |cut| {
            let opened = gpg.decrypt(&gpg.encrypt(&raw(compress), &whole[..cut]));
            let refused = if cut == 0 {
                !opened.vouched
            } else {
                opened.code == Some(2)
            };
            assert!(refused, "{compress:?} {cut} of {last}");
        });
        assert_eq!(
            gpg.decrypt(&gpg.encrypt(&raw(compress), &whole)).code,
            Some(0)
        );
    });
}

#[test]
fn dropped_is_not_closed() {
    let gpg = Gpg::new();
    let data = text(400_000);
    each(ALL, |compress| {
        let mut out = Vec::new();
        let mut seal = MessageWriter::new(&mut out, compress, NAME).unwrap();
        seal.write_all(&data).unwrap();
        seal.flush().unwrap();
        drop(seal);
        let opened = gpg.decrypt(&gpg.encrypt(&raw(compress), &out));
        assert_eq!(opened.code, Some(2), "{compress:?}");
    });
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
    each(ALL, |compress| {
        let mut seal = MessageWriter::new(Full(Vec::new(), false), compress, NAME).unwrap();
        let error = data
            .chunks(1000)
            .find_map(|piece| seal.write_all(piece).err());
        assert_eq!(error.unwrap().kind(), io::ErrorKind::StorageFull);
        assert!(seal.finish().is_err(), "{compress:?}");
    });
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
