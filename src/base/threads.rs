//! Threads that could not be had, and panics: errors like any other.

use crate::base::error::{Code, Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// A thread of a scope.
pub(crate) struct Task<'s, T>(ScopedJoinHandle<'s, Result<T>>);

pub(crate) fn spawn<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    work: impl FnOnce() -> T + Send + 's,
) -> Result<Task<'s, T>> {
    let started = Builder::new().spawn_scoped(scope, || caught(work));
    let failed = |err| Error::not_started("a thread could not be started", &err);
    started.map(Task).map_err(failed)
}

impl<T> Task<'_, T> {
    pub(crate) fn join(self) -> Result<T> {
        self.0.join().unwrap_or_else(|_| Err(bug()))
    }
}

/// What a thread that may fail has answered.
pub(crate) fn joined<T>(task: Result<Task<'_, Result<T>>>) -> Result<T> {
    task.and_then(Task::join).flatten()
}

/// The answer of `work`. A panic in it is a bug, and a no.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| bug())
}

fn bug() -> Error {
    let what = "it ended without an answer: this is a bug in pgseal";
    Error::new(Code::StageFailed, what).hint("Please report it, with the lines above.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let broken = || -> u8 { panic!("as a test") };
        assert_eq!(caught(broken).unwrap_err().code, Code::StageFailed);
        std::thread::scope(|scope| {
            let (broken, sound) = (spawn(scope, broken), spawn(scope, || 7));
            assert!(broken.unwrap().join().is_err());
            assert_eq!(sound.unwrap().join(), Ok(7));
        });
    }
}
