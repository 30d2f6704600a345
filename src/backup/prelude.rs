//! The second file: what the tables need around them, made of pg_dump's text on its way to gpg.

use crate::backup::encrypt::{DumpJob, Written, through};
use crate::backup::tap::{Packet, refuse_nul};
use crate::backup::text::{Text, encrypt_text};
use crate::base::error::{Code, Error, Result};
use crate::gnupg::binding::PreludeBinding;
use crate::gnupg::packet_writer::MessageWriter;
use crate::pg::closure::{Closure, Object};
use crate::pg::prelude::{self, LARGEST};
use crate::process::cancel::Cancel;
use crate::process::flow::{StreamError, Tap};
use crate::process::status_lines::StatusLines;
use crate::store::partial::Partial;
use std::io::{PipeWriter, Write};

pub(crate) struct EncryptedPrelude {
    /// What it should hold and does not.
    pub absent: Vec<Object>,
    /// What is for the late file, still in the clear.
    pub late: Option<Vec<u8>>,
    pub written: Written,
}

pub(crate) fn encrypt_prelude(
    job: &DumpJob<'_>,
    closure: &Closure,
    binding: &PreludeBinding,
    partial: Partial,
    cancel: &Cancel,
) -> Result<EncryptedPrelude> {
    let tap = PreludeTap {
        closure: closure.clone(),
        packet: Packet {
            compression: job.compression.of_prelude(),
            name: binding.name(),
        },
        dump: Vec::new(),
        absent: Vec::new(),
        late: None,
    };
    let (tap, written) = through(job, tap, partial, cancel)?;
    Ok(EncryptedPrelude {
        absent: tap.absent,
        late: tap.late,
        written,
    })
}

/// Of tables that need nothing around them: no dump is taken for it.
pub(crate) fn encrypt_empty(
    job: &DumpJob<'_>,
    binding: &PreludeBinding,
    partial: Partial,
    cancel: &Cancel,
) -> Result<EncryptedPrelude> {
    let text = Text {
        what: "the prelude",
        sql: &prelude::empty(),
    };
    Ok(EncryptedPrelude {
        absent: Vec::new(),
        late: None,
        written: encrypt_text(job, &text, binding, partial, cancel)?,
    })
}

/// Holds the dump of a whole schema, without its tables, in memory.
const LIMIT: usize = 256 * 1024 * 1024;

struct PreludeTap {
    closure: Closure,
    packet: Packet,
    dump: Vec<u8>,
    absent: Vec<Object>,
    late: Option<Vec<u8>>,
}

impl Tap for PreludeTap {
    type Stream = MessageWriter<PipeWriter>;

    fn open(
        &mut self,
        to: PipeWriter,
        _: StatusLines,
    ) -> std::result::Result<Self::Stream, StreamError> {
        self.packet.open(to)
    }

    fn push(&mut self, bytes: &[u8], _: &mut Self::Stream) -> std::result::Result<(), StreamError> {
        refuse_nul(bytes)?;
        self.dump.extend(bytes);
        if self.dump.len() <= LIMIT {
            Ok(())
        } else {
            Err(unfit("the schema's text is larger than 256 MiB"))
        }
    }

    fn end(&mut self, mut to: Self::Stream) -> std::result::Result<(), StreamError> {
        let made = prelude::prelude(&self.dump, &self.closure).map_err(|why| unfit(&why))?;
        let late = made.late.as_ref().map_or(0, Vec::len);
        if made.sql.len().max(late) > LARGEST {
            return Err(unfit(&format!("it would have more than {LARGEST} bytes")));
        }
        (self.absent, self.late) = (made.absent, made.late);
        to.write_all(&made.sql).map_err(StreamError::broken)?;
        to.finish().map(drop).map_err(StreamError::broken)
    }
}

fn unfit(why: &str) -> StreamError {
    let what = format!("no prelude can be made of the schema's dump: {why}");
    Error::new(Code::StageFailed, what)
        .hint("Try again; or leave the prelude out with --no-prelude.")
        .into()
}
