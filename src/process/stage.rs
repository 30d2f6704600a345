//! A command of a supervisor: its child, what is still open of it, how it ended.

use crate::base::error::{Code, Error};
use crate::process::child::{Child, ChildExit, ExitKind};
use crate::process::command::CommandSpec;
use crate::process::output::LastCall;
use crate::process::stderr::Stderr;
use std::time::Duration;

pub(crate) struct Stage {
    pub spec: CommandSpec,
    pub child: Option<Child>,
    /// Why it could not be started, or not be given what it needs.
    pub not_started: Option<Error>,
    pub end: Option<ExitKind>,
    pub stderr: Stderr,
    pub last_call: LastCall,
    /// Its standard output was read to its end, or given up.
    pub read: bool,
    /// So was its standard error.
    pub heard: bool,
    /// A thread writes its standard input.
    pub feeding: bool,
}

impl Stage {
    pub(crate) fn new(spec: &CommandSpec) -> Stage {
        Stage {
            spec: spec.clone(),
            child: None,
            not_started: None,
            end: None,
            stderr: Stderr::default(),
            last_call: LastCall::default(),
            read: false,
            heard: false,
            feeding: false,
        }
    }

    /// One before it could not be started.
    pub(crate) fn not_reached(&mut self) {
        self.not_started = Some(Error::new(Code::StageFailed, "it was not started"));
    }

    pub(crate) fn look(&mut self) {
        if let (None, Some(child)) = (&self.end, &self.child) {
            self.end = child.exit();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some() || self.child.is_none()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.feeding || !self.read || !self.heard
    }

    /// True where it was killed, and is still not gone.
    pub(crate) fn end_child(&mut self) -> bool {
        self.child.as_mut().is_some_and(Child::end)
    }

    /// Ends what its child left behind, this long after its end.
    pub(crate) fn end_rest(&mut self, after: Duration) {
        let beyond_reach = |child: &mut Child| child.end_rest(after);
        if self.child.as_mut().is_some_and(beyond_reach) {
            self.last_call.raise();
        }
    }

    /// How it ended, and what it said.
    pub(crate) fn exit(&mut self) -> ChildExit {
        let stderr = std::mem::take(&mut self.stderr);
        let not_started = self.not_started.clone().map(ExitKind::NotStarted);
        let end = match (not_started.or_else(|| self.end.clone()), &self.spec.inside) {
            (Some(ExitKind::Code(code @ 129..=159)), Some(_)) => ExitKind::SignalInside(code - 128),
            (end, _) => end.unwrap_or(ExitKind::Lost),
        };
        ChildExit {
            spec: self.spec.clone(),
            end,
            stopped: self.child.as_ref().is_some_and(Child::was_asked),
            status: stderr.status,
            stderr: stderr.text,
        }
    }
}
