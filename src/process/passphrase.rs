//! A passphrase by file descriptor: never on a command line, in the environment or on disk.

use crate::base::error::{Code, Error, Result};
use crate::process::cancel::Cancel;
use crate::process::interruptible;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// gpg itself takes fewer.
const LONGEST: usize = 4096;

/// The first line of what this descriptor, which the caller opened for us, has to read. Comes
/// with its newline, as gpg wants it.
pub(crate) fn passphrase(fd: u32, cancel: &Cancel) -> Result<Vec<u8>> {
    let wrong = |why: &str| {
        let what = format!("--passphrase-fd {fd}: {why}");
        Error::new(Code::Setting, what).hint(
            "Give it a descriptor to read from, as in: pgseal … --passphrase-fd 3 3<PASSPHRASE_FILE",
        )
    };
    let unreadable = |err: io::Error| wrong(&format!("cannot be read: {err}"));
    let from: Box<dyn AsFd> = match fd {
        0 => Box::new(io::stdin()),
        1 | 2 => return Err(wrong("is standard output or standard error")),
        // Through /proc, since a bare number cannot be made a file without trusting it blindly.
        fd => Box::new(
            interruptible::open(Path::new(&format!("/proc/self/fd/{fd}"))).map_err(
                |err| match err.kind() {
                    io::ErrorKind::NotFound => wrong("is not open"),
                    _ => unreadable(err),
                },
            )?,
        ),
    };
    let newline = |bytes: &[u8]| memchr::memchr(b'\n', bytes);
    let whole = |bytes: &[u8]| newline(bytes).is_some();
    let read = interruptible::read(from, LONGEST + 1, whole, cancel);
    let mut line = read.map_err(|error| error.or(unreadable))?;
    if let Some(end) = newline(&line) {
        line.truncate(end + 1);
    }
    if line.len() > LONGEST {
        return Err(wrong("holds a line that is too long for a passphrase"));
    }
    if line.trim_ascii().is_empty() {
        return Err(wrong("holds no passphrase"));
    }
    if !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    Ok(line)
}
