//! What no dump writes into gpg, but we: the late file, and a prelude without anything in it.

use crate::backup::encrypt::{DumpJob, Written, said_encrypted, untrusted, written};
use crate::backup::sink::ArtifactSink;
use crate::base::error::{Error, Result};
use crate::gnupg::binding::PreludeBinding;
use crate::gnupg::packet_writer::MessageWriter;
use crate::process::cancel::{Cancel, stopped};
use crate::process::child::{ExitKind, HELD_OPEN};
use crate::process::flow::StreamError;
use crate::process::pipe::stream;
use crate::store::partial::Partial;
use std::io::Write;

pub(crate) struct Text<'a> {
    /// For errors.
    pub what: &'static str,
    pub sql: &'a [u8],
}

pub(crate) fn encrypt_text(
    job: &DumpJob<'_>,
    text: &Text<'_>,
    binding: &PreludeBinding,
    partial: Partial,
    cancel: &Cancel,
) -> Result<Written> {
    let compression = job.compression.of_prelude();
    let message = MessageWriter::new(Vec::new(), compression, &binding.name());
    let message = message.and_then(|mut message| {
        message.write_all(text.sql)?;
        message.finish()
    });
    let message = message.map_err(|err| untrusted(format!("{}: {err}", text.what)))?;
    let remover = partial.remover();
    let [_, gpg] = job.specs;
    let streamed = stream(gpg, Some(message), ArtifactSink::new(partial), cancel);
    if streamed.sink.is_some() {
        remover.disarm();
    }
    let outcome = streamed.outcome;
    let failed = |error: Error| error.stages(vec![outcome.report()]);
    if let Some(stop) = streamed.stop {
        return Err(failed(stopped(stop)));
    }
    match (&outcome.end, &streamed.sink) {
        (ExitKind::NotStarted(error), _) | (_, Some((_, Err(StreamError::Rejected(error))))) => {
            return Err(failed(error.clone()));
        }
        (end, _) if !end.ok() => {
            return Err(failed(untrusted(format!("gpg ended with {end}"))));
        }
        (_, Some((_, Err(StreamError::HeldOpen)))) => {
            return Err(failed(untrusted(format!("of gpg's output {HELD_OPEN}"))));
        }
        _ => {}
    }
    said_encrypted(&outcome, job.recipients).map_err(failed)?;
    match (streamed.source, streamed.sink) {
        (Some(Ok(())), Some((sink, Ok(())))) => written(sink, job.recipients),
        _ => Err(failed(untrusted(format!(
            "{} was not read to its end",
            text.what
        )))),
    }
}
