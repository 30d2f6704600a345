//! Two commands and the driver between them: producer → tap → consumer → sink.

use crate::base::error::Error;
use crate::process::cancel::{Cancel, StopReason};
use crate::process::child::{Child, ChildExit, ExitKind, GRACE, Heard, TICK};
use crate::process::command::CommandSpec;
use crate::process::start::{NotStarted, start};
use crate::process::status_lines::StatusLines;
use crate::process::stream::Source;
use std::io::PipeWriter;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// Why a tap or a sink did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamError {
    /// The other side is gone or broken: a consequence, never the cause.
    BrokenPipe(String),
    /// It refused what it saw, or could not keep it: the cause.
    Rejected(Error),
}

/// Stands in the stream; passes on what it saw.
pub(crate) trait Tap: Send + 'static {
    /// What leads to the consumer. It is made in the tap's thread, and lives and dies there.
    type Stream;
    fn open(&mut self, to: PipeWriter, producer: StatusLines) -> Result<Self::Stream, StreamError>;
    fn push(&mut self, bytes: &[u8], to: &mut Self::Stream) -> Result<(), StreamError>;
    /// The last bytes, once the producer has exited with 0: one that died gets no well-formed end.
    fn end(&mut self, to: Self::Stream) -> Result<(), StreamError>;
}

/// Keeps what the consumer writes.
pub(crate) trait Sink: Send + 'static {
    fn push(&mut self, bytes: &[u8]) -> Result<(), StreamError>;
    /// The consumer's output has ended, or could not be read further.
    fn end(&mut self) {}
}

/// All that is known at the end. `tap` and `sink` are `None` where another process holds a pipe.
pub(crate) struct Piped<T, S> {
    pub producer: ChildExit,
    pub consumer: ChildExit,
    pub tap: Option<(T, Result<(), StreamError>)>,
    pub sink: Option<(S, Result<(), StreamError>)>,
    /// Why the source would not go on, where it was the cause.
    pub source: Option<Error>,
    pub stop: Option<StopReason>,
}

pub(crate) enum Event<T, S> {
    Tap(T, Result<(), StreamError>),
    Sink(S, Result<(), StreamError>),
    Stderr(usize, Heard),
    Exited(usize, ExitKind),
    Refused(Error),
}

struct State<T, S> {
    tap: Option<(T, Result<(), StreamError>)>,
    sink: Option<(S, Result<(), StreamError>)>,
    heard: [Option<Heard>; 2],
    ends: [Option<ExitKind>; 2],
    source: Option<Error>,
}

/// Runs both to their ends. `tick` is called a few times a second, for progress.
pub(crate) fn pipe<T: Tap, S: Sink>(
    specs: [&CommandSpec; 2],
    tap: T,
    sink: S,
    cancel: &Cancel,
    tick: &mut dyn FnMut(),
) -> Piped<T, S> {
    pipe_from(None::<Vec<u8>>, specs, tap, sink, cancel, tick)
}

/// The same with a producer that is fed by us.
pub(crate) fn pipe_from<R: Source, T: Tap, S: Sink>(
    source: Option<R>,
    specs: [&CommandSpec; 2],
    tap: T,
    sink: S,
    cancel: &Cancel,
    tick: &mut dyn FnMut(),
) -> Piped<T, S> {
    let (tx, rx) = channel();
    let mut state = State {
        tap: None,
        sink: None,
        heard: [None, None],
        ends: [None, None],
        source: None,
    };
    let mut children = [None, None];
    match start(source, specs, tap, sink, &tx) {
        Ok([producer, consumer]) => children = [Some(producer), Some(consumer)],
        Err(NotStarted {
            at,
            why,
            tap,
            sink,
            started,
        }) => {
            state.ends[at] = Some(ExitKind::NotStarted(why));
            state.heard[at] = Some(Heard::default());
            let halt = || {
                Err(StreamError::BrokenPipe(
                    "the other command did not start".into(),
                ))
            };
            state.tap = Some((tap, halt()));
            state.sink = Some((sink, halt()));
            match started {
                Some(child) => children[1 - at] = Some(child),
                None => {
                    state.ends[1 - at] = Some(ExitKind::NotStarted("not reached".into()));
                    state.heard[1 - at] = Some(Heard::default());
                }
            }
        }
    }
    drop(tx);
    let stop = attend(&mut state, &mut children, &rx, cancel, tick);
    let asked = |at: usize| children[at].as_ref().is_some_and(Child::was_asked);
    let asked = [asked(0), asked(1)];
    let mut outcome = |at: usize| {
        let heard = state.heard[at].take().unwrap_or_default();
        ChildExit {
            spec: specs[at].clone(),
            end: state.ends[at].take().unwrap_or(ExitKind::Lost),
            stopped: asked[at],
            status: heard.status,
            stderr: heard.stderr,
        }
    };
    Piped {
        producer: outcome(0),
        consumer: outcome(1),
        tap: state.tap,
        sink: state.sink,
        source: state.source,
        stop,
    }
}

/// Waits until all has ended, and ends what must not go on: both where a signal, the limit, the
/// tap or the sink says so; one where the other is gone before its work was done.
fn attend<T, S>(
    state: &mut State<T, S>,
    children: &mut [Option<Child>; 2],
    rx: &Receiver<Event<T, S>>,
    cancel: &Cancel,
    tick: &mut dyn FnMut(),
) -> Option<StopReason> {
    let (mut stop, mut gone, mut given_up) = (None, None::<Instant>, false);
    loop {
        match rx.recv_timeout(TICK) {
            Ok(Event::Tap(tap, how)) => state.tap = Some((tap, how)),
            Ok(Event::Sink(sink, how)) => state.sink = Some((sink, how)),
            Ok(Event::Stderr(at, heard)) => state.heard[at] = Some(heard),
            Ok(Event::Exited(at, end)) => state.ends[at] = Some(end),
            Ok(Event::Refused(why)) => state.source = Some(why),
            Err(_) => tick(),
        }
        let ended = state.ends.iter().all(Option::is_some);
        let read = state.tap.is_some() && state.sink.is_some();
        if ended && read && state.heard.iter().all(Option::is_some) {
            return stop.or_else(|| cancel.stop());
        }
        if ended {
            let since = *gone.get_or_insert_with(Instant::now);
            // A tap may still be pushing what it holds, but only into a consumer that lives:
            // with both gone, a pipe that stays open is a grandchild's.
            if since.elapsed() > GRACE {
                return stop.or_else(|| cancel.stop());
            }
        } else if given_up {
            return stop;
        }
        stop = stop.or_else(|| cancel.stop());
        let halted =
            matches!(&state.tap, Some((_, Err(_)))) || matches!(&state.sink, Some((_, Err(_))));
        let early = state.ends[1].is_some() && state.tap.is_none();
        for at in [0, 1] {
            let must = stop.is_some() || halted || (early && at == 0);
            if let Some(child) = &mut children[at]
                && must
                && state.ends[at].is_none()
            {
                given_up |= child.end();
            }
        }
    }
}
