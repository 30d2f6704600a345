//! A program in the place where we are: it has our terminal and our process group, and ends, stops
//! and goes on as if it had been called itself, while we wait for it.
//!
//! What the terminal sends, the kernel sends to the whole group, and so to the program; what a process
//! sends to us, we pass on. It stays in our group, since one of its own would stop at its first read
//! of the terminal.

use crate::base::env::Env;
use crate::base::error::{Error, Result};
use crate::process::cancel::{Cancel, ignored_signals, stopped};
use crate::process::exec::Program;
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process,
    set_dumpable_behavior, waitid,
};
use signal_hook::consts::{
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU,
    SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH,
};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::exfiltrator::origin::Origin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo::Cause;
use signal_hook::low_level::{emulate_default_handler, raise};
use std::fs::File;
use std::io;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Those that ask a process to end: none of them may be lost while the program starts.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
/// Those by which the terminal stops a job.
const STOPPING: [i32; 3] = [SIGTSTP, SIGTTIN, SIGTTOU];
const OTHERS: [i32; 8] = [
    SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGWINCH, SIGCONT,
];

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

/// Runs the program to its end. An error where it was not started.
pub(crate) fn run(
    program: &Program,
    env: &Env,
    more: [(&str, &str); 3],
    cancel: &Cancel,
) -> Result<Ended> {
    let relay = Relay::listen().map_err(|err| Error::not_started("a signal handler", &err))?;
    // One that came before this is seen here, one that comes later is passed on.
    if let Some(stop) = cancel.stop() {
        return Err(stopped(stop));
    }
    let spawned = match program.command(env, more).spawn() {
        Err(err) if Errno::from_io_error(&err) == Some(Errno::NOEXEC) => {
            program.by_env(env, more).spawn()
        }
        spawned => spawned,
    };
    let child = spawned.map_err(|err| program.not_started(&err))?;
    Ok(relay.attend(child))
}

/// Signals on their way to the program.
struct Relay {
    signals: SignalsInfo<WithOrigin>,
    over: Arc<AtomicBool>,
}

impl Relay {
    /// What was ignored when we started stays so, for the program too.
    fn listen() -> io::Result<Relay> {
        let ignored = ignored_signals();
        let heeded = |signal: &i32| ignored >> (signal - 1) & 1 == 0;
        let over = Arc::new(AtomicBool::new(false));
        for signal in STOPPING.into_iter().filter(heeded) {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&over))?;
        }
        let all = ENDING.into_iter().chain(STOPPING).chain(OTHERS);
        let signals = SignalsInfo::<WithOrigin>::new(all.filter(heeded))?;
        Ok(Relay { signals, over })
    }

    fn attend(mut self, mut child: Child) -> Ended {
        let pid = Pid::from_child(&child);
        for early in self.signals.pending() {
            if ENDING.contains(&early.signal) || sent_to_us(&early, pid) {
                pass_on(&early, pid);
            }
        }
        let handle = self.signals.handle();
        let mut signals = self.signals;
        let passing = std::thread::Builder::new().spawn(move || {
            for origin in signals.forever() {
                if sent_to_us(&origin, pid) {
                    pass_on(&origin, pid);
                }
            }
        });
        wait(pid);
        // Not collected before nobody sends to its number any more.
        close(&handle, passing.ok());
        self.over.store(true, Ordering::SeqCst);
        ended(&mut child)
    }
}

fn close(handle: &Handle, passing: Option<JoinHandle<()>>) {
    handle.close();
    if let Some(passing) = passing {
        // It sends signals, and cannot fail in a way that matters now.
        let _ = passing.join();
    }
}

/// A process means us by it, and not the kernel the whole group, nor the program its own group.
fn sent_to_us(origin: &Origin, program: Pid) -> bool {
    let by_program = origin
        .process
        .is_some_and(|process| process.pid == program.as_raw_nonzero().get());
    matches!(origin.cause, Cause::Sent(_)) && !by_program
}

fn pass_on(origin: &Origin, program: Pid) {
    if let Some(signal) = Signal::from_named_raw(origin.signal) {
        // One that has ended needs none.
        let _ = kill_process(program, signal);
    }
}

/// Waits for its end, and stops where it stops.
fn wait(program: Pid) {
    let look = |options: WaitIdOptions| waitid(WaitId::Pid(program), options);
    loop {
        let either = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        match look(either) {
            Ok(Some(status)) if status.stopped() => {
                // So that the same stop is not seen twice.
                let seen = look(WaitIdOptions::STOPPED | WaitIdOptions::NOHANG);
                if matches!(seen, Ok(Some(_))) && has_terminal() {
                    let _ = kill_process(getpid(), Signal::STOP);
                }
            }
            Ok(Some(_)) => return,
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Where nobody controls jobs, nobody would let us go on.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

fn ended(child: &mut Child) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    match child.wait() {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Code(code),
            (None, Some(signal)) => Ended::Signal(signal),
            (None, None) => Ended::Code(1),
        },
        // Its status was lost.
        Err(_) => Ended::Code(1),
    }
}

/// Ends us by a signal, without a core of our own. Returns only where that failed.
pub(crate) fn end_by(signal: i32) {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = emulate_default_handler(signal);
    let _ = raise(signal);
}
