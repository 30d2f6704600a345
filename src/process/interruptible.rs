//! Reading what may never come: whoever waits at an idle pipe or terminal still hears a signal and
//! keeps the limit. The standard library's reads start over when a signal interrupts them.

use crate::base::error::Error;
use crate::process::cancel::Cancel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How long a signal that comes just before the wait, or the limit, can go unseen.
const STEP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Without waiting for a FIFO's other end, and without a terminal becoming ours.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
}

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The `cancel` stopped it.
    Stopped(Error),
    File(io::Error),
}

impl ReadError {
    /// One error: what the file itself does wrong is `unreadable`.
    pub(crate) fn or(self, unreadable: impl FnOnce(io::Error) -> Error) -> Error {
        match self {
            ReadError::Stopped(error) => error,
            ReadError::File(err) => unreadable(err),
        }
    }
}

/// Reads until the end, until `most` bytes are there, or until they are `enough`.
pub(crate) fn read(
    from: impl AsFd,
    most: usize,
    enough: impl Fn(&[u8]) -> bool,
    cancel: &Cancel,
) -> Result<Vec<u8>, ReadError> {
    let from = from.as_fd();
    let (mut bytes, mut held) = (vec![0; most], 0);
    while held < most && !enough(&bytes[..held]) {
        cancel.check().map_err(ReadError::Stopped)?;
        let got = match poll(&mut [PollFd::new(&from, PollFlags::IN)], Some(&STEP)) {
            Ok(0) => continue,
            Ok(_) => rustix::io::read(from, &mut bytes[held..]),
            Err(err) => Err(err),
        };
        match got {
            Ok(0) => break,
            Ok(n) => held += n,
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(err) => return Err(ReadError::File(err.into())),
        }
    }
    bytes.truncate(held);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Code;
    use std::io::{Write, pipe};
    use std::time::Duration;

    #[test]
    fn an_idle_pipe_is_left_in_time() {
        let (from, mut to) = pipe().unwrap();
        to.write_all(b"half a line").unwrap();
        let cancel = Cancel::none().with_timeout(Duration::from_millis(120));
        let error = read(&from, 100, |_| false, &cancel).unwrap_err();
        let stopped = matches!(&error, ReadError::Stopped(error) if error.code == Code::Timeout);
        assert!(stopped, "{error:?}");
    }

    #[test]
    fn to_the_end_to_the_limit_or_until_it_is_enough() {
        let cancel = Cancel::none().with_timeout(Duration::from_secs(60));
        let all = |from: &dyn AsFd, most: usize| read(from, most, |_| false, &cancel);
        let (from, mut to) = pipe().unwrap();
        to.write_all(b"one\n").unwrap();
        let writer = std::thread::spawn(move || {
            for part in [b"two\nt", b"hree\n"] {
                std::thread::sleep(Duration::from_millis(60));
                to.write_all(part).unwrap();
            }
        });
        let line = read(&from, 100, |bytes| bytes.contains(&b'\n'), &cancel);
        assert_eq!(line.unwrap(), b"one\n");
        assert_eq!(all(&from, 7).unwrap(), b"two\nthr");
        assert_eq!(all(&from, 100).unwrap(), b"ee\n");
        writer.join().unwrap();

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(all(&open(&path).unwrap(), 100).unwrap(), b"text");
        let error = all(&open(folder.path()).unwrap(), 100).unwrap_err();
        let folder = |err: &io::Error| err.kind() == io::ErrorKind::IsADirectory;
        let told = matches!(&error, ReadError::File(err) if folder(err));
        assert!(told, "{error:?}");
    }
}
