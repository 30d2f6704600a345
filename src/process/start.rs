//! The two commands of a pipe and the threads between them, started in the order in which they can fail.

use crate::process::child::{self, Child, Stdin};
use crate::process::command::CommandSpec;
use crate::process::flow::{draw, read_to_end};
use crate::process::pipe::{Event, Sink, StreamError, Tap};
use crate::process::stream::Source;
use std::io::{self, PipeReader};
use std::sync::Arc;
use std::sync::mpsc::Sender;

pub(crate) struct NotStarted<T, S> {
    pub(crate) at: usize,
    pub(crate) why: String,
    pub(crate) tap: T,
    pub(crate) sink: S,
    pub(crate) started: Option<Child>,
}

pub(crate) fn start<R: Source, T: Tap, S: Sink>(
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
        Err(err) => {
            return Err(NotStarted {
                at: 0,
                why: format!("no pipe: {err}"),
                tap,
                sink,
                started: None,
            });
        }
    };
    // The consumer first: where it cannot start, no dump begins and no lock is taken.
    let consumer = match Child::start(specs[1], Stdin::Pipe(feed.0), sealed.1, err1.1) {
        Ok(child) => child,
        Err(err) => {
            return Err(NotStarted {
                at: 1,
                why: err.to_string(),
                tap,
                sink,
                started: None,
            });
        }
    };
    attend_child(1, &consumer, err1.0, specs[1], tx);
    let (stdin, pour) = match source {
        None => (Stdin::Null, None),
        Some(source) => (Stdin::Pipe(fed.0), Some((source, fed.1))),
    };
    let producer = match Child::start(specs[0], stdin, plain.1, err0.1) {
        Ok(child) => child,
        Err(err) => {
            return Err(NotStarted {
                at: 0,
                why: err.to_string(),
                tap,
                sink,
                started: Some(consumer),
            });
        }
    };
    attend_child(0, &producer, err0.0, specs[0], tx);

    if let Some((mut source, mut to)) = pour {
        let tx = tx.clone();
        std::thread::spawn(move || {
            // Told before the producer can see the end.
            if let Err(StreamError::Rejected(why)) = source.pour(&mut to) {
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
