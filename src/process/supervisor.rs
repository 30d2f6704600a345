//! The one place that waits: for the exits of children, for their standard error, and for the
//! threads that feed and read them. And the one place that ends children.

use crate::base::error::{Error, Result};
use crate::base::threads::caught;
use crate::process::cancel::{Cancel, StopReason};
use crate::process::child::{Child, ChildExit, ExitKind, GRACE, TICK};
use crate::process::command::{CommandSpec, Quit};
use crate::process::flow::{Passed, StreamError};
use crate::process::output::Output;
use crate::process::stage::Stage;
use crate::process::stderr::{self, Stderr};
use std::io::{self, PipeWriter};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread may still be busy when all children are gone. Readers end long before.
const LEFT_BEHIND: Duration = Duration::from_secs(10);

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

enum Event {
    Stderr(usize, Stderr),
    /// Wakes the supervisor, which looks at all children itself.
    Exited,
    Fed(usize, Passed),
    Read(usize, Passed),
}

/// Our ends of the pipes of a stage.
pub(crate) struct Pipes {
    pub stdin: Option<PipeWriter>,
    pub stdout: Output,
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
        self.stages.push(Stage::new(spec));
        if self.failed {
            self.stages[at].not_reached();
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
        let held = matches!(spec.quit, Quit::Lifeline(_));
        let (stdin, to) = match stdin {
            Stdin::Empty if !held => None,
            Stdin::Empty | Stdin::Fed => Some(pipe()?),
        }
        .unzip();
        let (feed, lifeline) = if held { (None, to) } else { (to, None) };
        let child = Child::start(spec, stdin, lifeline, stdout.1, stderr.1)?;
        let (leader, lines) = (child.leader.clone(), child.status_lines.clone());
        self.stages[at].child = Some(child);
        let (tx, to_read) = (self.tx.clone(), spec.clone());
        let last_call = self.stages[at].last_call.clone();
        let (stdout, stderr) = (
            Output::new(stdout.0, last_call.clone()),
            Output::new(stderr.0, last_call),
        );
        self.thread(at, move || {
            let read = stderr::read(stderr, &to_read, &lines);
            // Nobody listens any more once the supervisor gave up: a failed send is no loss.
            let _ = tx.send(Event::Stderr(at, read));
            leader.wait();
            let _ = tx.send(Event::Exited);
        })?;
        Ok(Pipes {
            stdin: feed,
            stdout,
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
        let worker = self.work(at, value, to, work, move |how| Event::Fed(at, how))?;
        self.stages[at].feeding = true;
        Some(worker)
    }

    /// A thread that reads the standard output of a stage.
    pub(crate) fn read<T: Send + 'static>(
        &mut self,
        at: usize,
        value: T,
        from: Output,
        work: impl FnOnce(&mut T, &mut Output) -> Passed + Send + 'static,
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
    pub(crate) fn supervise(&mut self, cancel: &Cancel) -> Option<StopReason> {
        let (mut stop, mut gone) = (None, None::<Instant>);
        loop {
            let ended = self.have_ended();
            stop = stop.or_else(|| cancel.stop());
            self.failed |= stop.is_some();
            let since = ended.then(|| *gone.get_or_insert_with(Instant::now));
            // A reader gives up by itself; one that writes to whom we cannot end is left behind.
            let over = since.is_some_and(|gone| self.running == 0 || gone.elapsed() > LEFT_BEHIND);
            if over || self.end_children() {
                break;
            }
            if let Ok(event) = self.rx.recv_timeout(TICK) {
                self.take(event);
            }
        }
        self.end_groups();
        stop
    }

    /// Nothing of a stage goes on in the background. It is asked to end; where one has failed it is
    /// killed, since what is said then of the store must hold.
    fn end_groups(&self) {
        let fine = |stage: &Stage| stage.end.as_ref().is_some_and(ExitKind::ok);
        let sound = !self.failed && self.stages.iter().all(fine);
        for child in self.stages.iter().flat_map(|stage| &stage.child) {
            if sound {
                child.leader.signal(signal_hook::consts::SIGTERM);
            } else {
                child.leader.kill();
                child.end_elsewhere();
            }
        }
    }

    /// Looks at all children, without waiting.
    pub(crate) fn have_ended(&mut self) -> bool {
        while let Ok(event) = self.rx.try_recv() {
            self.take(event);
        }
        self.stages.iter_mut().for_each(Stage::look);
        self.stages.iter().all(Stage::has_ended)
    }

    fn take(&mut self, event: Event) {
        let how = match event {
            Event::Exited => return,
            Event::Stderr(at, stderr) => {
                self.stages[at].stderr = stderr;
                self.stages[at].heard = true;
                Ok(())
            }
            // A child that reads no further is a consequence: its status will say of what.
            Event::Fed(at, how) => {
                self.stages[at].feeding = false;
                how.or_else(StreamError::rejected)
            }
            // With all that was to be had, its reader ends by itself.
            Event::Read(at, Err(StreamError::HeldOpen)) => {
                self.stages[at].read = true;
                Ok(())
            }
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
        let after = if self.failed { Duration::ZERO } else { GRACE };
        for at in 0..self.stages.len() {
            // The tap that reads the next stage writes to this one.
            let tapped = self.stages.get(at + 1).is_some_and(|next| !next.read);
            let stage = &mut self.stages[at];
            let must = self.failed || (reader_ended && !stage.read);
            reader_ended = stage.end.is_some();
            if stage.end.is_none() {
                given_up |= must && stage.end_child();
            } else if tapped || stage.is_open() {
                stage.end_rest(after);
            }
        }
        given_up
    }

    /// How a stage ended, and what it said.
    pub(crate) fn exit(&mut self, at: usize) -> ChildExit {
        self.stages[at].exit()
    }
}
