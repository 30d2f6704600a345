//! The dump on its way: watched as plaintext, encrypted by gpg, hashed as ciphertext, written.
//! Nothing leaves here but a file that was seen to be whole.

use crate::backup::sink::{ArtifactSink, framing};
use crate::backup::tap::{DumpTap, Packet};
use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::meter::Meter;
use crate::base::random;
use crate::gnupg::binding::PreludeBinding;
use crate::gnupg::compression::Compression;
use crate::gnupg::packet_reader::KeyId;
use crate::gnupg::status;
use crate::pg::scan::{Block, Scan};
use crate::pg::server_hint::dump_hint;
use crate::process::cancel::{Cancel, stopped};
use crate::process::child::ChildExit;
use crate::process::command::CommandSpec;
use crate::process::flow::Tap;
use crate::process::pipe::{Piped, pipe};
use crate::process::root_cause::{self, Blame};
use crate::store::partial::Partial;
use sha2::Digest;

/// What was sealed, and the file, written and not yet synced.
pub(crate) struct EncryptedDump {
    pub blocks: Vec<Block>,
    pub plaintext_sha256: String,
    pub plaintext_bytes: u64,
    pub written: Written,
}

/// A ciphertext that was seen to be whole, and its file.
pub(crate) struct Written {
    pub sha256: String,
    pub size_bytes: u64,
    pub file: Partial,
}

/// A recipient as the ciphertext and gpg's status must name it.
pub(crate) struct Expected {
    pub primary: String,
    pub subkey: KeyId,
}

/// How a dump gets into a file.
pub(crate) struct DumpJob<'a> {
    /// pg_dump and gpg.
    pub specs: [&'a CommandSpec; 2],
    pub compression: Compression,
    pub recipients: &'a [Expected],
}

/// Dumps through gpg into `partial`. Fails with nothing kept, all children ended and waited for.
pub(crate) fn encrypt_dump(
    job: &DumpJob<'_>,
    scan: Scan,
    binding: &PreludeBinding,
    partial: Partial,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<EncryptedDump> {
    let packet = Packet {
        compression: job.compression,
        name: binding.name(),
    };
    let tap = DumpTap::new(scan, packet, random::bytes()?, meter.clone());
    let (tap, written) = through(job, tap, partial, cancel)?;
    Ok(EncryptedDump {
        blocks: tap.blocks,
        plaintext_sha256: hex::encode(tap.hash.finalize()),
        plaintext_bytes: tap.bytes,
        written,
    })
}

/// Dump, tap, gpg, file: and every judge that must agree before the file may be believed.
pub(crate) fn through<T: Tap>(
    job: &DumpJob<'_>,
    tap: T,
    partial: Partial,
    cancel: &Cancel,
) -> Result<(T, Written)> {
    let remover = partial.remover();
    let sink = ArtifactSink::new(partial);
    let piped = pipe(None::<Vec<u8>>, job.specs, tap, sink, cancel);
    // Where something holds gpg's output open, the sink is left behind with its file.
    if piped.sink.is_some() {
        remover.disarm();
    }
    if let Some(error) = failure(&piped) {
        return Err(error);
    }
    let reports = || vec![piped.producer.report(), piped.consumer.report()];
    said_encrypted(&piped.consumer, job.recipients).map_err(|error| error.stages(reports()))?;
    let (Some((tap, _)), Some((sink, _))) = (piped.tap, piped.sink) else {
        return Err(untrusted("the stream was not read to its end".into()));
    };
    Ok((tap, written(sink, job.recipients)?))
}

pub(crate) fn untrusted(why: String) -> Error {
    Error::new(Code::StageFailed, why).hint(gpg_hint())
}

/// Fails unless gpg's status lines say that it encrypted, and to whom.
pub(crate) fn said_encrypted(gpg: &ChildExit, recipients: &[Expected]) -> Result<()> {
    let primaries = recipients.iter().map(|r| r.primary.as_str());
    status::encrypted(&gpg.status, primaries).map_err(untrusted)
}

/// What was written, if it is a message to exactly these.
pub(crate) fn written(sink: ArtifactSink, recipients: &[Expected]) -> Result<Written> {
    let message = sink.framing.finish().map_err(framing)?;
    let mut named = message.recipients;
    let mut meant: Vec<KeyId> = recipients.iter().map(|r| r.subkey).collect();
    named.sort_unstable();
    meant.sort_unstable();
    if named != meant {
        return Err(untrusted(format!(
            "the ciphertext is for the key ids {}, not {}",
            list(&named),
            list(&meant)
        )));
    }
    let size_bytes = sink.partial.size();
    Ok(Written {
        sha256: hex::encode(sink.hash.finalize()),
        size_bytes,
        file: sink.partial,
    })
}

fn list(ids: &[KeyId]) -> String {
    ids.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The error that names the cause, with both stages.
fn failure<T, S>(piped: &Piped<T, S>) -> Option<Error> {
    let [producer, consumer] = [&piped.producer, &piped.consumer];
    let ended = |outcome: &ChildExit| format!("{} ended with {}", outcome.spec.tool(), outcome.end);
    let error = match root_cause::blame(piped) {
        Blame::Nobody => return None,
        Blame::Stopped(stop) => stopped(stop),
        Blame::NotStarted(error)
        | Blame::Source(error)
        | Blame::Sink(error)
        | Blame::Tap(error) => error,
        Blame::Producer => Error::new(Code::StageFailed, ended(producer)).hint(dump_hint(producer)),
        Blame::Consumer if consumer.end.ok() => Error::new(
            Code::StageFailed,
            format!("{} ended before the dump did", consumer.spec.tool()),
        )
        .hint(gpg_hint()),
        Blame::Consumer => Error::new(Code::StageFailed, ended(consumer)).hint(gpg_hint()),
        Blame::Both => {
            let what = format!("{}, and {}", ended(producer), ended(consumer));
            Error::new(Code::StageFailed, what).hint(dump_hint(producer))
        }
    };
    Some(error.stages(vec![producer.report(), consumer.report()]))
}

fn gpg_hint() -> Hints {
    Hints::from("See whether gpg works on this host:").then(Hint::pgseal(&["prove-mechanism"]))
}
