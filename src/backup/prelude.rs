//! The second file: what the tables need around them, made of pg_dump's text on its way to gpg.

use crate::backup::encrypt::{Way, Written, through};
use crate::backup::tap::broken;
use crate::base::error::{Code, Error, Result};
use crate::gnupg::binding::Bond;
use crate::gnupg::compression::Compression;
use crate::gnupg::packet_writer::Seal;
use crate::pg::closure::{Closure, Object};
use crate::pg::prelude::{LARGEST, prelude};
use crate::process::cancel::Watch;
use crate::process::pipe::{Halt, Tap};
use crate::process::status_lines::StatusLines;
use crate::store::folder::Partial;
use std::io::{PipeWriter, Write};

pub(crate) struct SealedPrelude {
    /// What it should hold and does not.
    pub absent: Vec<Object>,
    pub written: Written,
}

pub(crate) fn seal_prelude(
    way: &Way<'_>,
    closure: &Closure,
    bond: &Bond,
    partial: Partial,
    watch: &Watch,
) -> Result<SealedPrelude> {
    let tap = PreludeTap {
        closure: closure.clone(),
        compression: way.compression.of_prelude(),
        name: bond.name(),
        dump: Vec::new(),
        absent: Vec::new(),
    };
    let (tap, written) = through(way, tap, partial, watch, &mut || {})?;
    Ok(SealedPrelude {
        absent: tap.absent,
        written,
    })
}

/// Holds the dump of a whole schema, without its tables, in memory.
const LIMIT: usize = 256 * 1024 * 1024;

struct PreludeTap {
    closure: Closure,
    compression: Compression,
    name: String,
    dump: Vec<u8>,
    absent: Vec<Object>,
}

impl Tap for PreludeTap {
    type Stream = Seal<PipeWriter>;

    fn open(&mut self, to: PipeWriter, _: StatusLines) -> std::result::Result<Self::Stream, Halt> {
        Seal::new(to, self.compression, &self.name).map_err(broken)
    }

    fn push(&mut self, bytes: &[u8], _: &mut Self::Stream) -> std::result::Result<(), Halt> {
        self.dump.extend(bytes);
        match self.dump.len() <= LIMIT {
            true => Ok(()),
            false => Err(unfit("the schema's text is larger than 256 MiB")),
        }
    }

    fn end(&mut self, mut to: Self::Stream) -> std::result::Result<(), Halt> {
        let made = prelude(&self.dump, &self.closure).map_err(|why| unfit(&why))?;
        if made.sql.len() > LARGEST {
            return Err(unfit(&format!("it would have more than {LARGEST} bytes")));
        }
        self.absent = made.absent;
        to.write_all(&made.sql).map_err(broken)?;
        to.finish().map(drop).map_err(broken)
    }
}

fn unfit(why: &str) -> Halt {
    Halt::Own(
        Error::new(
            Code::StageFailed,
            format!("no prelude can be made of the schema's dump: {why}"),
        )
        .hint("Try again; or leave the prelude out with --no-prelude."),
    )
}
