//! The dump on its way: watched as plaintext, encrypted by gpg, hashed as ciphertext, written.
//! Nothing leaves here but a file that was seen to be whole.

mod bond;
mod pair;
mod prelude;
mod sink;
mod tap;

use crate::compression::Compression;
use crate::error::{Code, Error, Result};
use crate::gnupg::packets::KeyId;
use crate::gnupg::status;
use crate::names::TableName;
use crate::pg::scan::{Block, Scan};
use crate::pipeline::{self, Blame, Outcome, Piped, Tap};
use crate::random;
use crate::spec::CommandSpec;
use crate::store::Partial;
use crate::watch::{Stop, Watch};
use sha2::Digest;
use sink::{ArtifactSink, framing};
use std::sync::{Arc, Mutex, PoisonError};
use tap::DumpTap;

pub(crate) use bond::Bond;
pub(crate) use pair::pair;
pub(crate) use prelude::{SealedPrelude, seal_prelude};

/// Where a running dump is, for the progress line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub table: Option<TableName>,
    pub rows: u64,
    /// Plaintext bytes so far.
    pub bytes: u64,
}

/// Shared with the thread that reads the dump.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Progress>>);

impl Shared {
    fn set(&self, bytes: u64, block: Option<&Block>) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.bytes = bytes;
        if let Some(block) = block {
            progress.rows = block.rows;
            if progress.table.as_ref() != Some(&block.table) {
                progress.table = Some(block.table.clone());
            }
        }
    }

    fn get(&self) -> Progress {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What was sealed, and the file, written and not yet synced.
pub(crate) struct Sealed {
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
pub(crate) struct Way<'a> {
    /// pg_dump and gpg.
    pub specs: [&'a CommandSpec; 2],
    pub compression: Compression,
    pub recipients: &'a [Expected],
}

/// Dumps through gpg into `partial`. Fails with nothing kept, all children ended and waited for.
pub(crate) fn seal(
    way: &Way<'_>,
    relations: impl IntoIterator<Item = TableName>,
    bond: &Bond,
    partial: Partial,
    watch: &Watch,
    tick: &mut dyn FnMut(&Progress),
) -> Result<Sealed> {
    let shared = Shared::default();
    let packing = (way.compression, bond.name());
    let scan = Scan::new(relations);
    let tap = DumpTap::new(scan, packing, random::bytes()?, shared.clone());
    let (tap, written) = through(way, tap, partial, watch, &mut || {
        tick(&shared.get());
    })?;
    Ok(Sealed {
        blocks: tap.blocks,
        plaintext_sha256: hex::encode(tap.hash.finalize()),
        plaintext_bytes: tap.bytes,
        written,
    })
}

/// Dump, tap, gpg, file: and every judge that must agree before the file may be believed.
fn through<T: Tap>(
    way: &Way<'_>,
    tap: T,
    partial: Partial,
    watch: &Watch,
    tick: &mut dyn FnMut(),
) -> Result<(T, Written)> {
    let sink = ArtifactSink::new(partial);
    let piped = pipeline::pipe(way.specs, tap, sink, watch, tick);
    if let Some(error) = failure(&piped) {
        return Err(error);
    }
    let reports = || vec![piped.producer.report(), piped.consumer.report()];
    let untrusted = |why: String| {
        Error::new(Code::StageFailed, why)
            .hint("Run `pgseal prove-mechanism` to see whether gpg works on this host.")
    };
    status::encrypted(
        &piped.consumer.status,
        way.recipients.iter().map(|r| r.primary.as_str()),
    )
    .map_err(|why| untrusted(why).stages(reports()))?;
    let (Some((tap, _)), Some((sink, _))) = (piped.tap, piped.sink) else {
        return Err(untrusted("the stream was not read to its end".into()));
    };
    let message = sink.framing.finish().map_err(framing)?;
    let mut named = message.recipients;
    let mut meant: Vec<KeyId> = way.recipients.iter().map(|r| r.subkey).collect();
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
    let written = Written {
        sha256: hex::encode(sink.hash.finalize()),
        size_bytes,
        file: sink.partial,
    };
    Ok((tap, written))
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
    let ended =
        |outcome: &Outcome| format!("{} ended with {}", program(&outcome.spec), outcome.end);
    let error = match pipeline::blame(piped) {
        Blame::Nobody => return None,
        Blame::Stopped(stop) => stopped(stop),
        Blame::NotStarted(at, why) => {
            let spec = [&producer.spec, &consumer.spec][at];
            let what = format!("`{}` could not be started: {why}", spec.program());
            Error::new(Code::ToolUnfit, what).hint("Reinstall it, or take it out of PATH.")
        }
        Blame::Source(error) | Blame::Sink(error) | Blame::Tap(error) => error,
        Blame::Producer => Error::new(Code::StageFailed, ended(producer)).hint(dump_hint(producer)),
        Blame::Consumer if consumer.end.ok() => Error::new(
            Code::StageFailed,
            format!("{} ended before the dump did", program(&consumer.spec)),
        )
        .hint(GPG_HINT),
        Blame::Consumer => Error::new(Code::StageFailed, ended(consumer)).hint(GPG_HINT),
        Blame::Both => {
            let what = format!("{}, and {}", ended(producer), ended(consumer));
            Error::new(Code::StageFailed, what).hint(dump_hint(producer))
        }
    };
    Some(error.stages(vec![producer.report(), consumer.report()]))
}

const GPG_HINT: &str = "Run `pgseal prove-mechanism` to see whether gpg works on this host.";

pub(crate) fn stopped(stop: Stop) -> Error {
    match stop {
        Stop::Signal(signal) => {
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            Error::new(Code::Interrupted(signal), format!("interrupted by {name}"))
        }
        Stop::Timeout(limit) => Error::new(
            Code::Timeout,
            format!("not done within --timeout {limit:?}"),
        )
        .hint("Give it more time, or look at what the server is waiting for."),
        Stop::Abandoned => Error::new(Code::StageFailed, "given up: what ran beside it failed"),
    }
}

fn program(spec: &CommandSpec) -> &str {
    let path = spec.program();
    path.rsplit('/').next().unwrap_or(path)
}

/// pg_dump speaks English here (LC_ALL=C).
pub(crate) fn dump_hint(outcome: &Outcome) -> &'static str {
    let said = |words: &str| outcome.talk.contains(words);
    // pg_dump turns --lock-wait-timeout into a statement timeout while it locks.
    let waited = said("statement timeout") && said("LOCK TABLE");
    if waited || said("lock timeout") || said("could not obtain lock") {
        "Another session holds a lock on a table: wait for it, or raise --lock-wait."
    } else if said("row-level security") {
        "Connect as the table's owner or with BYPASSRLS."
    } else if said("permission denied") {
        "Grant the role SELECT on what pg_dump names."
    } else if said("no matching tables") || said("does not exist") {
        "A table was dropped or renamed meanwhile: run `pgseal backup --dry-run` again."
    } else {
        "What pg_dump said is above; the command can be run by hand."
    }
}
