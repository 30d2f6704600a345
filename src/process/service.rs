//! One command that runs in the background until we end it.

use crate::base::error::Result;
use crate::process::cancel::Cancel;
use crate::process::child::ChildExit;
use crate::process::command::CommandSpec;
use crate::process::flow::read_to_end;
use crate::process::supervisor::{Pipes, Stdin, Supervisor};

/// A server of ours. Ended when it is dropped.
pub(crate) struct Service(Supervisor);

impl Service {
    /// Starts it with nothing to read; what it writes to standard output is not kept.
    pub(crate) fn start(spec: &CommandSpec) -> Result<Service> {
        let mut supervisor = Supervisor::new();
        if let Some(Pipes { stdout, .. }) = supervisor.start(spec, Stdin::Empty) {
            supervisor.read(0, (), stdout, |(), from| read_to_end(from, |_| Ok(())));
        }
        let failed = supervisor.not_started(0);
        // Dropped where it failed, which ends what was started of it.
        let service = Service(supervisor);
        failed.map_or(Ok(service), Err)
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ChildExit> {
        if !self.0.have_ended() {
            return None;
        }
        // What it said last comes just behind its end.
        self.0.supervise(&Cancel::none());
        Some(self.0.exit(0))
    }

    /// What sends it a signal from another thread.
    pub(crate) fn signaller(&self) -> impl Fn(i32) + Send + Sync + use<> {
        let leader = self.0.child(0).map(|child| child.leader.clone());
        move |signal| {
            if let Some(leader) = &leader {
                leader.signal(signal);
            }
        }
    }
}

/// Ends it by the signals of its spec, and waits for its end.
impl Drop for Service {
    fn drop(&mut self) {
        self.0.supervise(&Cancel::raised());
    }
}
