//! A started process that leads a group of its own, so that what it started is ended with it.
//!
//! Its end is seen without being collected: until the last owner lets go of it, its number is
//! nobody else's, and a signal to its group can reach no stranger.

use crate::process::child::ExitKind;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

#[derive(Debug)]
pub(crate) struct Leader(Pid);

impl Leader {
    /// The command is dropped here: kept longer, it would hold the pipe ends open and nobody
    /// would see their end.
    pub(crate) fn start(mut command: Command) -> io::Result<Leader> {
        let child = command.process_group(0).spawn()?;
        Ok(Leader(Pid::from_child(&child)))
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
        match waitid(WaitId::Pid(self.0), options | WaitIdOptions::EXITED) {
            Ok(status) => status.map(ended),
            Err(Errno::INTR) => None,
            Err(_) => Some(ExitKind::Lost),
        }
    }

    /// Sends it, and all of its group, a signal.
    pub(crate) fn signal(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            // Where nobody is left there is nobody to end.
            let _ = kill_process_group(self.0, signal);
        }
    }

    pub(crate) fn kill(&self) {
        self.signal(signal_hook::consts::SIGKILL);
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
        self.look(WaitIdOptions::NOHANG);
    }
}
