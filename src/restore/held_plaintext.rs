//! A dump that was decrypted elsewhere, held in memory until it is known to be what was sealed: its
//! statements run with the restoring role's rights, and none may run on nobody's word.

use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::base::text::bytes;
use crate::gnupg::compression::Compression;
use crate::process::cancel::Cancel;
use crate::process::flow::{Sink, StreamError};
use crate::process::interruptible;
use crate::report::findings::Findings;
use crate::restore::scratch::room;
use crate::store::manifest::Manifest;
use crate::verify::plaintext::Plain;
use crate::verify::with_key::judge_content;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;

const PIECE: usize = 128 * 1024;

/// Reads it to its end. The file is on no disk, and is read from its beginning.
pub(crate) fn held(
    from: &File,
    manifest: &Manifest,
    meter: &Meter,
    cancel: &Cancel,
) -> Result<File> {
    let (needed, free) = (manifest.plaintext.size_bytes, room::available_memory());
    if free.is_none_or(|free| needed > free / 2) {
        let what = format!(
            "the decrypted dump has {}, and at most half of this host's free memory may hold it, {}",
            bytes(needed),
            bytes(free.unwrap_or_default() / 2)
        );
        return Err(Error::new(Code::Input, what).hint(
            "Restore from the host that has the secret key: pgseal restore … --dbname there. Only if you \
             made sure in another way: --origin-unproved; it is then not held, and its SQL runs as it comes.",
        ));
    }
    let trouble = |err| Error::io(Code::StageFailed, "write", Path::new("memfd:dump"), &err);
    let wrong = |why: String| {
        let what = format!("what came on standard input is not what was sealed: {why}");
        Error::new(Code::NotVerified, what).hint(
            "Give out what gpg gives out, unchanged, of the same run: gpg --decrypt RUN.sql.gpg",
        )
    };
    let compression = Compression::parse(&manifest.compression).map_err(wrong)?;
    let mut file = memfd_create("dump", MemfdFlags::CLOEXEC)
        .map(File::from)
        .map_err(|err| trouble(err.into()))?;
    let mut plain = Plain::new(manifest, compression, meter)?;
    loop {
        let some = |bytes: &[u8]| !bytes.is_empty();
        let piece = interruptible::read(from, PIECE, some, cancel).map_err(|error| {
            error.or(|err| {
                let what = format!("standard input cannot be read: {err}");
                Error::new(Code::Input, what)
            })
        })?;
        if piece.is_empty() {
            break;
        }
        plain.push(&piece).map_err(|halt| match halt {
            StreamError::Rejected(error) => wrong(error.message),
            _ => wrong("it cannot be read".into()),
        })?;
        file.write_all(&piece).map_err(trouble)?;
    }
    let mut findings = Findings::default();
    judge_content(plain.finish().map_err(wrong)?, manifest, &mut findings);
    match findings.failed() {
        failed if failed.is_empty() => {}
        failed => return Err(wrong(failed.join("; "))),
    }
    file.rewind().map_err(trouble)?;
    Ok(file)
}
