//! A started process that leads a group of its own, so that what it started is ended with it.
//!
//! Its end is seen without being collected: until the last owner lets go of it, its number is
//! nobody else's, and a signal to its group can reach no stranger.

use crate::process::child::ExitKind;
use duct::{Expression, Handle};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};
use std::io;
use std::os::unix::process::CommandExt;

#[derive(Debug)]
pub(crate) struct Leader {
    pid: Pid,
    handle: Handle,
}

impl Leader {
    /// The expression is dropped here: kept longer, it would hold the pipe ends open and nobody
    /// would see their end.
    pub(crate) fn start(command: Expression) -> io::Result<Leader> {
        let command = command.before_spawn(|command| {
            command.process_group(0);
            Ok(())
        });
        let handle = command.start()?;
        let pids = handle.pids();
        let pid = pids.first().and_then(|pid| Pid::from_raw(*pid as i32));
        let pid = pid.ok_or_else(|| io::Error::other("it has no process id"))?;
        Ok(Leader { pid, handle })
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Option<ExitKind> {
        self.look(WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
    }

    /// Waits for its end.
    pub(crate) fn wait(&self) -> ExitKind {
        loop {
            if let Some(end) = self.look(WaitIdOptions::NOWAIT) {
                return end;
            }
        }
    }

    fn look(&self, options: WaitIdOptions) -> Option<ExitKind> {
        match waitid(WaitId::Pid(self.pid), options | WaitIdOptions::EXITED) {
            Ok(status) => status.map(ended),
            Err(Errno::INTR) => None,
            Err(_) => Some(ExitKind::Lost),
        }
    }

    /// Sends it, and all of its group, a signal.
    pub(crate) fn signal(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            // Where nobody is left there is nobody to end.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    pub(crate) fn kill(&self) {
        self.signal(signal_hook::consts::SIGKILL);
    }

    /// Kills it where it still runs, and waits for its end.
    pub(crate) fn finish(&self) {
        if self.exit().is_none() {
            self.kill();
            self.wait();
        }
    }
}

fn ended(status: WaitIdStatus) -> ExitKind {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitKind::Code(code),
        (None, Some(signal)) => ExitKind::Signal(signal),
        (None, None) => ExitKind::Lost,
    }
}

/// Collects it, where it has ended.
impl Drop for Leader {
    fn drop(&mut self) {
        let _ = self.handle.try_wait();
    }
}
