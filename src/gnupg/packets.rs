//! The outside of an encrypted artifact, read without any key: who it is for, and that it is whole.
//!
//! This is a check of framing, not of content: a flipped bit inside the encrypted body is for the
//! SHA-256 to find. What framing does find is what a hash of a bad file cannot: a recipient nobody
//! asked for, a message that was cut, bytes behind its end. It accepts the one shape that we let
//! gpg write, and no other that OpenPGP knows.

mod error;
mod length;
mod message;

pub(crate) use error::FramingError;
pub(crate) use message::{KeyId, Message};

use length::{Length, length};

/// Reads a message as it passes, in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    state: State,
    at: u64,
    packet: Packet,
    recipients: Vec<KeyId>,
    // Kept, so that a caller who overlooked a failed push cannot get a Message from finish.
    failed: Option<FramingError>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Header,
    /// The octets of a length so far, and how many they are.
    Length([u8; 5], usize),
    Body(Length),
    End,
}

#[derive(Debug, Default)]
struct Packet {
    tag: u8,
    start: u64,
    old_length: Option<u8>,
    bytes: u64,
    head: [u8; HEAD],
}

const SESSION_KEY: u8 = 1;
const NO_MDC: u8 = 9;
const MDC: u8 = 18;
const OCB: u8 = 20;

/// A session key packet's version and key id: all of any body that is looked at.
const HEAD: usize = 9;

/// A hostile file must not grow our memory.
const MOST_RECIPIENTS: usize = 1000;

const NEW_LENGTH: State = State::Length([0; 5], 0);

impl Framing {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), FramingError> {
        if self.failed.is_none() {
            self.failed = self.read(bytes).err();
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn finish(self) -> Result<Message, FramingError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let (at, Packet { tag, start, .. }) = (self.at, self.packet);
        match self.state {
            State::Header if at == 0 => Err(FramingError::Empty),
            State::Header => Err(FramingError::NoData { at }),
            State::Length(..) | State::Body(_) => Err(FramingError::Truncated { at, tag, start }),
            State::End => Ok(Message {
                recipients: self.recipients,
                tag,
                bytes: at,
            }),
        }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<(), FramingError> {
        while let Some(&octet) = bytes.first() {
            let mut taken = 1;
            match self.state {
                State::Header => self.header(octet)?,
                State::Length(octets, have) => self.length(octets, have, octet)?,
                State::Body(left) => {
                    taken = left.min(bytes.len());
                    self.body(&bytes[..taken])?;
                    self.enter(left.less(taken))?;
                }
                State::End => return Err(FramingError::Trailing { at: self.at }),
            }
            self.at += taken as u64;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn header(&mut self, octet: u8) -> Result<(), FramingError> {
        let at = self.at;
        let (tag, old_length) = match octet {
            0x00..0x80 => return Err(FramingError::NotAPacket { at, octet }),
            0x80..0xc0 => (octet >> 2 & 0x0f, Some(octet & 0x03)),
            0xc0.. => (octet & 0x3f, None),
        };
        match tag {
            SESSION_KEY if self.recipients.len() == MOST_RECIPIENTS => {
                Err(FramingError::TooManyRecipients { at })
            }
            // Cut anywhere, a packet of indeterminate length still looks whole.
            SESSION_KEY if old_length == Some(3) => Err(FramingError::Indeterminate { at }),
            MDC | OCB if self.recipients.is_empty() => Err(FramingError::NoSessionKey { at, tag }),
            SESSION_KEY | MDC | OCB => {
                self.state = NEW_LENGTH;
                self.packet = Packet {
                    tag,
                    start: at,
                    old_length,
                    ..Packet::default()
                };
                Ok(())
            }
            NO_MDC => Err(FramingError::NoIntegrity { at }),
            _ => Err(FramingError::Unexpected { at, tag }),
        }
    }

    fn length(&mut self, mut octets: [u8; 5], have: usize, octet: u8) -> Result<(), FramingError> {
        octets[have] = octet;
        let have = have + 1;
        match length(self.packet.old_length, &octets[..have]) {
            Some(Length::Partial(_)) if self.packet.tag == SESSION_KEY => {
                Err(FramingError::Partial { at: self.at })
            }
            Some(next) => self.enter(next),
            None => {
                self.state = State::Length(octets, have);
                Ok(())
            }
        }
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), FramingError> {
        let (at, packet) = (self.at, &mut self.packet);
        let kept = packet.bytes.min(HEAD as u64) as usize;
        let fresh = bytes.len().min(HEAD - kept);
        packet.head[kept..kept + fresh].copy_from_slice(&bytes[..fresh]);
        packet.bytes += bytes.len() as u64;
        match (packet.tag, packet.head[0]) {
            (SESSION_KEY, 3) | (MDC | OCB, 1) => Ok(()),
            (tag, version) => Err(FramingError::Version { at, tag, version }),
        }
    }

    /// Goes on with a body of which `left` is still to come.
    fn enter(&mut self, left: Length) -> Result<(), FramingError> {
        let (tag, bytes) = (self.packet.tag, self.packet.bytes);
        self.state = match left {
            Length::Partial(0) => NEW_LENGTH,
            Length::Last(0) if bytes < least(tag) => {
                let at = self.packet.start;
                return Err(FramingError::TooShort { at, tag, bytes });
            }
            Length::Last(0) if tag == SESSION_KEY => {
                let [_, id @ ..] = self.packet.head;
                self.recipients.push(KeyId(id));
                State::Header
            }
            Length::Last(0) => State::End,
            _ => State::Body(left),
        };
        Ok(())
    }
}

/// The least body that can hold what the format demands, with the smallest of every choice.
fn least(tag: u8) -> u64 {
    match tag {
        // Version, key id, algorithm, the length of a number.
        SESSION_KEY => 1 + 8 + 1 + 2,
        // Version, a random block and its repeated end, the MDC packet.
        MDC => 1 + 8 + 2 + 22,
        // Version, cipher, mode and chunk size, nonce, the last authentication tag.
        _ => 4 + 15 + 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gnupg::fixture::Gpg;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn read(pieces: &[&[u8]]) -> Result<Message, FramingError> {
        let mut framing = Framing::new();
        for piece in pieces {
            // A failed push must not need to be looked at.
            let _ = framing.push(piece);
        }
        framing.finish()
    }

    fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let starts = [0].into_iter().chain(ends.clone());
        starts
            .zip(&ends)
            .map(|(start, &end)| &bytes[start..end])
            .collect()
    }

    fn session_key(id: [u8; 8]) -> Vec<u8> {
        let body = [&[3][..], &id, &[18, 0, 0]].concat();
        [&[0x84, body.len() as u8], &body[..]].concat()
    }

    /// A data packet, its body in partial lengths of the given powers of two and a rest.
    fn data(tag: u8, powers: &[u8], rest: u8) -> Vec<u8> {
        let mut packet = vec![0xc0 | tag];
        let mut version = 1;
        for power in powers {
            packet.push(224 | power);
            packet.extend(
                [version]
                    .into_iter()
                    .chain(std::iter::repeat_n(0, (1 << power) - 1)),
            );
            version = 0;
        }
        packet.push(rest);
        packet.extend(std::iter::repeat_n(version, rest.into()));
        packet
    }

    fn error(bytes: &[u8]) -> String {
        read(&[bytes]).unwrap_err().to_string()
    }

    #[test]
    fn real_messages() {
        let (one, two) = (Gpg::new(), Gpg::new());
        let exported = two.run(&["--export"], b"").stdout;
        assert!(one.run(&["--import"], &exported).status.success());
        for size in [0, 1, 100, 511, 512, 8192, 70_000] {
            let sealed = one.encrypt(
                &["--compress-algo", "none", "--recipient", &two.fingerprint],
                &vec![b'x'; size],
            );
            let message = read(&[&sealed]).unwrap();
            let mut ids: Vec<_> = message.recipients.iter().map(KeyId::to_string).collect();
            let mut want = [one.key_id.clone(), two.key_id.clone()];
            ids.sort_unstable();
            want.sort_unstable();
            assert_eq!(ids, want);
            assert_eq!((message.tag, message.bytes), (18, sealed.len() as u64));

            for end in 0..sealed.len() {
                read(&[&sealed[..end]]).unwrap_err();
            }
            for octet in 0..=255 {
                let at = sealed.len() as u64;
                assert_eq!(
                    read(&[&sealed, &[octet]]),
                    Err(FramingError::Trailing { at })
                );
            }
        }
    }

    #[test]
    fn messages_of_other_make() {
        let gpg = Gpg::new();
        let hidden = gpg.encrypt(&["--throw-keyids"], b"x");
        assert_eq!(read(&[&hidden]).unwrap().recipients, [KeyId([0; 8])]);
        let armored = gpg.encrypt(&["--armor"], b"x");
        assert_eq!(error(&armored), "no OpenPGP packet: byte 0 is 0x2d");
        let no_mdc = gpg.encrypt(&["--rfc2440"], b"x");
        let text = error(&no_mdc);
        assert!(
            text.ends_with("has tag 9: no integrity protection"),
            "{text}"
        );
        let symmetric = gpg.run(
            &[
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "x",
                "--symmetric",
            ],
            b"x",
        );
        assert_eq!(
            error(&symmetric.stdout),
            "a packet of tag 3 at byte 0, where none may be"
        );
    }

    #[test]
    fn refusals() {
        let key = session_key(*b"\x01\x23\x45\x67\x89\xab\xcd\xef");
        let with = |more: &[u8]| [&key, more].concat();
        let whole = with(&data(18, &[], 40));
        for (bytes, want) in [
            (vec![], "empty, no OpenPGP message"),
            (b"COPY".to_vec(), "no OpenPGP packet: byte 0 is 0x43"),
            (
                key.clone(),
                "no encrypted data packet: the message ends at byte 14",
            ),
            (
                key[..13].to_vec(),
                "truncated at byte 13, inside the packet (tag 1) from byte 0",
            ),
            (
                key[..1].to_vec(),
                "truncated at byte 1, inside the packet (tag 1) from byte 0",
            ),
            (
                whole[..15].to_vec(),
                "truncated at byte 15, inside the packet (tag 18) from byte 14",
            ),
            (
                with(&data(18, &[9, 9], 0)[..1 + 2 * 513]),
                "truncated at byte 1041, inside the packet (tag 18) from byte 14",
            ),
            (
                data(18, &[], 40),
                "no session key packet before the data packet (tag 18) at byte 0",
            ),
            (
                vec![0x87],
                "the packet at byte 0 has no length: a cut in it would not show",
            ),
            (
                vec![0xc1, 0xe9],
                "a session key packet of partial length, at byte 1",
            ),
            (
                vec![0xc1, 20, 6],
                "unsupported version 6 of packet tag 1, at byte 2",
            ),
            (
                with(&[0xd2, 40, 2]),
                "unsupported version 2 of packet tag 18, at byte 16",
            ),
            (
                vec![0xc1, 0],
                "a body of 0 bytes is too short for packet tag 1, at byte 0",
            ),
            (
                with(&data(20, &[2], 30)),
                "a body of 34 bytes is too short for packet tag 20, at byte 14",
            ),
            (
                with(&[0xa7]),
                "the data packet at byte 14 has tag 9: no integrity protection",
            ),
            (
                with(&[0xcb]),
                "a packet of tag 11 at byte 14, where none may be",
            ),
            (with(&[0]), "no OpenPGP packet: byte 14 is 0x00"),
            (
                [&whole[..], &key].concat(),
                "bytes after the end of the message, from byte 56",
            ),
            (
                key.repeat(1001),
                "more than 1000 session key packets, at byte 14000",
            ),
        ] {
            assert_eq!(error(&bytes), want);
        }
        assert_eq!(
            read(&[&whole]).unwrap().recipients[0].to_string(),
            "0123456789ABCDEF"
        );
    }

    proptest! {
        #[test]
        fn any_shape(
            ids in vec(any::<[u8; 8]>(), 1..4),
            tag in prop_oneof![Just(18), Just(20)],
            powers in vec(0..14_u8, 0..6),
            rest in 35..192_u8,
            cuts in vec(any::<Index>(), 0..20),
            end in any::<Index>(),
            extra in any::<u8>(),
        ) {
            let keys = ids.iter().flat_map(|id| session_key(*id));
            let bytes: Vec<u8> = keys.chain(data(tag, &powers, rest)).collect();
            let message = Message {
                recipients: ids.into_iter().map(KeyId).collect(),
                tag,
                bytes: bytes.len() as u64,
            };
            prop_assert_eq!(read(&pieces(&bytes, &cuts)), Ok(message));
            let end = end.index(bytes.len());
            let cut = read(&pieces(&bytes[..end], &cuts));
            prop_assert!(cut.is_err());
            prop_assert_eq!(cut, read(&[&bytes[..end]]));
            prop_assert!(read(&[&bytes, &[extra]]).is_err());
        }

        #[test]
        fn any_bytes(
            keys in 0..3_usize,
            bytes in vec(any::<u8>(), 0..200),
            header in prop_oneof![Just(&b""[..]), Just(&b"\xd2"[..]), Just(&b"\xd4"[..]), Just(&b"\x86"[..])],
            cuts in vec(any::<Index>(), 0..20),
        ) {
            let bytes = [&session_key([7; 8]).repeat(keys), header, &bytes].concat();
            let whole = read(&[&bytes]);
            prop_assert_eq!(&whole, &read(&pieces(&bytes, &cuts)));
            let octets: Vec<_> = bytes.chunks(1).collect();
            prop_assert_eq!(&whole, &read(&octets));
            if let Ok(message) = whole {
                prop_assert_eq!(message.bytes, bytes.len() as u64);
            }
        }
    }
}
