//! One command whose answer is held in memory.

use crate::base::error::{Code, Error, Result};
use crate::process::cancel::{Cancel, StopReason};
use crate::process::child::{ChildExit, ExitKind};
use crate::process::command::CommandSpec;
use crate::process::flow::{Passed, Sink};
use crate::process::pipe::stream;

/// A command's answer may not be larger.
const ANSWER_LIMIT: usize = 256 * 1024 * 1024;

pub(crate) enum Input {
    Null,
    Bytes(Vec<u8>),
}

pub(crate) struct Output {
    pub outcome: ChildExit,
    pub stdout: Vec<u8>,
    /// Set where it was ended by a signal to us or by the limit.
    pub stop: Option<StopReason>,
}

impl Output {
    pub(crate) fn ok(&self) -> bool {
        self.outcome.end.ok() && self.stop.is_none()
    }

    /// An error where it was not started: then it has said neither yes nor no.
    pub(crate) fn started(self) -> Result<Output> {
        match &self.outcome.end {
            ExitKind::NotStarted(error) => Err(error.clone()),
            _ => Ok(self),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// What a command wrote.
struct Answer(Vec<u8>);

impl Sink for Answer {
    fn push(&mut self, bytes: &[u8]) -> Passed {
        if self.0.len() + bytes.len() > ANSWER_LIMIT {
            let what = format!("it answers with more than {ANSWER_LIMIT} bytes");
            return Err(Error::new(Code::StageFailed, what).into());
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

pub(crate) fn run(spec: &CommandSpec, input: Input, cancel: &Cancel) -> Output {
    let source = match input {
        Input::Null => None,
        Input::Bytes(bytes) => Some(bytes),
    };
    let streamed = stream(spec, source, Answer(Vec::new()), cancel);
    let mut outcome = streamed.outcome;
    // An answer whose end was not seen is no answer.
    let stdout = match streamed.sink {
        Some((Answer(bytes), Ok(()))) => bytes,
        _ => {
            outcome.end = match outcome.end {
                ExitKind::Code(0) => ExitKind::HeldOpen,
                end => end,
            };
            Vec::new()
        }
    };
    Output {
        outcome,
        stdout,
        stop: streamed.stop,
    }
}
