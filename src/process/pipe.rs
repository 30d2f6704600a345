//! One command, or two with a tap between them: source → command → tap → command → sink.

use crate::base::error::Error;
use crate::process::cancel::{Cancel, StopReason};
use crate::process::child::ChildExit;
use crate::process::command::CommandSpec;
use crate::process::flow::{Passed, Sink, Source, StreamError, Tap, read_to_end};
use crate::process::output::Output;
use crate::process::supervisor::{Pipes, Stdin, Supervisor, Worker, taken};

/// All that is known of one command at its end. `sink` is `None` where the thread at its pipe was
/// left behind.
pub(crate) struct Streamed<S> {
    pub outcome: ChildExit,
    pub source: Option<Passed>,
    pub sink: Option<(S, Passed)>,
    /// Set where it was ended by a signal to us or by the limit.
    pub stop: Option<StopReason>,
}

/// Runs one command to its end; with no source its standard input is empty.
pub(crate) fn stream<R: Source, S: Sink>(
    spec: &CommandSpec,
    source: Option<R>,
    sink: S,
    cancel: &Cancel,
) -> Streamed<S> {
    let mut supervisor = Supervisor::new();
    let (mut feeding, mut reading) = (None, None);
    if let Some(Pipes { stdin, stdout }) = supervisor.start(spec, stdin_from(&source)) {
        feeding = feed(&mut supervisor, 0, source.zip(stdin));
        reading = supervisor.read(0, sink, stdout, keep);
    }
    let stop = supervisor.supervise(cancel);
    Streamed {
        outcome: supervisor.exit(0),
        source: taken(feeding).map(|(_, how)| how),
        sink: taken(reading),
        stop,
    }
}

/// All that is known of two commands at their end, as of one.
pub(crate) struct Piped<T, S> {
    pub producer: ChildExit,
    pub consumer: ChildExit,
    pub tap: Option<(T, Passed)>,
    pub sink: Option<(S, Passed)>,
    /// Why the source would not go on, where it was the cause.
    pub source: Option<Error>,
    pub stop: Option<StopReason>,
}

const CONSUMER: usize = 0;
const PRODUCER: usize = 1;

/// Runs both to their ends.
pub(crate) fn pipe<R: Source, T: Tap, S: Sink>(
    source: Option<R>,
    specs: [&CommandSpec; 2],
    tap: T,
    sink: S,
    cancel: &Cancel,
) -> Piped<T, S> {
    let mut supervisor = Supervisor::new();
    // The consumer first: where it cannot start, no dump begins and no lock is taken.
    let consumer = supervisor.start(specs[1], Stdin::Fed);
    let producer = supervisor.start(specs[0], stdin_from(&source));
    let (mut feeding, mut tapping, mut reading) = (None, None, None);
    if let (Some(consumer), Some(producer)) = (consumer, producer) {
        feeding = feed(&mut supervisor, PRODUCER, source.zip(producer.stdin));
        tapping = tapped(&mut supervisor, tap, producer.stdout, consumer.stdin);
        reading = supervisor.read(CONSUMER, sink, consumer.stdout, keep);
    }
    let stop = supervisor.supervise(cancel);
    let source = match taken(feeding) {
        Some((_, Err(StreamError::Rejected(why)))) => Some(why),
        _ => None,
    };
    Piped {
        producer: supervisor.exit(PRODUCER),
        consumer: supervisor.exit(CONSUMER),
        tap: taken(tapping),
        sink: taken(reading),
        source,
        stop,
    }
}

fn stdin_from<R>(source: &Option<R>) -> Stdin {
    match source {
        Some(_) => Stdin::Fed,
        None => Stdin::Empty,
    }
}

fn feed<R: Source>(
    supervisor: &mut Supervisor,
    at: usize,
    source: Option<(R, std::io::PipeWriter)>,
) -> Option<Worker<R>> {
    let (source, to) = source?;
    supervisor.feed(at, source, to, |source, to| source.pour(to))
}

/// The consumer's standard input is closed when the tap has ended, so that it sees the end.
fn tapped<T: Tap>(
    supervisor: &mut Supervisor,
    tap: T,
    from: Output,
    to: Option<std::io::PipeWriter>,
) -> Option<Worker<T>> {
    let (to, producer) = (to?, supervisor.child(PRODUCER)?);
    let (leader, status_lines) = (producer.leader.clone(), producer.status_lines.clone());
    supervisor.read(PRODUCER, tap, from, move |tap, from| {
        let mut stream = tap.open(to, status_lines)?;
        read_to_end(from, |bytes| tap.push(bytes, &mut stream))?;
        if leader.wait().ok() {
            tap.end(stream)?;
        }
        Ok(())
    })
}

fn keep<S: Sink>(sink: &mut S, from: &mut Output) -> Passed {
    let how = read_to_end(from, |bytes| sink.push(bytes));
    sink.end();
    how
}
