//! One child: started from its spec, asked to end, killed; and how it ended.

use crate::base::error::{Error, Result, StageReport};
use crate::process::announce::announce;
use crate::process::command::{CommandSpec, Quit};
use crate::process::leader::Leader;
use crate::process::status_lines::StatusLines;
use std::fmt;
use std::io::{PipeReader, PipeWriter};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a child has between the signal that asks it to end and SIGKILL. pg_dump needs a
/// SIGTERM, psql a SIGINT, to cancel what its backend is doing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long we wait for the ends of pipes after a child is gone: what it started may hold one.
pub(crate) const GRACE: Duration = Duration::from_secs(3);
/// How long a pipe may stay open behind SIGKILL.
const MOMENT: Duration = Duration::from_millis(500);
/// How often a waiting loop looks at signals and limits.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// What is told where the end of a pipe was not seen.
pub(crate) const HELD_OPEN: &str = "a pipe was still held open by another process";

/// How a child ended. Four kinds of failure stay four.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitKind {
    NotStarted(Error),
    Code(i32),
    Signal(i32),
    /// The engine's client ended, with 128 and the signal that killed what it ran in a container.
    SignalInside(i32),
    /// Killed, and still not gone when we stopped waiting.
    Lost,
    /// It ended, but a process beyond our reach holds its output open.
    HeldOpen,
}

impl ExitKind {
    pub(crate) fn ok(&self) -> bool {
        *self == ExitKind::Code(0)
    }
}

impl fmt::Display for ExitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitKind::NotStarted(error) => f.write_str(&error.message),
            ExitKind::Code(code) => write!(f, "status {code}"),
            ExitKind::Signal(signal) => write!(f, "signal {signal} ({})", signal_name(*signal)),
            ExitKind::SignalInside(signal) => {
                let (status, name) = (128 + signal, signal_name(*signal));
                write!(
                    f,
                    "status {status}: signal {signal} ({name}) in its container"
                )
            }
            ExitKind::Lost => f.write_str("did not end after SIGKILL"),
            ExitKind::HeldOpen => f.write_str(HELD_OPEN),
        }
    }
}

fn signal_name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("unknown")
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
    pub leader: Arc<Leader>,
    pub status_lines: StatusLines,
    quit: Quit,
    /// Our end of the pipe whose end asks it to end.
    lifeline: Option<PipeWriter>,
    /// The command that was started to end it.
    ender: Option<Leader>,
    /// Those by which it was not asked to end yet.
    signals: std::slice::Iter<'static, i32>,
    asked: Option<Instant>,
    killed: bool,
    left: Left,
}

/// What a child that has ended left behind: processes that hold its pipes.
enum Left {
    Unknown,
    Since(Instant),
    Asked(Instant),
    Killed(Instant),
}

impl Child {
    /// Starts the command with exactly the environment of its spec. `lifeline`: the other end of its
    /// standard input, where that says by its end that the command must end.
    pub(crate) fn start(
        spec: &CommandSpec,
        stdin: Option<PipeReader>,
        lifeline: Option<PipeWriter>,
        stdout: PipeWriter,
        stderr: PipeWriter,
    ) -> Result<Child> {
        let command = expression(spec).stdout_file(stdout).stderr_file(stderr);
        let what = || format!("`{}` could not be started", spec.program);
        let command = match (stdin, &spec.reads) {
            (Some(pipe), _) => command.stdin_file(pipe),
            (None, Some(file)) => {
                let file = file.try_clone();
                command.stdin_file(file.map_err(|err| Error::not_started(&what(), &err))?)
            }
            (None, None) => command.stdin_null(),
        };
        announce(spec);
        let leader = Leader::start(command).map_err(|err| Error::not_started(&what(), &err))?;
        Ok(Child {
            leader: Arc::new(leader),
            status_lines: StatusLines::default(),
            signals: match &spec.quit {
                Quit::Signals(signals) => signals.iter(),
                Quit::Lifeline(_) | Quit::Ender(_) => [signal_hook::consts::SIGTERM].iter(),
            },
            quit: spec.quit.clone(),
            lifeline,
            ender: None,
            asked: None,
            killed: false,
            left: Left::Unknown,
        })
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Option<ExitKind> {
        self.leader.exit()
    }

    /// Asks it and its group to end, by one signal after the other with `PATIENCE` between them;
    /// then they are killed. Called again and again while it lives. True once `GRACE` has passed
    /// since.
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
            let gently = self.asked.is_none() && self.ask_gently();
            match self.signals.next() {
                _ if gently => {}
                Some(signal) => self.leader.signal(*signal),
                None => {
                    self.killed = true;
                    self.leader.kill();
                }
            }
            self.asked = Some(Instant::now());
        }
        false
    }

    /// Asks it to end otherwise than by a signal. False where there is no such way.
    fn ask_gently(&mut self) -> bool {
        match &self.quit {
            Quit::Signals(_) => false,
            Quit::Lifeline(_) => self.lifeline.take().is_some(),
            Quit::Ender(ender) => {
                self.ender = start_ender(ender);
                self.ender.is_some()
            }
        }
    }

    /// Ends what it may have left elsewhere: the end of an engine's client need not reach the tool
    /// inside. With a status of psql's own that has ended.
    pub(crate) fn end_elsewhere(&self) {
        let Some(ender) = self.quit.ender() else {
            return;
        };
        if matches!(self.exit(), Some(ExitKind::Code(2 | 3))) {
            return;
        }
        let Some(ender) = start_ender(ender) else {
            return;
        };
        let since = Instant::now();
        while ender.exit().is_none() && since.elapsed() < PATIENCE {
            thread::sleep(TICK);
        }
        ender.finish();
    }

    /// Asks the rest of its group to end, this long after the child itself has; `GRACE` later it is
    /// killed. Called again and again while a pipe of the child is open. True once nobody of the
    /// group can hold it: whoever does is beyond our reach.
    pub(crate) fn end_rest(&mut self, after: Duration) -> bool {
        let now = Instant::now();
        match self.left {
            Left::Unknown => self.left = Left::Since(now),
            Left::Since(since) if since.elapsed() > after => {
                self.leader.signal(signal_hook::consts::SIGTERM);
                self.left = Left::Asked(now);
            }
            Left::Asked(asked) if asked.elapsed() > GRACE => {
                self.leader.kill();
                self.left = Left::Killed(now);
            }
            Left::Killed(killed) => return killed.elapsed() > MOMENT,
            Left::Since(_) | Left::Asked(_) => {}
        }
        false
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.asked.is_some()
    }
}

fn expression(spec: &CommandSpec) -> duct::Expression {
    let command = duct::cmd(&spec.program, &spec.args)
        .full_env(spec.env.iter().cloned())
        .unchecked();
    match spec.dir {
        Some(dir) => command.dir(dir),
        None => command,
    }
}

fn start_ender(spec: &CommandSpec) -> Option<Leader> {
    let quiet = expression(spec).stdin_null().stdout_null().stderr_null();
    Leader::start(quiet).ok()
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(ender) = &self.ender {
            ender.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_asked_to_end() {
        let start = |program: &str, arg: &str| {
            let spec = CommandSpec::new("x", program).arg(arg);
            let (out, err) = (std::io::pipe().unwrap().1, std::io::pipe().unwrap().1);
            Child::start(&spec, None, None, out, err).unwrap()
        };
        let mut gone = start("/bin/true", "");
        gone.leader.wait();
        assert!(!gone.end() && !gone.was_asked());
        let mut lives = start("/bin/sleep", "60");
        assert!(!lives.end() && lives.was_asked());
        assert_eq!(lives.leader.wait(), ExitKind::Signal(15));
        // As often as it is asked.
        assert_eq!(lives.exit(), Some(ExitKind::Signal(15)));
    }
}
