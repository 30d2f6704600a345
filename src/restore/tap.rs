//! Between gpg and psql: inflated, hashed, scanned and judged; and the last word only where all
//! of it is what the manifest says.

use super::gate::Gate;
use crate::error::{Code, Error};
use crate::manifest::{Manifest, Table};
use crate::pg::scan::{Block, Scan};
use crate::pipeline::{Halt, Sink, Tap};
use crate::verify::Inflate;
use sha2::{Digest, Sha256};
use std::io::{PipeWriter, Write};

type Passed = Result<(), Halt>;

pub(crate) struct RestoreTap {
    pub inflate: Inflate,
    pub content: Content,
    /// What psql reads first.
    pub head: Vec<u8>,
    /// What psql reads last.
    pub tail: Vec<u8>,
    /// Of the manifest.
    pub plaintext_sha256: String,
    pub tables: Vec<Table>,
    /// What was restored, once all of it was.
    pub blocks: Vec<Block>,
    /// The last word was said.
    pub committed: bool,
}

pub(crate) struct Content {
    scan: Option<Scan>,
    pub gate: Gate,
    hash: Sha256,
    bytes: u64,
    /// No more and no less.
    size: u64,
}

impl Content {
    pub(crate) fn new(manifest: &Manifest, gate: Gate) -> Content {
        Content {
            scan: Some(
                Scan::new(manifest.stored().map(Table::table)).keeping(super::gate::LONGEST),
            ),
            gate,
            hash: Sha256::new(),
            bytes: 0,
            size: manifest.plaintext.size_bytes,
        }
    }

    fn push(&mut self, bytes: &[u8], to: &mut PipeWriter) -> Passed {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.size {
            let size = self.size;
            return refuse(format!(
                "it is longer than the {size} bytes of the manifest"
            ));
        }
        // psql would lose the rest of the line.
        if memchr::memchr(0, bytes).is_some() {
            return refuse("it holds a NUL byte".into());
        }
        self.hash.update(bytes);
        if let Some(scan) = &mut self.scan {
            scan.push_to(bytes, &mut self.gate).or_else(refuse)?;
        }
        let written = to.write_all(&self.gate.out);
        self.gate.out.clear();
        written.map_err(|err| Halt::Pipe(err.to_string()))
    }
}

impl RestoreTap {
    /// Why this may not be committed.
    fn doubt(&mut self) -> Result<(), String> {
        let scan = self.content.scan.take().ok_or("it was read before")?;
        self.blocks = scan.finish()?;
        if self.content.bytes != self.content.size {
            let (bytes, size) = (self.content.bytes, self.content.size);
            return Err(format!("it has {bytes} bytes, the manifest says {size}"));
        }
        let sha256 = hex::encode(self.content.hash.finalize_reset());
        if sha256 != self.plaintext_sha256 {
            let said = &self.plaintext_sha256;
            return Err(format!("its SHA-256 is {sha256}, the manifest says {said}"));
        }
        for block in &self.blocks {
            let table = self
                .tables
                .iter()
                .find(|table| table.table() == block.table);
            let said = table.map_or((0, 0), |table| (table.rows, table.bytes));
            if said != (block.rows, block.bytes) {
                let (rows, table) = (block.rows, &block.table);
                return Err(format!(
                    "`{table}` has {rows} rows in {} bytes, the manifest says {} in {}",
                    block.bytes, said.0, said.1
                ));
            }
        }
        Ok(())
    }
}

impl Tap for RestoreTap {
    type Stream = PipeWriter;

    fn open(&mut self, mut to: PipeWriter) -> Result<PipeWriter, Halt> {
        let written = to.write_all(&self.head);
        written.map_err(|err| Halt::Pipe(err.to_string()))?;
        Ok(to)
    }

    fn push(&mut self, bytes: &[u8], to: &mut PipeWriter) -> Passed {
        let content = &mut self.content;
        self.inflate
            .push(bytes, &mut |bytes| content.push(bytes, to))
    }

    fn end(&mut self, mut to: PipeWriter) -> Passed {
        self.inflate.end()?;
        self.doubt().or_else(refuse)?;
        let written = to.write_all(&self.tail);
        written.map_err(|err| Halt::Pipe(err.to_string()))?;
        self.committed = true;
        Ok(())
    }
}

fn refuse(why: String) -> Passed {
    Err(Halt::Own(
        Error::new(
            Code::NotVerified,
            format!("the artifact cannot be restored: {why}"),
        )
        .hint("Read it, with gpg --decrypt: this is not what pg_dump writes."),
    ))
}

/// The end of what psql answered.
#[derive(Debug, Default)]
pub(crate) struct Answer(pub Vec<u8>);

const KEPT: usize = 1024 * 1024;

impl Sink for Answer {
    fn push(&mut self, bytes: &[u8]) -> Passed {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * KEPT {
            self.0.drain(..self.0.len() - KEPT);
        }
        Ok(())
    }
}
