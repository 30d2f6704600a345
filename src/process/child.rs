//! One child: started from its spec, its stderr read to the end, its status told.

use crate::base::error::StageReport;
use crate::process::command::CommandSpec;
use crate::process::status_lines::StatusLines;
use duct::Handle;
use duct::unix::HandleExt;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read};
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

const TALK_KEPT: usize = 64 * 1024;
const STATUS_KEPT: usize = 1024 * 1024;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// How a child ended. Four kinds of failure stay four.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitKind {
    NotStarted(String),
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
            ExitKind::NotStarted(why) => write!(f, "could not be started: {why}"),
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
            stage: self.spec.stage().into(),
            command: self.spec.to_string(),
            ended: match self.stopped {
                true => format!("{}, ended by us", self.end),
                false => self.end.to_string(),
            },
            said: lines[last..].iter().map(|l| (*l).to_string()).collect(),
        }
    }
}

pub(crate) enum Stdin {
    Null,
    Pipe(PipeReader),
}

pub(crate) struct Child {
    pub handle: Arc<Handle>,
    pub status: StatusLines,
    signal: i32,
    ended: Option<Instant>,
    killed: bool,
}

impl Child {
    /// Starts the command with exactly the environment of its spec. The expression lives in one
    /// statement: kept longer, it would hold the pipe ends open and nobody would see their end.
    pub(crate) fn start(
        spec: &CommandSpec,
        stdin: Stdin,
        stdout: PipeWriter,
        stderr: PipeWriter,
    ) -> io::Result<Child> {
        let command = duct::cmd(spec.program(), spec.arguments())
            .full_env(spec.environment().iter().cloned())
            .stdout_file(stdout)
            .stderr_file(stderr)
            .unchecked();
        let command = match stdin {
            Stdin::Null => command.stdin_null(),
            Stdin::Pipe(pipe) => command.stdin_file(pipe),
        };
        let handle = command.start();
        drop(command);
        Ok(Child {
            handle: Arc::new(handle?),
            status: StatusLines::default(),
            signal: match spec.is_interrupted() {
                true => SIGINT,
                false => SIGTERM,
            },
            ended: None,
            killed: false,
        })
    }

    /// Asks it to end; after `PATIENCE` it is killed. Called again and again while it lives.
    /// True once it was killed and `GRACE` has passed.
    pub(crate) fn end(&mut self) -> bool {
        // What ended by itself was not ended by us, even if the news is still on its way: it may
        // be the cause of all the rest.
        if self.ended.is_none() && matches!(self.handle.try_wait(), Ok(Some(_))) {
            return false;
        }
        let asked = *self.ended.get_or_insert_with(|| {
            let _ = self.handle.send_signal(self.signal);
            Instant::now()
        });
        if asked.elapsed() > PATIENCE && !self.killed {
            let _ = self.handle.kill();
            self.killed = true;
        }
        asked.elapsed() > PATIENCE + GRACE
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.ended.is_some()
    }
}

/// Waits for a child's end and for the end of its standard error, each in a thread of its own.
pub(crate) fn attend(
    child: &Child,
    (stderr, spec): (PipeReader, &CommandSpec),
    heard: impl FnOnce(Heard) + Send + 'static,
    ended: impl FnOnce(ExitKind) + Send + 'static,
) {
    let (handle, spec) = (Arc::clone(&child.handle), spec.clone());
    let status = child.status.clone();
    std::thread::spawn(move || {
        let stderr = listen(stderr, &spec, &status);
        status.close();
        heard(Heard {
            status: status.all(),
            stderr,
        });
    });
    std::thread::spawn(move || {
        let status = handle.wait().map(|output| output.status);
        ended(ExitKind::from(status));
    });
}

/// What a child wrote to its standard error.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub status: Vec<String>,
    pub stderr: String,
}

/// Reads standard error to its end: status lines as they pass, and the tail of the rest.
fn listen(mut pipe: PipeReader, spec: &CommandSpec, status: &StatusLines) -> String {
    let (prefix, expected) = (spec.status_lines(), spec.expected_talk());
    let mut filter = spec.stderr_filter().map(|new| new());
    let (mut stderr, mut line) = (Vec::new(), Vec::new());
    let mut status_bytes = 0;
    // The rest of a line that was too long is kept as text, whatever it looks like.
    let mut within_line = false;
    let mut take = |line: &mut Vec<u8>, stderr: &mut Vec<u8>| {
        let rest_of_line = within_line;
        within_line = !line.ends_with(b"\n");
        let text = prefix.and_then(|prefix| line.strip_prefix(prefix.as_bytes()));
        match text.filter(|_| !rest_of_line) {
            Some(text) if status_bytes + text.len() <= STATUS_KEPT => {
                status_bytes += text.len();
                let text = String::from_utf8_lossy(text);
                status.push(text.trim_end().to_string());
            }
            Some(_) => {}
            None if expected.is_some_and(|said| line.trim_ascii_end() == said.as_bytes()) => {}
            None => match &mut filter {
                None => stderr.extend_from_slice(line),
                Some(_) if rest_of_line => {}
                Some(filter) => {
                    let kept = filter.line(line.trim_ascii_end());
                    stderr.extend(kept.into_iter().flat_map(|text| (text + "\n").into_bytes()));
                }
            },
        }
        line.clear();
        if stderr.len() > 2 * TALK_KEPT {
            stderr.drain(..stderr.len() - TALK_KEPT);
        }
    };
    let mut buffer = [0; 8192];
    while let Ok(n @ 1..) = pipe.read(&mut buffer) {
        for piece in buffer[..n].split_inclusive(|b| *b == b'\n') {
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || line.len() > TALK_KEPT {
                take(&mut line, &mut stderr);
            }
        }
    }
    if !line.is_empty() {
        take(&mut line, &mut stderr);
    }
    if let Some(text) = filter.and_then(|mut filter| filter.finish()) {
        stderr.extend((text + "\n").into_bytes());
    }
    let tail = stderr.len().saturating_sub(TALK_KEPT);
    String::from_utf8_lossy(&stderr[tail..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_asked_to_end() {
        let start = |program: &str, arg: &str| {
            let spec = CommandSpec::new("x", program).arg(arg);
            let (out, err) = (io::pipe().unwrap().1, io::pipe().unwrap().1);
            Child::start(&spec, Stdin::Null, out, err).unwrap()
        };
        let mut gone = start("/bin/true", "");
        gone.handle.wait().unwrap();
        assert!(!gone.end() && !gone.was_asked());
        let mut lives = start("/bin/sleep", "60");
        assert!(!lives.end() && lives.was_asked());
        let ended = lives.handle.wait().unwrap().status;
        assert_eq!(ExitKind::from(Ok(ended)), ExitKind::Signal(SIGTERM));
    }
}
