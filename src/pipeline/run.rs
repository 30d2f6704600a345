//! One command from start to status.

use super::child::{Child, End, GRACE, Heard, Outcome, Stdin, TICK, listen};
use crate::spec::CommandSpec;
use crate::watch::{Stop, Watch};
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// A command's answer may not be larger: it is held in memory.
const ANSWER_LIMIT: u64 = 256 * 1024 * 1024;

pub(crate) enum Input {
    Null,
    Bytes(Vec<u8>),
}

pub(crate) struct Ran {
    pub outcome: Outcome,
    pub stdout: Vec<u8>,
    /// Set where it was ended by a signal to us or by the limit.
    pub stop: Option<Stop>,
}

impl Ran {
    pub(crate) fn ok(&self) -> bool {
        self.outcome.end.ok() && self.stop.is_none()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

enum Event {
    Stdout(Vec<u8>),
    Stderr(Heard),
    Exited(End),
}

pub(crate) fn run(spec: &CommandSpec, input: Input, watch: &Watch) -> Ran {
    let not_started = |why: String| Ran {
        outcome: Outcome {
            spec: spec.clone(),
            end: End::NotStarted(why),
            stopped: false,
            status: Vec::new(),
            talk: String::new(),
        },
        stdout: Vec::new(),
        stop: None,
    };
    let (tx, rx) = channel();
    let mut child = match start(spec, input, &tx) {
        Ok(child) => child,
        Err(err) => return not_started(err.to_string()),
    };
    drop(tx);

    let (mut stdout, mut heard, mut end) = (None, None, None);
    let (mut stop, mut gone) = (None, None::<Instant>);
    while stdout.is_none() || heard.is_none() || end.is_none() {
        match rx.recv_timeout(TICK) {
            Ok(Event::Stdout(bytes)) => stdout = Some(bytes),
            Ok(Event::Stderr(said)) => heard = Some(said),
            Ok(Event::Exited(how)) => {
                end = Some(how);
                gone = Some(Instant::now());
            }
            Err(_) => {}
        }
        if gone.is_some_and(|at| at.elapsed() > GRACE) {
            break;
        }
        stop = stop.or_else(|| watch.stop());
        if stop.is_some() && end.is_none() && child.end() {
            break;
        }
    }
    let heard = heard.unwrap_or_default();
    // An answer whose end was not seen is no answer.
    let whole = stdout.is_some();
    let end = end.unwrap_or(End::Lost);
    Ran {
        outcome: Outcome {
            spec: spec.clone(),
            end: if whole { end } else { End::Lost },
            stopped: child.was_asked(),
            status: heard.status,
            talk: heard.talk,
        },
        stdout: stdout.unwrap_or_default(),
        stop,
    }
}

fn start(spec: &CommandSpec, input: Input, tx: &Sender<Event>) -> std::io::Result<Child> {
    let (out_reader, out_writer) = std::io::pipe()?;
    let (err_reader, err_writer) = std::io::pipe()?;
    let stdin = match input {
        Input::Null => Stdin::Null,
        Input::Bytes(bytes) => Stdin::Bytes(bytes),
    };
    let child = Child::start(spec, stdin, Some(out_writer), err_writer)?;
    let said_by = spec.clone();
    let (out_tx, err_tx, end_tx) = (tx.clone(), tx.clone(), tx.clone());
    let handle = Arc::clone(&child.handle);
    // Nobody listens any more once the loop gave up on a pipe: a failed send is no loss.
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = out_reader.take(ANSWER_LIMIT + 1).read_to_end(&mut bytes);
        if read.is_ok() && bytes.len() as u64 <= ANSWER_LIMIT {
            let _ = out_tx.send(Event::Stdout(bytes));
        }
    });
    std::thread::spawn(move || {
        let _ = err_tx.send(Event::Stderr(listen(err_reader, &said_by)));
    });
    std::thread::spawn(move || {
        let status = handle.wait().map(|output| output.status);
        let _ = end_tx.send(Event::Exited(End::from(status)));
    });
    Ok(child)
}
