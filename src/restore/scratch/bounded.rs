//! Work with a throw-away cluster that is ended where it takes more than it may.

use crate::base::error::{Code, Error, Result};
use crate::base::threads;
use crate::process::cancel::Cancel;
use crate::restore::scratch::limits::{Exceeded, Limits};
use crate::restore::scratch::room;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often the folder is measured; less often where that takes long.
const STEP: Duration = Duration::from_millis(50);

/// What is watched meanwhile.
pub(crate) struct Bounds<'a> {
    /// The folder of the cluster.
    pub folder: &'a Path,
    /// None for an artifact that somebody vouches for.
    pub limits: Option<&'a Limits>,
}

enum Why {
    Exceeded(Exceeded),
    /// The bytes that are left on the file system.
    Short(u64),
}

impl Bounds<'_> {
    /// Runs `work` with a cancel token that is also raised where a bound is reached. `end` ends the server
    /// then, at once: a backend may not listen to a client that wants to cancel.
    pub(crate) fn run<T>(
        &self,
        end: impl Fn() + Sync,
        cancel: &Cancel,
        work: impl FnOnce(&Cancel) -> Result<T>,
    ) -> Result<T> {
        let reached = Arc::new(AtomicBool::new(false));
        let (working, done) = channel::<()>();
        let observed = thread::scope(|scope| {
            let observer = threads::spawn(scope, || {
                let why = self.observe(done)?;
                reached.store(true, Ordering::Relaxed);
                end();
                Some(why)
            })?;
            let result = work(&cancel.or_abandoned(&reached));
            drop(working);
            Ok((result, observer.join().ok().flatten()))
        });
        let (result, why) = observed?;
        match (result, why) {
            (Err(error), _) if is_from_outside(&error) => Err(error),
            (result, Some(why)) => Err(self.error(&why).stages(stages(result))),
            (Err(error), None) => Err(self.explained(error)),
            (Ok(done), None) => Ok(done),
        }
    }

    /// Until the work is done, or has to be.
    fn observe(&self, done: Receiver<()>) -> Option<Why> {
        let since = Instant::now();
        let mut step = Duration::ZERO;
        while done.recv_timeout(step) == Err(RecvTimeoutError::Timeout) {
            let began = Instant::now();
            if let Some(free) = room::shortage(self.folder) {
                return Some(Why::Short(free));
            }
            if let Some(limits) = self.limits {
                if since.elapsed() > limits.time {
                    return Some(Why::Exceeded(Exceeded::Time(limits.time)));
                }
                if room::used(self.folder) > limits.room {
                    return Some(Why::Exceeded(Exceeded::Room(limits.room)));
                }
            }
            step = STEP.max(began.elapsed() * 10);
        }
        None
    }

    fn error(&self, why: &Why) -> Error {
        match (why, self.limits) {
            (Why::Exceeded(what), Some(limits)) => limits.exceeded(*what),
            (Why::Exceeded(what), None) => Error::new(Code::StageFailed, what.to_string()),
            (Why::Short(free), _) => {
                let folder = self.folder.display();
                let what = format!(
                    "only {free} bytes are left where the throw-away cluster is, `{folder}`"
                );
                Error::new(Code::Disk, what).hint(room::ELSEWHERE)
            }
        }
    }

    /// What the server, or psql, met before it was seen here.
    fn explained(&self, error: Error) -> Error {
        let said = |words: &str| {
            let mut lines = error.stages.iter().flat_map(|stage| &stage.said);
            lines.any(|line| line.contains(words))
        };
        let why = match self.limits {
            _ if said("No space left on device") || said("disk_full") => Why::Short(0),
            Some(limits) if said("out of memory") || said("out_of_memory") => {
                Why::Exceeded(Exceeded::Memory(limits.memory))
            }
            _ => return error,
        };
        self.error(&why).stages(error.stages)
    }
}

/// A signal, or the user's own limit.
fn is_from_outside(error: &Error) -> bool {
    matches!(error.code, Code::Interrupted(_) | Code::Timeout)
}

fn stages<T>(result: Result<T>) -> Vec<crate::base::error::StageReport> {
    result.err().map(|error| error.stages).unwrap_or_default()
}
