//! The one place that waits: for the exits of children, for their standard error, and for the
//! threads that feed and read them. And the one place that ends children.

use crate::base::error::{Code, Error, Result};
use crate::base::threads::caught;
use crate::process::cancel::{Cancel, StopReason};
use crate::process::child::{Child, ChildExit, ExitKind, GRACE, TICK};
use crate::process::command::CommandSpec;
use crate::process::flow::{Passed, StreamError};
use crate::process::stderr::{self, Stderr};
use std::io::{self, PipeReader, PipeWriter};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

/// A list of stages, each a child with its pipes and the threads at them.
pub(crate) struct Supervisor {
    /// In the order of their start: each but the first writes to the one before it.
    stages: Vec<Stage>,
    /// Threads whose end was not told yet.
    running: usize,
    /// We were stopped, or something beside the children failed: none of them may go on.
    failed: bool,
    tx: Sender<Event>,
    rx: Receiver<Event>,
}

struct Stage {
    spec: CommandSpec,
    child: Option<Child>,
    /// Why it could not be started, or not be given what it needs.
    not_started: Option<Error>,
    end: Option<ExitKind>,
    stderr: Stderr,
    /// Its standard output was read to its end, or given up.
    read: bool,
}

enum Event {
    Stderr(usize, Stderr),
    /// Wakes the supervisor, which looks at all children itself.
    Exited,
    Fed(Passed),
    Read(usize, Passed),
}

/// Our ends of the pipes of a stage.
pub(crate) struct Pipes {
    pub stdin: Option<PipeWriter>,
    pub stdout: PipeReader,
}

/// What a stage reads.
#[derive(Clone, Copy)]
pub(crate) enum Stdin {
    Empty,
    Fed,
}

/// A thread at a pipe, which gives back what it worked on, with why it halted if it did.
pub(crate) type Worker<T> = Receiver<(T, Passed)>;

/// None where there was no worker, or where it was left behind.
pub(crate) fn taken<T>(worker: Option<Worker<T>>) -> Option<(T, Passed)> {
    worker?.try_recv().ok()
}

impl Supervisor {
    pub(crate) fn new() -> Supervisor {
        let (tx, rx) = channel();
        Supervisor {
            stages: Vec::new(),
            running: 0,
            failed: false,
            tx,
            rx,
        }
    }

    /// Starts a stage. None where it, or one before it, could not be started; then `supervise` ends
    /// the others.
    pub(crate) fn start(&mut self, spec: &CommandSpec, stdin: Stdin) -> Option<Pipes> {
        let at = self.stages.len();
        let not_reached = || Error::new(Code::StageFailed, "it was not started");
        self.stages.push(Stage {
            spec: spec.clone(),
            child: None,
            not_started: self.failed.then(not_reached),
            end: None,
            stderr: Stderr::default(),
            read: false,
        });
        if self.failed {
            return None;
        }
        let started = self.try_start(spec, at, stdin);
        self.or_fail(at, started)
    }

    fn try_start(&mut self, spec: &CommandSpec, at: usize, stdin: Stdin) -> Result<Pipes> {
        let pipe = || {
            let what = format!("a pipe for `{}` could not be made", spec.program);
            io::pipe().map_err(|err| Error::not_started(&what, &err))
        };
        let (stdout, stderr) = (pipe()?, pipe()?);
        let (stdin, feed) = match stdin {
            Stdin::Empty => None,
            Stdin::Fed => Some(pipe()?),
        }
        .unzip();
        let child = Child::start(spec, stdin, stdout.1, stderr.1)?;
        let (handle, lines) = (child.handle.clone(), child.status_lines.clone());
        self.stages[at].child = Some(child);
        let (tx, to_read) = (self.tx.clone(), spec.clone());
        self.thread(at, move || {
            let read = stderr::read(stderr.0, &to_read, &lines);
            // Nobody listens any more once the supervisor gave up: a failed send is no loss.
            let _ = tx.send(Event::Stderr(at, read));
            let _ = handle.wait();
            let _ = tx.send(Event::Exited);
        })?;
        Ok(Pipes {
            stdin: feed,
            stdout: stdout.0,
        })
    }

    /// A thread that writes the standard input of a stage.
    pub(crate) fn feed<T: Send + 'static>(
        &mut self,
        at: usize,
        value: T,
        to: PipeWriter,
        work: impl FnOnce(&mut T, &mut PipeWriter) -> Passed + Send + 'static,
    ) -> Option<Worker<T>> {
        self.work(at, value, to, work, Event::Fed)
    }

    /// A thread that reads the standard output of a stage.
    pub(crate) fn read<T: Send + 'static>(
        &mut self,
        at: usize,
        value: T,
        from: PipeReader,
        work: impl FnOnce(&mut T, &mut PipeReader) -> Passed + Send + 'static,
    ) -> Option<Worker<T>> {
        self.work(at, value, from, work, move |how| Event::Read(at, how))
    }

    fn work<T: Send + 'static, P: Send + 'static>(
        &mut self,
        at: usize,
        mut value: T,
        mut pipe: P,
        work: impl FnOnce(&mut T, &mut P) -> Passed + Send + 'static,
        event: impl FnOnce(Passed) -> Event + Send + 'static,
    ) -> Option<Worker<T>> {
        if self.failed {
            return None;
        }
        let (tx, (give, worker)) = (self.tx.clone(), channel());
        let started = self.thread(at, move || {
            let how = caught(|| work(&mut value, &mut pipe));
            let how = how.unwrap_or_else(|bug| Err(StreamError::Rejected(bug)));
            let _ = give.send((value, how.clone()));
            // Told before the pipe is closed, so that the cause arrives before the child's exit.
            let _ = tx.send(event(how));
            drop(pipe);
        });
        self.or_fail(at, started).map(|()| worker)
    }

    fn thread(&mut self, at: usize, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let program = &self.stages[at].spec.program;
        let what = || format!("a thread for `{program}` could not be started");
        let started = thread::Builder::new().spawn(body);
        started.map_err(|err| Error::not_started(&what(), &err))?;
        self.running += 1;
        Ok(())
    }

    fn or_fail<T>(&mut self, at: usize, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.stages[at].not_started = Some(error);
                self.failed = true;
                None
            }
        }
    }

    pub(crate) fn child(&self, at: usize) -> Option<&Child> {
        self.stages.get(at)?.child.as_ref()
    }

    pub(crate) fn not_started(&self, at: usize) -> Option<Error> {
        self.stages.get(at)?.not_started.clone()
    }

    /// Waits until all has ended, and ends what must not go on: all stages where a signal, the
    /// limit or one of our threads says so, and one whose reader is gone before it had read all.
    /// `tick` is called a few times a second.
    pub(crate) fn supervise(
        &mut self,
        cancel: &Cancel,
        tick: &mut dyn FnMut(),
    ) -> Option<StopReason> {
        let (mut stop, mut gone) = (None, None::<Instant>);
        loop {
            let ended = self.have_ended();
            stop = stop.or_else(|| cancel.stop());
            self.failed |= stop.is_some();
            if ended {
                let since = *gone.get_or_insert_with(Instant::now);
                // A tap may still be pushing what it holds, but only into a consumer that lives:
                // with all of them gone, a pipe that stays open is a grandchild's.
                if self.running == 0 || since.elapsed() > GRACE {
                    return stop;
                }
            } else if self.end_children() {
                return stop;
            }
            match self.rx.recv_timeout(TICK) {
                Ok(event) => self.take(event),
                Err(_) => tick(),
            }
        }
    }

    /// Looks at all children, without waiting.
    pub(crate) fn have_ended(&mut self) -> bool {
        while let Ok(event) = self.rx.try_recv() {
            self.take(event);
        }
        for stage in &mut self.stages {
            if let (None, Some(child)) = (&stage.end, &stage.child) {
                stage.end = child.exit();
            }
        }
        let ended = |stage: &Stage| stage.end.is_some() || stage.child.is_none();
        self.stages.iter().all(ended)
    }

    fn take(&mut self, event: Event) {
        let how = match event {
            Event::Exited => return,
            Event::Stderr(at, stderr) => {
                self.stages[at].stderr = stderr;
                Ok(())
            }
            // A child that reads no further is a consequence: its status will say of what.
            Event::Fed(how) => how.or_else(StreamError::rejected),
            Event::Read(at, how) => {
                self.stages[at].read = true;
                how
            }
        };
        self.running -= 1;
        self.failed |= how.is_err();
    }

    /// True where one was killed, and is still not gone.
    fn end_children(&mut self) -> bool {
        let mut given_up = false;
        let mut reader_ended = false;
        for stage in &mut self.stages {
            let must = self.failed || (reader_ended && !stage.read);
            reader_ended = stage.end.is_some();
            if let (true, None, Some(child)) = (must, &stage.end, &mut stage.child) {
                given_up |= child.end();
            }
        }
        given_up
    }

    /// How a stage ended, and what it said.
    pub(crate) fn exit(&mut self, at: usize) -> ChildExit {
        let not_started = self.not_started(at).map(ExitKind::NotStarted);
        let stage = &mut self.stages[at];
        let stderr = std::mem::take(&mut stage.stderr);
        let end = not_started.or_else(|| stage.end.clone());
        ChildExit {
            spec: stage.spec.clone(),
            end: end.unwrap_or(ExitKind::Lost),
            stopped: stage.child.as_ref().is_some_and(Child::was_asked),
            status: stderr.status,
            stderr: stderr.text,
        }
    }
}
