//! Which of several failures is the cause, and which are its consequences.

use crate::base::error::{Code, Error};
use crate::process::cancel::StopReason;
use crate::process::child::{ChildExit, ExitKind, HELD_OPEN};
use crate::process::flow::{Passed, StreamError};
use crate::process::pipe::Piped;

/// The cause. A stage is named by its place, 0 for the producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Blame {
    Nobody,
    Stopped(StopReason),
    NotStarted(Error),
    Source(Error),
    Sink(Error),
    Tap(Error),
    Producer,
    Consumer,
    Both,
}

const SIGPIPE: i32 = 13;

pub(crate) fn blame<T, S>(piped: &Piped<T, S>) -> Blame {
    let tap = piped.tap.as_ref().map(|(_, how)| how);
    let sink = piped.sink.as_ref().map(|(_, how)| how);
    let source = piped.source.clone();
    match judge(&piped.producer, &piped.consumer, tap, sink, piped.stop) {
        blame @ (Blame::Stopped(_) | Blame::NotStarted(_)) => blame,
        blame => source.map_or(blame, Blame::Source),
    }
}

fn judge(
    producer: &ChildExit,
    consumer: &ChildExit,
    tap: Option<&Passed>,
    sink: Option<&Passed>,
    stop: Option<StopReason>,
) -> Blame {
    if let Some(stop) = stop {
        return Blame::Stopped(stop);
    }
    // In the order of their start: what was not reached is a consequence.
    for outcome in [consumer, producer] {
        if let ExitKind::NotStarted(error) = &outcome.end {
            return Blame::NotStarted(error.clone());
        }
    }
    if let Some(Err(StreamError::Rejected(why))) = sink {
        return Blame::Sink(why.clone());
    }
    if let Some(Err(StreamError::Rejected(why))) = tap {
        return Blame::Tap(why.clone());
    }
    // A producer whose reader went away, or that we ended for it, is not the cause. One that
    // ignores SIGPIPE, as gpg does, tells of a broken pipe by a status of its own; but then the tap
    // has met a broken pipe before it, at the consumer. Where the tap has read all, the broken pipe
    // was another than ours.
    let consequence = producer.stopped
        || producer.end == ExitKind::Signal(SIGPIPE) && tap != Some(&Ok(()))
        || matches!(tap, Some(Err(StreamError::BrokenPipe(_))));
    let held = || Error::new(Code::StageFailed, HELD_OPEN);
    match (producer.end.ok(), consumer.end.ok()) {
        (true, _) if tap == Some(&Err(StreamError::HeldOpen)) => Blame::Tap(held()),
        (true, false) => Blame::Consumer,
        (false, false) if consequence => Blame::Consumer,
        (false, false) => Blame::Both,
        // The consumer left early and calls it success.
        (false, true) if consequence => Blame::Consumer,
        (false, true) => Blame::Producer,
        (true, true) => match (tap, sink) {
            (Some(Ok(())), Some(Ok(()))) => Blame::Nobody,
            (Some(Err(_)), _) => Blame::Consumer,
            (_, Some(Err(StreamError::BrokenPipe(why)))) => {
                Blame::Sink(Error::new(Code::StageFailed, why))
            }
            _ => Blame::Tap(held()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use crate::process::command::CommandSpec;

    fn outcome(end: ExitKind, stopped: bool) -> ChildExit {
        ChildExit {
            spec: CommandSpec::new("x", "/x"),
            end,
            stopped,
            status: Vec::new(),
            stderr: String::new(),
        }
    }

    #[test]
    fn the_table() {
        let ok = || Some(Ok(()));
        let error = |why: &str| Error::new(Code::Store, why);
        let own = |why: &str| Some(Err(StreamError::Rejected(error(why))));
        let broken = || Some(Err(StreamError::BrokenPipe("broken pipe".into())));
        let end = |code| outcome(ExitKind::Code(code), false);
        let stopped = || outcome(ExitKind::Code(1), true);
        let timeout = StopReason::Timeout(std::time::Duration::from_secs(1));
        each(
            [
                (end(0), end(0), ok(), ok(), None, Blame::Nobody),
                (
                    end(0),
                    end(0),
                    own("half"),
                    ok(),
                    None,
                    Blame::Tap(error("half")),
                ),
                (end(1), end(0), ok(), ok(), None, Blame::Producer),
                (
                    outcome(ExitKind::Signal(9), false),
                    end(0),
                    ok(),
                    ok(),
                    None,
                    Blame::Producer,
                ),
                (
                    outcome(ExitKind::Signal(13), false),
                    end(2),
                    broken(),
                    ok(),
                    None,
                    Blame::Consumer,
                ),
                (
                    outcome(ExitKind::Signal(13), false),
                    end(0),
                    ok(),
                    ok(),
                    None,
                    Blame::Producer,
                ),
                (stopped(), end(2), broken(), ok(), None, Blame::Consumer),
                (stopped(), end(0), broken(), ok(), None, Blame::Consumer),
                (end(2), end(3), broken(), ok(), None, Blame::Consumer),
                (
                    end(2),
                    outcome(ExitKind::Signal(9), false),
                    broken(),
                    ok(),
                    None,
                    Blame::Consumer,
                ),
                (end(2), end(0), broken(), ok(), None, Blame::Consumer),
                (end(0), end(0), broken(), ok(), None, Blame::Consumer),
                (end(0), end(2), ok(), ok(), None, Blame::Consumer),
                (end(1), end(2), ok(), ok(), None, Blame::Both),
                (
                    stopped(),
                    stopped(),
                    broken(),
                    own("full"),
                    None,
                    Blame::Sink(error("full")),
                ),
                (
                    end(0),
                    end(0),
                    ok(),
                    own("full"),
                    None,
                    Blame::Sink(error("full")),
                ),
                (
                    stopped(),
                    stopped(),
                    ok(),
                    ok(),
                    Some(timeout),
                    Blame::Stopped(timeout),
                ),
                (
                    end(0),
                    end(0),
                    ok(),
                    own("x"),
                    Some(StopReason::Signal(2)),
                    Blame::Stopped(StopReason::Signal(2)),
                ),
                (
                    outcome(ExitKind::NotStarted(error("gone")), false),
                    stopped(),
                    broken(),
                    broken(),
                    None,
                    Blame::NotStarted(error("gone")),
                ),
            ],
            |(producer, consumer, tap, sink, stop, expected)| {
                let said = judge(&producer, &consumer, tap.as_ref(), sink.as_ref(), stop);
                assert_eq!(said, expected, "{producer:?} {consumer:?} {tap:?} {sink:?}");
            },
        );
        let held = judge(&end(0), &end(0), None, Some(&Ok(())), None);
        assert!(matches!(held, Blame::Tap(_)));
    }
}
