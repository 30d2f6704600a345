//! What stands at the pipes: a source writes to a child, a tap stands between two, a sink reads.

use crate::base::error::Error;
use crate::process::output::Output;
use crate::process::status_lines::StatusLines;
use std::io::{self, PipeWriter, Read, Write};

/// Why a source, a tap or a sink did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamError {
    /// The other side is gone or broken: a consequence, never the cause.
    BrokenPipe(String),
    /// It refused what it saw, or could not keep it: the cause.
    Rejected(Error),
    /// The child is gone, and its output has no end: a process beyond our reach holds it.
    HeldOpen,
}

impl From<Error> for StreamError {
    fn from(error: Error) -> StreamError {
        StreamError::Rejected(error)
    }
}

impl StreamError {
    pub(crate) fn broken(err: io::Error) -> StreamError {
        StreamError::BrokenPipe(err.to_string())
    }

    /// An error only where it is the cause.
    pub(crate) fn rejected(self) -> Passed {
        match self {
            StreamError::BrokenPipe(_) | StreamError::HeldOpen => Ok(()),
            StreamError::Rejected(_) => Err(self),
        }
    }
}

pub(crate) type Passed = Result<(), StreamError>;

/// Writes a command's standard input.
pub(crate) trait Source: Send + 'static {
    fn pour(&mut self, to: &mut dyn Write) -> Passed;
}

impl Source for Vec<u8> {
    fn pour(&mut self, to: &mut dyn Write) -> Passed {
        to.write_all(self).map_err(StreamError::broken)
    }
}

/// Stands in the stream; passes on what it saw.
pub(crate) trait Tap: Send + 'static {
    /// What leads to the consumer. It is made in the tap's thread, and lives and dies there.
    type Stream;
    fn open(&mut self, to: PipeWriter, producer: StatusLines) -> Result<Self::Stream, StreamError>;
    fn push(&mut self, bytes: &[u8], to: &mut Self::Stream) -> Passed;
    /// The last bytes, once the producer has exited with 0: one that died gets no well-formed end.
    fn end(&mut self, to: Self::Stream) -> Passed;
}

/// Keeps what the last command writes.
pub(crate) trait Sink: Send + 'static {
    fn push(&mut self, bytes: &[u8]) -> Passed;
    /// The output has ended, or could not be read further.
    fn end(&mut self) {}
}

const BUFFER: usize = 128 * 1024;

pub(crate) fn read_to_end(from: &mut Output, mut push: impl FnMut(&[u8]) -> Passed) -> Passed {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => push(&buffer[..n])?,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) if err.kind() == io::ErrorKind::TimedOut => return Err(StreamError::HeldOpen),
            Err(err) => return Err(StreamError::broken(err)),
        }
    }
}
