//! Two commands and the driver between them: producer → tap → consumer → sink.

use crate::base::error::Error;
use crate::process::cancel::{Stop, Watch};
use crate::process::child::{self, Child, End, GRACE, Heard, Outcome, Stdin, TICK};
use crate::process::command::CommandSpec;
use crate::process::flow::{draw, read_to_end};
use crate::process::status_lines::StatusLines;
use crate::process::stream::Source;
use std::io::{self, PipeReader, PipeWriter};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Why a tap or a sink did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The other side is gone or broken: a consequence, never the cause.
    Pipe(String),
    /// It refused what it saw, or could not keep it: the cause.
    Own(Error),
}

/// Stands in the stream; passes on what it saw.
pub(crate) trait Tap: Send + 'static {
    /// What leads to the consumer. It is made in the tap's thread, and lives and dies there.
    type Stream;
    fn open(&mut self, to: PipeWriter, producer: StatusLines) -> Result<Self::Stream, Halt>;
    fn push(&mut self, bytes: &[u8], to: &mut Self::Stream) -> Result<(), Halt>;
    /// The last bytes, once the producer has exited with 0: one that died gets no well-formed end.
    fn end(&mut self, to: Self::Stream) -> Result<(), Halt>;
}

/// Keeps what the consumer writes.
pub(crate) trait Sink: Send + 'static {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Halt>;
    /// The consumer's output has ended, or could not be read further.
    fn end(&mut self) {}
}

/// All that is known at the end. `tap` and `sink` are `None` where another process holds a pipe.
pub(crate) struct Piped<T, S> {
    pub producer: Outcome,
    pub consumer: Outcome,
    pub tap: Option<(T, Result<(), Halt>)>,
    pub sink: Option<(S, Result<(), Halt>)>,
    /// Why the source would not go on, where it was the cause.
    pub source: Option<Error>,
    pub stop: Option<Stop>,
}

enum Event<T, S> {
    Tap(T, Result<(), Halt>),
    Sink(S, Result<(), Halt>),
    Stderr(usize, Heard),
    Exited(usize, End),
    Refused(Error),
}

struct State<T, S> {
    tap: Option<(T, Result<(), Halt>)>,
    sink: Option<(S, Result<(), Halt>)>,
    heard: [Option<Heard>; 2],
    ends: [Option<End>; 2],
    source: Option<Error>,
}

/// Runs both to their ends. `tick` is called a few times a second, for progress.
pub(crate) fn pipe<T: Tap, S: Sink>(
    specs: [&CommandSpec; 2],
    tap: T,
    sink: S,
    watch: &Watch,
    tick: &mut dyn FnMut(),
) -> Piped<T, S> {
    pipe_from(None::<Vec<u8>>, specs, tap, sink, watch, tick)
}

/// The same with a producer that is fed by us.
pub(crate) fn pipe_from<R: Source, T: Tap, S: Sink>(
    source: Option<R>,
    specs: [&CommandSpec; 2],
    tap: T,
    sink: S,
    watch: &Watch,
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
            state.ends[at] = Some(End::NotStarted(why));
            state.heard[at] = Some(Heard::default());
            let halt = || Err(Halt::Pipe("the other command did not start".into()));
            state.tap = Some((tap, halt()));
            state.sink = Some((sink, halt()));
            match started {
                Some(child) => children[1 - at] = Some(child),
                None => {
                    state.ends[1 - at] = Some(End::NotStarted("not reached".into()));
                    state.heard[1 - at] = Some(Heard::default());
                }
            }
        }
    }
    drop(tx);
    let stop = attend(&mut state, &mut children, &rx, watch, tick);
    let asked = |at: usize| children[at].as_ref().is_some_and(Child::was_asked);
    let asked = [asked(0), asked(1)];
    let mut outcome = |at: usize| {
        let heard = state.heard[at].take().unwrap_or_default();
        Outcome {
            spec: specs[at].clone(),
            end: state.ends[at].take().unwrap_or(End::Lost),
            stopped: asked[at],
            status: heard.status,
            talk: heard.talk,
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
    watch: &Watch,
    tick: &mut dyn FnMut(),
) -> Option<Stop> {
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
            return stop.or_else(|| watch.stop());
        }
        if ended {
            let since = *gone.get_or_insert_with(Instant::now);
            // A tap may still be pushing what it holds, but only into a consumer that lives:
            // with both gone, a pipe that stays open is a grandchild's.
            if since.elapsed() > GRACE {
                return stop.or_else(|| watch.stop());
            }
        } else if given_up {
            return stop;
        }
        stop = stop.or_else(|| watch.stop());
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

struct NotStarted<T, S> {
    at: usize,
    why: String,
    tap: T,
    sink: S,
    started: Option<Child>,
}

fn not_started<T, S>(
    at: usize,
    why: String,
    tap: T,
    sink: S,
    started: Option<Child>,
) -> NotStarted<T, S> {
    NotStarted {
        at,
        why,
        tap,
        sink,
        started,
    }
}

fn start<R: Source, T: Tap, S: Sink>(
    source: Option<R>,
    specs: [&CommandSpec; 2],
    tap: T,
    sink: S,
    tx: &Sender<Event<T, S>>,
) -> Result<[Child; 2], NotStarted<T, S>> {
    let pipes = || -> io::Result<_> {
        Ok([
            io::pipe()?,
            io::pipe()?,
            io::pipe()?,
            io::pipe()?,
            io::pipe()?,
            io::pipe()?,
        ])
    };
    let [plain, feed, sealed, err0, err1, fed] = match pipes() {
        Ok(pipes) => pipes,
        Err(err) => return Err(not_started(0, format!("no pipe: {err}"), tap, sink, None)),
    };
    // The consumer first: where it cannot start, no dump begins and no lock is taken.
    let consumer = match Child::start(specs[1], Stdin::Pipe(feed.0), sealed.1, err1.1) {
        Ok(child) => child,
        Err(err) => return Err(not_started(1, err.to_string(), tap, sink, None)),
    };
    attend_child(1, &consumer, err1.0, specs[1], tx);
    let (stdin, pour) = match source {
        None => (Stdin::Null, None),
        Some(source) => (Stdin::Pipe(fed.0), Some((source, fed.1))),
    };
    let producer = match Child::start(specs[0], stdin, plain.1, err0.1) {
        Ok(child) => child,
        Err(err) => return Err(not_started(0, err.to_string(), tap, sink, Some(consumer))),
    };
    attend_child(0, &producer, err0.0, specs[0], tx);

    if let Some((mut source, mut to)) = pour {
        let tx = tx.clone();
        std::thread::spawn(move || {
            // Told before the producer can see the end.
            if let Err(Halt::Own(why)) = source.pour(&mut to) {
                let _ = tx.send(Event::Refused(why));
            }
        });
    }
    let (tap_tx, sink_tx) = (tx.clone(), tx.clone());
    let (handle, status) = (Arc::clone(&producer.handle), producer.status.clone());
    std::thread::spawn(move || {
        let mut tap = tap;
        let how = draw(&mut tap, plain.0, (feed.1, status), || {
            handle.wait().is_ok_and(|output| output.status.success())
        });
        let _ = tap_tx.send(Event::Tap(tap, how));
    });
    std::thread::spawn(move || {
        let mut sink = sink;
        let how = read_to_end(sealed.0, |bytes| sink.push(bytes));
        sink.end();
        let _ = sink_tx.send(Event::Sink(sink, how));
    });
    Ok([producer, consumer])
}

fn attend_child<T: Tap, S: Sink>(
    at: usize,
    child: &Child,
    stderr: PipeReader,
    spec: &CommandSpec,
    tx: &Sender<Event<T, S>>,
) {
    let (err_tx, end_tx) = (tx.clone(), tx.clone());
    child::attend(
        child,
        (stderr, spec),
        move |heard| {
            let _ = err_tx.send(Event::Stderr(at, heard));
        },
        move |end| {
            let _ = end_tx.send(Event::Exited(at, end));
        },
    );
}
