//! Reading a pipe to its end.

use crate::process::pipe::{StreamError, Tap};
use crate::process::status_lines::StatusLines;
use std::io::{self, PipeReader, PipeWriter, Read};

const BUFFER: usize = 128 * 1024;

/// Both pipe ends are closed when this returns, so that the consumer sees the end.
pub(crate) fn draw(
    tap: &mut impl Tap,
    from: PipeReader,
    (to, status): (PipeWriter, StatusLines),
    producer_is_well: impl FnOnce() -> bool,
) -> Result<(), StreamError> {
    let mut stream = tap.open(to, status)?;
    read_to_end(from, |bytes| tap.push(bytes, &mut stream))?;
    if producer_is_well() {
        tap.end(stream)?;
    }
    Ok(())
}

pub(crate) fn read_to_end(
    mut from: PipeReader,
    mut push: impl FnMut(&[u8]) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => push(&buffer[..n])?,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(StreamError::BrokenPipe(err.to_string())),
        }
    }
}
