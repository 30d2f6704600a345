//! The only room that starts processes: one command, or two with a pipe that we stand in; or one
//! that takes our place.
//!
//! It knows pipes, statuses and signals, and nothing of what the programs mean. Two duct
//! expressions are joined by us rather than by `a.pipe(b)`, which has one status and one stderr
//! for both, and no place for a tap.

mod blame;
mod child;
mod flow;
mod handover;
mod pipe;
mod run;
mod service;
mod status_lines;
mod stream;

pub(crate) use blame::{Blame, blame};
pub(crate) use child::{End, Outcome};
pub(crate) use handover::hand_over;
pub(crate) use pipe::{Halt, Piped, Sink, Tap, pipe, pipe_from};
pub(crate) use run::{Input, Ran, run};
pub(crate) use service::Service;
pub(crate) use status_lines::StatusLines;
pub(crate) use stream::{Source, stream};
