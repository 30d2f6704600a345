//! One child: started from its spec, asked to end, killed; and how it ended.

use crate::base::error::{Error, Result, StageReport};
use crate::process::command::CommandSpec;
use crate::process::status_lines::StatusLines;
use duct::Handle;
use duct::unix::HandleExt;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a child has between the signal that asks it to end and SIGKILL. pg_dump needs a
/// SIGTERM, psql a SIGINT, to cancel what its backend is doing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long we wait for the ends of pipes after the children are gone: a grandchild may hold one.
pub(crate) const GRACE: Duration = Duration::from_secs(3);
/// How often a waiting loop looks at signals and limits.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// How a child ended. Four kinds of failure stay four.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitKind {
    NotStarted(Error),
    Code(i32),
    Signal(i32),
    /// Killed, and still not gone when we stopped waiting.
    Lost,
}

impl ExitKind {
    pub(crate) fn ok(&self) -> bool {
        *self == ExitKind::Code(0)
    }

    fn from(status: io::Result<ExitStatus>) -> ExitKind {
        match status {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ExitKind::Code(code),
                (None, Some(signal)) => ExitKind::Signal(signal),
                (None, None) => ExitKind::Lost,
            },
            Err(_) => ExitKind::Lost,
        }
    }
}

impl fmt::Display for ExitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitKind::NotStarted(error) => f.write_str(&error.message),
            ExitKind::Code(code) => write!(f, "status {code}"),
            ExitKind::Signal(signal) => {
                let name = signal_hook::low_level::signal_name(*signal).unwrap_or("unknown");
                write!(f, "signal {signal} ({name})")
            }
            ExitKind::Lost => f.write_str("did not end after SIGKILL"),
        }
    }
}

/// A child that ended: what it was, how it ended, what it said.
#[derive(Debug, Clone)]
pub(crate) struct ChildExit {
    pub spec: CommandSpec,
    pub end: ExitKind,
    /// We asked it to end.
    pub stopped: bool,
    /// Lines of its status protocol, without the prefix.
    pub status: Vec<String>,
    /// The last 64 KiB of the rest of its standard error.
    pub stderr: String,
}

impl ChildExit {
    pub(crate) fn report(&self) -> StageReport {
        let lines: Vec<&str> = self
            .stderr
            .lines()
            .filter(|l| !l.trim().is_empty())
            .collect();
        let last = lines.len().saturating_sub(10);
        StageReport {
            stage: self.spec.stage.into(),
            command: self.spec.to_string(),
            ended: if self.stopped {
                format!("{}, ended by us", self.end)
            } else {
                self.end.to_string()
            },
            said: lines[last..].iter().map(|l| (*l).to_string()).collect(),
        }
    }
}

pub(crate) struct Child {
    pub handle: Arc<Handle>,
    pub status_lines: StatusLines,
    /// Those by which it was not asked to end yet.
    signals: std::slice::Iter<'static, i32>,
    asked: Option<Instant>,
    killed: bool,
}

impl Child {
    /// Starts the command with exactly the environment of its spec. The expression lives in one
    /// statement: kept longer, it would hold the pipe ends open and nobody would see their end.
    pub(crate) fn start(
        spec: &CommandSpec,
        stdin: Option<PipeReader>,
        stdout: PipeWriter,
        stderr: PipeWriter,
    ) -> Result<Child> {
        let command = duct::cmd(&spec.program, &spec.args)
            .full_env(spec.env.iter().cloned())
            .stdout_file(stdout)
            .stderr_file(stderr)
            .unchecked();
        let command = match stdin {
            None => command.stdin_null(),
            Some(pipe) => command.stdin_file(pipe),
        };
        let handle = command.start();
        drop(command);
        let what = || format!("`{}` could not be started", spec.program);
        let handle = handle.map_err(|err| Error::not_started(&what(), &err))?;
        Ok(Child {
            handle: Arc::new(handle),
            status_lines: StatusLines::default(),
            signals: spec.ending.iter(),
            asked: None,
            killed: false,
        })
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Option<ExitKind> {
        let status = self.handle.try_wait().transpose()?;
        Some(ExitKind::from(status.map(|output| output.status)))
    }

    /// Asks it to end, by one signal after the other with `PATIENCE` between them; then it is
    /// killed. Called again and again while it lives. True once `GRACE` has passed since.
    pub(crate) fn end(&mut self) -> bool {
        // What ended by itself was not ended by us, even if the news is still on its way: it may
        // be the cause of all the rest.
        if self.asked.is_none() && self.exit().is_some() {
            return false;
        }
        let waited = self.asked.map(|asked| asked.elapsed());
        if self.killed {
            return waited.is_some_and(|waited| waited > GRACE);
        }
        if waited.is_none_or(|waited| waited > PATIENCE) {
            let _ = match self.signals.next() {
                Some(signal) => self.handle.send_signal(*signal),
                None => {
                    self.killed = true;
                    self.handle.kill()
                }
            };
            self.asked = Some(Instant::now());
        }
        false
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.asked.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_asked_to_end() {
        let start = |program: &str, arg: &str| {
            let spec = CommandSpec::new("x", program).arg(arg);
            let (out, err) = (io::pipe().unwrap().1, io::pipe().unwrap().1);
            Child::start(&spec, None, out, err).unwrap()
        };
        let mut gone = start("/bin/true", "");
        gone.handle.wait().unwrap();
        assert!(!gone.end() && !gone.was_asked());
        let mut lives = start("/bin/sleep", "60");
        assert!(!lives.end() && lives.was_asked());
        let ended = lives.handle.wait().unwrap().status;
        assert_eq!(ExitKind::from(Ok(ended)), ExitKind::Signal(15));
    }
}
