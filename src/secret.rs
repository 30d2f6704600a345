//! A passphrase by file descriptor: never on a command line, in the environment or on disk.

use crate::error::{Code, Error, Result};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// gpg itself takes fewer.
const LONGEST: u64 = 4096;

/// The first line of what this descriptor, which the caller opened for us, has to read. Comes
/// with its newline, as gpg wants it.
pub(crate) fn passphrase(fd: u32) -> Result<Vec<u8>> {
    let wrong = |why: &str| {
        let what = format!("--passphrase-fd {fd}: {why}");
        Error::new(Code::Setting, what).hint(
            "Give it a descriptor to read from, as in: pgseal … --passphrase-fd 3 3<PASSPHRASE_FILE",
        )
    };
    let unreadable = |err: io::Error| wrong(&format!("cannot be read: {err}"));
    let from: Box<dyn Read> = match fd {
        0 => Box::new(io::stdin()),
        1 | 2 => return Err(wrong("is standard output or standard error")),
        // Through /proc, since a bare number cannot be made a file without trusting it blindly.
        fd => Box::new(File::open(format!("/proc/self/fd/{fd}")).map_err(
            |err| match err.kind() {
                io::ErrorKind::NotFound => wrong("is not open"),
                _ => unreadable(err),
            },
        )?),
    };
    let mut line = Vec::new();
    BufReader::new(from.take(LONGEST + 1))
        .read_until(b'\n', &mut line)
        .map_err(unreadable)?;
    if line.len() as u64 > LONGEST {
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
