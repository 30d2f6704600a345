//! A ZLIB stream into a writer, by ISA-L where it is built in, else by zlib-rs.
//!
//! Neither ends the stream when it is dropped: a stream without an end is how a reader sees that
//! its writer died.

#[cfg(feature = "isal")]
pub(crate) use isa_l::Deflate;
#[cfg(not(feature = "isal"))]
pub(crate) use zlib_rs::Deflate;

#[cfg(feature = "isal")]
mod isa_l {
    use isal::{Codec, CompressionLevel, write::Encoder};
    use std::io::{self, Write};

    /// Not `Send`: make it in the thread that writes to it.
    pub(crate) struct Deflate<W: Write>(Box<Encoder<W>>);

    impl<W: Write> Deflate<W> {
        pub(crate) fn new(out: W) -> Self {
            // Level 3 takes 1.6 to 1.9 times as long, to save 2 to 6 in a hundred bytes.
            let encoder = Encoder::new(out, CompressionLevel::One, Codec::Zlib);
            Self(Box::new(encoder))
        }

        pub(crate) fn finish(self) -> io::Result<W> {
            self.0.finish()
        }
    }

    impl<W: Write> Write for Deflate<W> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        /// The encoder's own flush would end the stream.
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(any(test, not(feature = "isal")))]
mod zlib_rs {
    use flate2::{Compress, Compression, FlushCompress, Status};
    use std::io::{self, Write};

    // flate2's own encoder ends its stream when it is dropped.
    pub(crate) struct Deflate<W> {
        out: W,
        stream: Compress,
        buffer: Vec<u8>,
    }

    impl<W: Write> Deflate<W> {
        pub(crate) fn new(out: W) -> Self {
            Self {
                out,
                // Level 1 takes half as long, for a third more bytes.
                stream: Compress::new(Compression::new(2), true),
                buffer: Vec::with_capacity(1 << 16),
            }
        }

        pub(crate) fn finish(mut self) -> io::Result<W> {
            while self.step(&[], FlushCompress::Finish)?.1 != Status::StreamEnd {}
            Ok(self.out)
        }

        fn step(&mut self, bytes: &[u8], flush: FlushCompress) -> io::Result<(usize, Status)> {
            let before = self.stream.total_in();
            let status = self.stream.compress_vec(bytes, &mut self.buffer, flush)?;
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
            Ok(((self.stream.total_in() - before) as usize, status))
        }
    }

    impl<W: Write> Write for Deflate<W> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut taken = 0;
            while taken < bytes.len() {
                taken += self.step(&bytes[taken..], FlushCompress::None)?.0;
            }
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    macro_rules! backend {
        ($backend:ident) => {
            mod $backend {
                use crate::base::cases::Cases;
                use crate::gnupg::deflate::$backend::Deflate;
                use flate2::read::ZlibDecoder;
                use std::io::{ErrorKind, Read, Write};

                fn inflate(zlib: &[u8]) -> std::io::Result<Vec<u8>> {
                    let mut data = Vec::new();
                    let mut decoder = ZlibDecoder::new(zlib);
                    decoder.read_to_end(&mut data)?;
                    assert_eq!(decoder.total_in(), zlib.len() as u64);
                    Ok(data)
                }

                #[test]
                fn round_trip() {
                    let noise: Vec<u8> = (0..300_000_u64).map(|n| (n * n >> 7) as u8).collect();
                    let mut cases = Cases::new();
                    for data in [&noise[..0], b"x", &noise, &noise.repeat(3), &[0; 5_000_000]] {
                        for piece in [1 << 10, 1 << 16, 1 << 24] {
                            cases.check((data.len(), piece), || {
                                let mut deflate = Deflate::new(Vec::new());
                                for piece in data.chunks(piece) {
                                    deflate.write_all(piece).unwrap();
                                    deflate.flush().unwrap();
                                }
                                assert!(inflate(&deflate.finish().unwrap()).unwrap() == data);
                            });
                        }
                    }
                }

                #[test]
                fn dropped_has_no_end() {
                    let mut out = Vec::new();
                    let mut deflate = Deflate::new(&mut out);
                    deflate.write_all(&[7; 100_000]).unwrap();
                    drop(deflate);
                    assert_eq!(inflate(&out).unwrap_err().kind(), ErrorKind::UnexpectedEof);
                }
            }
        };
    }

    #[cfg(feature = "isal")]
    backend!(isa_l);
    backend!(zlib_rs);
}
