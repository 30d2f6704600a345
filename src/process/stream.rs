//! One command that is fed by us and read by us, in constant memory: source → command → sink.

use crate::process::cancel::{Cancel, StopReason};
use crate::process::child::{Child, ChildExit, ExitKind, GRACE, Heard, Stdin, TICK, attend};
use crate::process::command::CommandSpec;
use crate::process::flow::read_to_end;
use crate::process::pipe::{Sink, StreamError};
use std::io::{self, PipeWriter, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Writes the command's standard input.
pub(crate) trait Source: Send + 'static {
    fn pour(&mut self, to: &mut dyn Write) -> Result<(), StreamError>;
}

impl Source for Vec<u8> {
    fn pour(&mut self, to: &mut dyn Write) -> Result<(), StreamError> {
        to.write_all(self)
            .map_err(|err| StreamError::BrokenPipe(err.to_string()))
    }
}

/// All that is known when it has ended. `source` and `sink` are given back, with why they halted
/// if they did; they are `None` where a pipe was held open and its thread was left.
pub(crate) struct Streamed<R, S> {
    pub outcome: ChildExit,
    pub source: Option<(R, Result<(), StreamError>)>,
    pub sink: Option<(S, Result<(), StreamError>)>,
    /// Set where it was ended by a signal to us or by the limit.
    pub stop: Option<StopReason>,
}

enum Event<R, S> {
    Source(R, Result<(), StreamError>),
    Sink(S, Result<(), StreamError>),
    Stderr(Heard),
    Exited(ExitKind),
}

/// Runs it to its end; with no source its standard input is empty.
pub(crate) fn stream<R: Source, S: Sink>(
    spec: &CommandSpec,
    source: Option<R>,
    sink: S,
    cancel: &Cancel,
) -> Streamed<R, S> {
    let (tx, rx) = channel();
    let fed = source.is_some();
    let mut child = match start(spec, source, sink, &tx) {
        Ok(child) => child,
        Err(err) => {
            return Streamed {
                outcome: ChildExit {
                    spec: spec.clone(),
                    end: ExitKind::NotStarted(err.to_string()),
                    stopped: false,
                    status: Vec::new(),
                    stderr: String::new(),
                },
                source: None,
                sink: None,
                stop: None,
            };
        }
    };
    drop(tx);
    let mut seen = Seen {
        source: None,
        sink: None,
        heard: None,
        end: None,
    };
    let stop = seen.all(fed, &mut child, &rx, cancel);
    let heard = seen.heard.unwrap_or_default();
    Streamed {
        outcome: ChildExit {
            spec: spec.clone(),
            end: seen.end.unwrap_or(ExitKind::Lost),
            stopped: child.was_asked(),
            status: heard.status,
            stderr: heard.stderr,
        },
        source: seen.source,
        sink: seen.sink,
        stop,
    }
}

struct Seen<R, S> {
    source: Option<(R, Result<(), StreamError>)>,
    sink: Option<(S, Result<(), StreamError>)>,
    heard: Option<Heard>,
    end: Option<ExitKind>,
}

impl<R, S> Seen<R, S> {
    /// Waits until all has ended, and ends the command where a signal, the limit, the source or
    /// the sink says so.
    fn all(
        &mut self,
        fed: bool,
        child: &mut Child,
        rx: &Receiver<Event<R, S>>,
        cancel: &Cancel,
    ) -> Option<StopReason> {
        let (mut stop, mut gone) = (None, None::<Instant>);
        loop {
            match rx.recv_timeout(TICK) {
                Ok(Event::Source(source, how)) => self.source = Some((source, how)),
                Ok(Event::Sink(sink, how)) => self.sink = Some((sink, how)),
                Ok(Event::Stderr(heard)) => self.heard = Some(heard),
                Ok(Event::Exited(end)) => {
                    self.end = Some(end);
                    gone = Some(Instant::now());
                }
                Err(_) => {}
            }
            let read = self.sink.is_some() && self.heard.is_some();
            if self.end.is_some() && read && (self.source.is_some() || !fed) {
                return stop;
            }
            if gone.is_some_and(|at| at.elapsed() > GRACE) {
                return stop;
            }
            stop = stop.or_else(|| cancel.stop());
            // A source that cannot write any more is a consequence: the status will say of what.
            let halted = matches!(&self.source, Some((_, Err(StreamError::Rejected(_)))))
                || matches!(&self.sink, Some((_, Err(_))));
            if (stop.is_some() || halted) && self.end.is_none() && child.end() {
                return stop;
            }
        }
    }
}

fn start<R: Source, S: Sink>(
    spec: &CommandSpec,
    source: Option<R>,
    sink: S,
    tx: &Sender<Event<R, S>>,
) -> io::Result<Child> {
    let (out_reader, out_writer) = io::pipe()?;
    let (err_reader, err_writer) = io::pipe()?;
    let (stdin, feed) = match source {
        None => (Stdin::Null, None),
        Some(source) => {
            let (reader, writer) = io::pipe()?;
            (Stdin::Pipe(reader), Some((source, writer)))
        }
    };
    let child = Child::start(spec, stdin, out_writer, err_writer)?;
    // Nobody listens any more once the loop gave up on a pipe: a failed send is no loss.
    let (err_tx, end_tx) = (tx.clone(), tx.clone());
    attend(
        &child,
        (err_reader, spec),
        move |heard| {
            let _ = err_tx.send(Event::Stderr(heard));
        },
        move |end| {
            let _ = end_tx.send(Event::Exited(end));
        },
    );
    if let Some((mut source, writer)) = feed {
        let source_tx = tx.clone();
        std::thread::spawn(move || {
            let how = pour(&mut source, writer);
            let _ = source_tx.send(Event::Source(source, how));
        });
    }
    let sink_tx = tx.clone();
    std::thread::spawn(move || {
        let mut sink = sink;
        let how = read_to_end(out_reader, |bytes| sink.push(bytes));
        sink.end();
        let _ = sink_tx.send(Event::Sink(sink, how));
    });
    Ok(child)
}

/// The pipe is closed when this returns, so that the command sees the end.
fn pour(source: &mut impl Source, mut to: PipeWriter) -> Result<(), StreamError> {
    source.pour(&mut to)
}
