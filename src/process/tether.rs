//! A command that ends when we do, however that is: it reads a pipe whose other end only we hold.

use crate::base::error::{Code, Error, Result};
use crate::process::cancel::Cancel;
use crate::process::child::TICK;
use crate::process::command::CommandSpec;
use crate::process::flow::read_to_end;
use crate::process::supervisor::{Pipes, Stdin, Supervisor};
use std::io::{PipeWriter, Write};
use std::sync::mpsc::channel;

/// Ended when it is dropped.
pub(crate) struct Tether {
    supervisor: Supervisor,
    held: Option<PipeWriter>,
}

impl Tether {
    /// Starts a command that writes what it reads, and waits until it does.
    pub(crate) fn start(spec: &CommandSpec, cancel: &Cancel) -> Result<Tether> {
        let mut supervisor = Supervisor::new();
        let (tell, told) = channel();
        let mut held = None;
        if let Some(Pipes { stdin, stdout }) = supervisor.start(spec, Stdin::Fed) {
            held = stdin;
            supervisor.read(0, tell, stdout, |tell, from| {
                read_to_end(from, |_| {
                    // Only the first is listened to.
                    let _ = tell.send(());
                    Ok(())
                })
            });
        }
        let failed = supervisor.not_started(0);
        // Dropped where it failed, which ends what was started of it.
        let mut tether = Tether { supervisor, held };
        if let Some(error) = failed {
            return Err(error);
        }
        // One that is gone already is met below.
        let _ = tether.held.as_mut().map(|held| held.write_all(b"\n"));
        while told.recv_timeout(TICK).is_err() {
            cancel.check()?;
            if tether.supervisor.have_ended() {
                let what = format!("`{}` did not start", spec.program);
                return Err(Error::new(Code::StageFailed, what));
            }
        }
        Ok(tether)
    }
}

impl Drop for Tether {
    fn drop(&mut self) {
        self.held = None;
        self.supervisor.supervise(&Cancel::raised());
    }
}
