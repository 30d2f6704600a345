//! Two that run side by side: where one fails, the other need not go on.

use crate::base::error::Result;
use crate::base::threads::{self, caught};
use crate::process::cancel::Cancel;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs both, the first in this thread. The error is the one that came first: the other's, if
/// there is one, is that it was stopped.
pub(crate) fn pair<A, B: Send>(
    cancel: &Cancel,
    first: impl FnOnce(&Cancel) -> Result<A>,
    second: impl FnOnce(&Cancel) -> Result<B> + Send,
) -> Result<(A, B)> {
    let failed = Arc::new(AtomicBool::new(false));
    let cancel = cancel.or_abandoned(&failed);
    // With an error goes whether the other had failed before.
    let late = |error| (error, failed.swap(true, Ordering::Relaxed));
    let both = std::thread::scope(|scope| {
        // A panic is a failure too, and must end the other, which may be waiting for this one.
        let second = || caught(|| second(&cancel)).flatten().map_err(late);
        let second = threads::spawn(scope, second)?;
        let first = caught(|| first(&cancel)).flatten().map_err(late);
        Ok((first, second.join().unwrap_or_else(|bug| Err(late(bug)))))
    });
    let (first, second) = both?;
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err((error, false)), _) | (_, Err((error, false))) => Err(error),
        (Err((error, true)), _) | (_, Err((error, true))) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Code;
    use crate::base::error::Error;
    use crate::process::cancel::StopReason;
    use std::time::{Duration, Instant};

    fn until_stopped(cancel: &Cancel) -> Result<()> {
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(60) {
            if let Some(stop) = cancel.stop() {
                assert_eq!(stop, StopReason::Abandoned);
                return Err(crate::process::cancel::stopped(stop));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    #[test]
    fn a_failure_ends_the_other_and_is_the_one_told() {
        let cause = || Error::new(Code::Disk, "full");
        let outer = Cancel::none();
        let fail = |_: &Cancel| -> Result<()> { Err(cause()) };
        assert_eq!(pair(&outer, fail, until_stopped), Err(cause()));
        assert_eq!(pair(&outer, until_stopped, fail), Err(cause()));
        assert_eq!(pair(&outer, |_| Ok(1), |_| Ok(2)), Ok((1, 2)));
        assert_eq!(outer.stop(), None);
    }
}
