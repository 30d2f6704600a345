//! Status lines of a running child, for whoever must decide before the child has ended.

use crate::process::child::GRACE;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The lines so far, without their prefix; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct StatusLines(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    /// Standard error was read to its end: no line follows.
    closed: bool,
}

impl StatusLines {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, line: String) {
        self.lock().lines.push(line);
        self.0.1.notify_all();
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.1.notify_all();
    }

    /// Waits for the first line that `found` accepts; None where the child's standard error ends
    /// without one.
    pub(crate) fn wait_for<T>(&self, found: impl Fn(&[String]) -> Option<T>) -> Option<T> {
        let mut lines = self.lock();
        loop {
            let answer = found(&lines.lines);
            if answer.is_some() || lines.closed {
                return answer;
            }
            lines = self.0.1.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// All lines of a child that has exited. Another process may hold its standard error open, so
    /// the wait is limited.
    pub(crate) fn all(&self) -> Vec<String> {
        let (mut lines, since) = (self.lock(), Instant::now());
        while !lines.closed && since.elapsed() < GRACE {
            let waited = self.0.1.wait_timeout(lines, GRACE);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        lines.lines.clone()
    }
}
