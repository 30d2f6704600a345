//! What a child writes, as far as it is worth waiting for.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, ErrorKind, PipeReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long it can go unseen that nothing more is waited for.
const STEP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// More than a pipe holds, so all of it was written when the child was long gone.
const LATE: usize = 4 * 1024 * 1024;

/// Raised once a child is gone with all of its group. What they wrote is read; an end that does not
/// come is not waited for, so that no thread is left behind at a pipe.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastCall(Arc<AtomicBool>);

impl LastCall {
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The read end of a pipe that a child writes to.
pub(crate) struct Output {
    pipe: PipeReader,
    last_call: LastCall,
    late: usize,
}

impl Output {
    pub(crate) fn new(pipe: PipeReader, last_call: LastCall) -> Output {
        Output {
            pipe,
            last_call,
            late: 0,
        }
    }
}

/// `TimedOut` is the error where another process holds the pipe.
impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let last = self.last_call.0.load(Ordering::Relaxed);
            if last && self.late > LATE {
                return Err(ErrorKind::TimedOut.into());
            }
            match poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&STEP)) {
                Ok(0) if last => return Err(ErrorKind::TimedOut.into()),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => {
                    let n = self.pipe.read(buffer)?;
                    self.late += if last { n } else { 0 };
                    return Ok(n);
                }
                Err(err) => return Err(err.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn an_end_that_does_not_come() {
        let (from, mut to) = io::pipe().unwrap();
        let last_call = LastCall::default();
        let mut output = Output::new(from, last_call.clone());
        to.write_all(b"all").unwrap();
        last_call.raise();
        let mut said = Vec::new();
        let held = output.read_to_end(&mut said).unwrap_err();
        assert_eq!((held.kind(), &said[..]), (ErrorKind::TimedOut, &b"all"[..]));
        // One that goes on writing is not listened to for ever either.
        let writer = std::thread::spawn(move || while to.write_all(&[0; 65536]).is_ok() {});
        let held = output.read_to_end(&mut said).unwrap_err();
        assert_eq!(held.kind(), ErrorKind::TimedOut);
        drop(output);
        writer.join().unwrap();
    }
}
