//! The outside of an encrypted artifact, read without any key: who it is for, and that it is whole.
//!
//! This is a check of framing, not of content: a flipped bit inside the encrypted body is for the
//! SHA-256 to find. What framing does find is what a hash of a bad file cannot: a recipient nobody
//! asked for, a message that was cut, bytes behind its end. It accepts the one shape that we let
//! gpg write, and no other that OpenPGP knows.

use crate::gnupg::packet_reader::error::{MOST_RECIPIENTS, NO_MDC};
mod error;
mod length;
mod message;

pub(crate) use error::FramingError;
pub(crate) use message::{KeyId, Message};

use length::{Length, length};

/// Reads a message as it passes, in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct MessageReader {
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
const MDC: u8 = 18;
const OCB: u8 = 20;

/// A session key packet's version and key id: all of any body that is looked at.
const HEAD: usize = 9;

const NEW_LENGTH: State = State::Length([0; 5], 0);

impl MessageReader {
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
mod tests;
