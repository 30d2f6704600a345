//! Between pg_dump and gpg: the plaintext is hashed, scanned, compressed and passed on.

use crate::base::error::{Code, Error};
use crate::base::meter::Meter;
use crate::gnupg::compression::Compression;
use crate::gnupg::packet_writer::MessageWriter;
use crate::pg::scan::{Block, Scan};
use crate::pg::token::TokenLine;
use crate::process::flow::{Passed, StreamError, Tap};
use crate::process::status_lines::StatusLines;
use sha2::{Digest, Sha256};
use std::io::{PipeWriter, Write};

/// The packet in which gpg gets a plaintext.
pub(crate) struct Packet {
    pub compression: Compression,
    pub name: String,
}

impl Packet {
    pub(crate) fn open(&self, to: PipeWriter) -> Result<MessageWriter<PipeWriter>, StreamError> {
        MessageWriter::new(to, self.compression, &self.name).map_err(StreamError::broken)
    }
}

pub(crate) struct DumpTap {
    token: TokenLine,
    scan: Option<Scan>,
    packet: Packet,
    meter: Meter,
    pub hash: Sha256,
    pub bytes: u64,
    /// What was dumped, once all of it was.
    pub blocks: Vec<Block>,
}

impl DumpTap {
    pub(crate) fn new(scan: Scan, packet: Packet, random: [u8; 32], meter: Meter) -> DumpTap {
        DumpTap {
            token: TokenLine::new(random),
            scan: Some(scan),
            packet,
            meter,
            hash: Sha256::new(),
            bytes: 0,
            blocks: Vec::new(),
        }
    }

    fn pass(&mut self, bytes: &[u8], to: &mut MessageWriter<PipeWriter>) -> Passed {
        if let Some(scan) = &mut self.scan {
            scan.push(bytes).map_err(incomplete)?;
            self.bytes += bytes.len() as u64;
            self.meter.passed(self.bytes, scan.passing());
        }
        self.hash.update(bytes);
        to.write_all(bytes).map_err(StreamError::broken)
    }
}

impl Tap for DumpTap {
    type Stream = MessageWriter<PipeWriter>;

    fn open(
        &mut self,
        to: PipeWriter,
        _: StatusLines,
    ) -> Result<MessageWriter<PipeWriter>, StreamError> {
        self.packet.open(to)
    }

    fn push(&mut self, bytes: &[u8], to: &mut MessageWriter<PipeWriter>) -> Passed {
        refuse_nul(bytes)?;
        match self.token.push(bytes) {
            None => self.pass(bytes, to),
            Some(released) => self.pass(&released, to),
        }
    }

    fn end(&mut self, mut to: MessageWriter<PipeWriter>) -> Passed {
        let held = self.token.end();
        self.pass(&held, &mut to)?;
        if let Some(scan) = self.scan.take() {
            self.blocks = scan.finish().map_err(incomplete)?;
        }
        // Not before the dump is known to be whole: a packet that is not closed cannot be opened.
        to.finish().map(drop).map_err(StreamError::broken)
    }
}

/// PostgreSQL has none in a text, and psql takes none in a script.
pub(crate) fn refuse_nul(bytes: &[u8]) -> Passed {
    match memchr::memchr(0, bytes) {
        None => Ok(()),
        Some(_) => Err(incomplete("it holds a NUL byte".into())),
    }
}

fn incomplete(why: String) -> StreamError {
    Error::new(Code::StageFailed, format!("the dump is not whole: {why}"))
        .hint("Try again; if it stays so, run the dump command by hand and look at its end.")
        .into()
}
