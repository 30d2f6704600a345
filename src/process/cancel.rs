//! What may end a run from outside: a signal, or the limit of the whole run.

use crate::base::error::{Code, Error, Result};
use signal_hook::consts::SIGCHLD;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Why a run was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    Signal(i32),
    Timeout(Duration),
    /// What ran beside it failed.
    Abandoned,
}

/// Asked by everything that waits.
#[derive(Debug, Clone)]
pub(crate) struct Cancel {
    signal: Arc<AtomicUsize>,
    /// Once set, a signal does what it does to any process.
    released: Arc<AtomicBool>,
    limit: Option<(Instant, Duration)>,
    abandoned: Option<Arc<AtomicBool>>,
}

/// Numbers by Linux's signal(7); SIGXFSZ would otherwise kill us at a file size limit.
const SIGNALS: [i32; 5] = [
    signal_hook::consts::SIGHUP,
    signal_hook::consts::SIGINT,
    signal_hook::consts::SIGQUIT,
    signal_hook::consts::SIGTERM,
    SIGXFSZ,
];
const SIGXFSZ: i32 = 25;

impl Cancel {
    /// Takes over the signals that end a process. One that was ignored when we started stays
    /// ignored: `nohup` means it. But for SIGCHLD, which a parent had ignored: then the kernel keeps
    /// no status of our children, and none could be seen to end.
    pub(crate) fn install() -> std::io::Result<Cancel> {
        let cancel = Cancel::none();
        let ignored = ignored_signals();
        for number in SIGNALS {
            if ignored >> (number - 1) & 1 == 0 {
                let flag = Arc::clone(&cancel.signal);
                signal_hook::flag::register_usize(number, flag, number as usize)?;
                let released = Arc::clone(&cancel.released);
                signal_hook::flag::register_conditional_default(number, released)?;
            }
        }
        if ignored >> (SIGCHLD - 1) & 1 == 1 {
            // A handler ends that, and does nothing; a program that is started has none.
            signal_hook::flag::register(SIGCHLD, Arc::new(AtomicBool::new(false)))?;
        }
        Ok(cancel)
    }

    /// Never stops: for clean-up, which must end by itself.
    pub(crate) fn none() -> Cancel {
        Cancel {
            signal: Arc::new(AtomicUsize::new(0)),
            released: Arc::new(AtomicBool::new(false)),
            limit: None,
            abandoned: None,
        }
    }

    /// Stops at once.
    pub(crate) fn raised() -> Cancel {
        Cancel::none().or_abandoned(&Arc::new(AtomicBool::new(true)))
    }

    /// The same signals, and a limit from now.
    pub(crate) fn with_limit(&self, limit: Option<Duration>) -> Cancel {
        let limit = limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        Cancel {
            signal: Arc::clone(&self.signal),
            released: Arc::clone(&self.released),
            limit,
            abandoned: None,
        }
    }

    /// The same, and whoever raises the flag.
    pub(crate) fn or_abandoned(&self, flag: &Arc<AtomicBool>) -> Cancel {
        Cancel {
            abandoned: Some(Arc::clone(flag)),
            ..self.clone()
        }
    }

    /// From now on a signal ends the process at once. Asked for just before another program takes
    /// it over, and followed by a last look, so that no signal gets lost in between.
    pub(crate) fn restore_default_signals(&self) {
        self.released.store(true, Ordering::SeqCst);
    }

    /// As if none of the signals so far had come: they were another's.
    pub(crate) fn forget_signals(&self) {
        self.signal.store(0, Ordering::Relaxed);
    }

    /// The same, and no longer than this from now.
    pub(crate) fn with_timeout(&self, limit: Duration) -> Cancel {
        let mine = self.with_limit(Some(limit));
        let earlier = self.limit.filter(|(end, _)| {
            let theirs = mine.limit.map(|(end, _)| end);
            theirs.is_none_or(|theirs| *end < theirs)
        });
        Cancel {
            limit: earlier.or(mine.limit),
            ..self.clone()
        }
    }

    /// An error where the run must end.
    pub(crate) fn check(&self) -> Result<()> {
        match self.stop() {
            Some(reason) => Err(stopped(reason)),
            None => Ok(()),
        }
    }

    pub(crate) fn stop(&self) -> Option<StopReason> {
        // SIGXFSZ comes with the failed write, which says more.
        match self.signal.load(Ordering::Relaxed) as i32 {
            0 | SIGXFSZ => {}
            number => return Some(StopReason::Signal(number)),
        }
        if (self.abandoned.as_ref()).is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Some(StopReason::Abandoned);
        }
        self.limit
            .filter(|(end, _)| Instant::now() >= *end)
            .map(|(_, limit)| StopReason::Timeout(limit))
    }
}

/// The mask of ignored signals, proc(5) `SigIgn`.
pub(crate) fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// The error of a run that was stopped.
pub(crate) fn stopped(stop: StopReason) -> Error {
    match stop {
        StopReason::Signal(signal) => {
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            Error::new(Code::Interrupted(signal), format!("interrupted by {name}"))
        }
        StopReason::Timeout(limit) => Error::new(
            Code::Timeout,
            format!("not done within --timeout {limit:?}"),
        )
        .hint("Give it more time, or look at what the server is waiting for."),
        StopReason::Abandoned => {
            Error::new(Code::StageFailed, "given up: what ran beside it failed")
        }
    }
}
