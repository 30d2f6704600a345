//! Back into a database, in one transaction that ends well only if everything was as sealed.
//!
//! ```text
//!  artifact ──feed──▶ gpg ──pipe──▶ tap ──pipe──▶ psql ──▶ rows as counted there
//!            hash      decrypts      inflate, hash, scan, judge; COMMIT is the tap's last word
//! ```
//!
//! Anybody with the public key can make an artifact, so the stream is taken for hostile: psql is
//! given only statements that [`statement`] could read in one way and [`rules`] let pass, and an
//! end of input without the last word rolls all back.

mod allowed;
mod changed;
mod digest;
pub(crate) mod fingerprint;
mod gate;
mod prelude;
pub(crate) mod rules;
mod statement;
mod tap;
pub(crate) mod target;
pub(crate) mod words;

use crate::compression::Compression;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::manifest::{ExternalReference, Manifest, Table};
use crate::names::TableName;
use crate::pg;
use crate::pipeline::{Blame, Piped, blame, pipe_from};
use crate::random;
use crate::seal::stopped;
use crate::tools::{self, Tool};
use crate::verify::{Ciphertext, Key, Sound, opens, plaintext_of};
use crate::watch::Watch;
use digest::Sum;
use gate::{Frame, Gate};
use rules::{Missing, Part, Rules};
use serde::Serialize;
use tap::{Answer, Content, RestoreTap};
use target::Target;

/// One table as it was counted in the target before the transaction ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rows {
    pub table: String,
    pub rows: u64,
}

/// What a restore did.
pub(crate) struct Restored {
    pub target: Target,
    pub tables: Vec<Rows>,
    /// Statements that were left out.
    pub skipped: Vec<String>,
    /// References that nobody could look up.
    pub unknown: Vec<ExternalReference>,
    /// By table, where they were asked for.
    pub sums: Vec<(TableName, Sum)>,
    pub prelude: bool,
}

/// How it is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct How {
    pub skip_external: bool,
    /// Into a target of our own, which has nothing but what the backup brings: a digest of every
    /// table is taken too.
    pub proof: bool,
}

/// A target that can take the backup.
pub(crate) struct Ready {
    target: Target,
    missing: Missing,
    unknown: Vec<ExternalReference>,
    how: How,
}

/// Asks the database of `config`, and refuses one that has too much or too little.
pub(crate) fn ready(
    manifest: &Manifest,
    config: &Config,
    how: How,
    watch: &Watch,
) -> Result<Ready> {
    let target = target::ask(config, manifest, watch)?;
    target.check(manifest)?;
    let (lacks, unknown) = target.missing(manifest);
    Ok(Ready {
        missing: target::settle(&lacks, how)?,
        unknown: unknown.into_iter().cloned().collect(),
        target,
        how,
    })
}

/// Restores into the database of `config`: all of it, or nothing. What is restored was decrypted
/// before and found whole, and is held against that once more.
pub(crate) fn restore(
    ready: Ready,
    sound: &Sound<'_>,
    key: &Key<'_>,
    config: &Config,
) -> Result<Restored> {
    let manifest = sound.manifest;
    let Ready {
        target,
        missing,
        unknown,
        how,
    } = ready;

    let pins = pg::session::restoring(manifest.lc_monetary());
    let frame = Frame::new(random::bytes()?);
    let mut head = frame.head(&pins).into_bytes();
    let mut skipped = Vec::new();
    if sound.prelude.is_some() {
        let unopened = || Error::new(Code::NotVerified, "the prelude was not opened");
        let sql = sound.prelude_sql.ok_or_else(unopened)?;
        let (text, left_out) = prelude::judged(sql, missing.clone())?;
        head.extend(text);
        skipped.extend(left_out);
    }
    head.extend_from_slice(gate::SETTINGS.as_bytes());
    let stored: Vec<&Table> = manifest.stored().collect();
    let compression = Compression::parse(&manifest.compression)
        .map_err(|why| Error::new(Code::NotVerified, format!("the manifest: {why}")))?;
    let gate = Gate::new(tables_rules(sound, missing), how.proof);
    let tap = RestoreTap {
        inflate: plaintext_of(compression)?,
        content: Content::new(manifest, gate),
        head,
        tail: frame.tail(&stored).into_bytes(),
        plaintext_sha256: manifest.plaintext.sha256.clone(),
        tables: manifest.tables.clone(),
        blocks: Vec::new(),
        committed: false,
    };
    let psql = tools::find(Tool::Psql, &config.env)?;
    let psql = pg::restorer(&psql, config);
    let piped = pipe_from(
        Some(Ciphertext::new(sound.artifact, key)?),
        [&key.spec, &psql],
        tap,
        Answer::default(),
        key.watch,
        &mut || {},
    );
    if let Some(error) = failure(&piped, sound)? {
        let answer = piped.sink.as_ref().map_or(&[][..], |(answer, _)| &answer.0);
        return Err(match unequal(&frame.counts(answer), &stored) {
            Some(why) => Error::new(Code::NotVerified, why)
                .hint("Something in the target changes rows as they come: look for event triggers.")
                .disk(ROLLED_BACK)
                .stages(error.stages),
            None => error,
        });
    }
    skipped.extend(left_out(&piped.consumer.talk));
    let (Some((tap, _)), Some((answer, _))) = (piped.tap, piped.sink) else {
        return Err(Error::new(
            Code::StageFailed,
            "the stream was not read to its end",
        ));
    };
    let counts = frame.counts(&answer.0);
    let rows = |at: usize| counts.iter().find(|(place, _)| *place == at);
    let tables = stored.iter().enumerate().map(|(at, table)| {
        let name = table.table().to_string();
        match rows(at) {
            Some((_, rows)) => Ok(Rows {
                table: name,
                rows: *rows,
            }),
            None => Err(Error::new(
                Code::StageFailed,
                format!("psql did not count `{name}`"),
            )),
        }
    });
    let tables: Vec<Rows> = tables.collect::<Result<_>>()?;
    let gate = tap.content.gate;
    let names = tap.blocks.into_iter().map(|block| block.table);
    let sums = names.zip(gate.sums()).collect();
    skipped.extend(gate.skipped);
    Ok(Restored {
        target,
        tables,
        skipped,
        unknown,
        sums,
        prelude: sound.prelude.is_some(),
    })
}

/// What the prelude's blocks left out for want of a role.
fn left_out(talk: &str) -> Vec<String> {
    let said = talk
        .lines()
        .filter_map(|line| line.split_once("pgseal: left out: "));
    said.map(|(_, what)| format!("prelude: {what}")).collect()
}

fn tables_rules(sound: &Sound<'_>, missing: Missing) -> Rules {
    let scope = sound.manifest.tables.iter().map(Table::table);
    Rules::new(Part::Tables, scope, missing)
}

/// The tables whose rows in the target are not those of the manifest: then the latch stays shut.
fn unequal(counts: &[(usize, u64)], stored: &[&Table]) -> Option<String> {
    let wrong = counts.iter().filter_map(|(at, rows)| {
        let table = stored.get(*at).filter(|table| table.rows != *rows)?;
        let (name, said) = (table.table(), table.rows);
        Some(format!(
            "`{name}` has {rows} rows in the target, the manifest says {said}"
        ))
    });
    let wrong: Vec<String> = wrong.collect();
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

const ROLLED_BACK: &str = "nothing was changed in the target: the transaction was rolled back";

/// The error that names the cause. All is rolled back but where the last word was said and
/// nobody knows what became of it.
fn failure(piped: &Piped<RestoreTap, Answer>, sound: &Sound<'_>) -> Result<Option<Error>> {
    let [gpg, psql] = [&piped.producer, &piped.consumer];
    let said = piped.tap.as_ref().is_some_and(|(tap, _)| tap.committed);
    if said && gpg.end.ok() && psql.end.ok() {
        return Ok(None);
    }
    let sealed = |why: String| Error::new(Code::NotVerified, why);
    let error = match blame(piped) {
        Blame::Nobody => sealed("it was not read to its end".into()),
        Blame::Stopped(stop) => stopped(stop),
        Blame::NotStarted(at, why) => {
            let program = [gpg, psql][at].spec.program();
            let what = format!("`{program}` could not be started: {why}");
            Error::new(Code::ToolUnfit, what).hint("Reinstall it, or take it out of PATH.")
        }
        Blame::Source(error) | Blame::Sink(error) | Blame::Tap(error) => error,
        Blame::Producer | Blame::Both => match opens(gpg, sound.manifest)? {
            Err(why) => sealed(format!("the artifact cannot be decrypted: {why}")),
            Ok(()) => sealed("gpg and psql failed".into()),
        },
        Blame::Consumer => Error::new(Code::StageFailed, format!("psql ended with {}", psql.end))
            .hint("What psql said is above; the target lacks what it names, or forbids it."),
    };
    // psql exits with 3 for an error of a statement, which the server has rolled back; and where
    // it was told to end, whatever became of the COMMIT.
    let unknown = said && (psql.stopped || psql.end != crate::pipeline::End::Code(3));
    let disk = match unknown {
        true => "whether the transaction was committed is not known: look for the tables",
        false => ROLLED_BACK,
    };
    Ok(Some(
        error.stages(vec![gpg.report(), psql.report()]).disk(disk),
    ))
}
