//! A restore into a database, in one transaction that is committed only if all came back.
//!
//! ```text
//!  artifact ──feed──▶ gpg ──pipe──▶ tap ──pipe──▶ psql ──▶ rows as they are in the target
//!            hash      decrypts      inflate, hash, scan;        │ digested, compared
//!                                    COMMIT is its last word ◀───┘
//! ```
//!
//! The artifact's SQL runs with the rights of the restoring role, so who sealed it is proved
//! before this room is entered. What is checked here protects against damage and accidents.

use crate::base::error::{Code, Error, Result};
use crate::base::random;
use crate::gnupg::compression::Compression;
use crate::pg;
use crate::pg::closure::ExternalReference;
use crate::pg::connection::Connection;
use crate::pg::prelude::late;
use crate::pg::row_digest::DigestKey;
use crate::pg::session::WrittenUnder;
use crate::process::cancel::Cancel;
use crate::process::find::Tool;
use crate::process::pipe::pipe;
use crate::process::status_lines::StatusLines;
use crate::report::findings::Findings;
use crate::restore::answers::AnswerReader;
use crate::restore::editor::DumpEditor;
use crate::restore::missing;
use crate::restore::omissions::Omissions;
use crate::restore::outcome;
use crate::restore::script::TransactionScript;
use crate::restore::selection::{Chosen, Selection};
use crate::restore::stream::{Commit, Compared, PreludeText, RestoreTap};
use crate::restore::target::{self, TargetDatabase};
use crate::store::manifest::Manifest;
use crate::verify::dump_source::DumpSource;
use crate::verify::plaintext::{Content, plaintext_of};
use crate::verify::verification::Surrounding;
use std::sync::mpsc::channel;

/// What a restore did.
pub(crate) struct Restored {
    pub target: TargetDatabase,
    pub tables: Vec<Compared>,
    /// Statements that were left out, and why.
    pub omitted: Vec<String>,
    /// What the backup never held.
    pub not_restored: Vec<String>,
    /// References that nobody could look up.
    pub unknown: Vec<ExternalReference>,
    pub prelude: bool,
    /// What was proved of the artifact on the way.
    pub findings: Findings,
}

/// How it came out where nothing failed.
pub(crate) enum RestoreOutcome {
    Committed(Box<Restored>),
    /// Rolled back: a table is not what was sealed.
    Differs(Vec<Compared>, Error),
}

/// How it is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RestoreOptions {
    pub skip_external: bool,
    /// The server may be older than the pg_dump that wrote the dump.
    pub older_target: bool,
    /// Into a target of our own, which has nothing but what the backup brings.
    pub proof: bool,
    /// The prelude is run only if it is bound to the artifact, whose origin is proved.
    pub prelude_must_be_bound: bool,
}

/// A target that can take the backup.
pub(crate) struct RestorePlan {
    target: TargetDatabase,
    omissions: Omissions,
    unknown: Vec<ExternalReference>,
    options: RestoreOptions,
    /// None: all of them.
    selection: Option<Selection>,
}

/// Asks the database, and refuses one that has too much or too little.
pub(crate) fn plan(
    manifest: &Manifest,
    connection: &Connection,
    options: RestoreOptions,
    chosen: Chosen,
    cancel: &Cancel,
) -> Result<RestorePlan> {
    let target = target::ask(connection, manifest, cancel)?;
    let chosen = if target.was_backed_up(manifest) {
        chosen.without_sequences(manifest, &target.sequences)
    } else {
        chosen
    };
    target.check(manifest, &chosen, options)?;
    let (lacking, unknown) = target.missing(manifest);
    let omissions = missing::resolve(&lacking, options).map_err(|error| {
        // A throw-away database is nobody's.
        if options.proof {
            return error;
        }
        let message = format!("{} ({})", error.message, target.place());
        Error { message, ..error }
    })?;
    let omissions = if target.is_older_than_the_dump(manifest) {
        omissions.with_settings_of(&target.settings)
    } else {
        omissions
    };
    Ok(RestorePlan {
        omissions,
        unknown: unknown.into_iter().cloned().collect(),
        selection: (!chosen.is_all_of(manifest)).then(|| Selection::new(chosen, &target.sequences)),
        target,
        options,
    })
}

/// Refuses a prelude that the proof of the artifact's origin does not cover.
pub(crate) fn prelude_unproved() -> Error {
    let what =
        "nothing proves who sealed the prelude: the artifact does not say that it is its own";
    Error::new(Code::OriginUnproved, what).hint(
        "Restore without it, where the database has what it would bring: --no-prelude.\n      \
         Only if you made sure in another way: --origin-unproved; its SQL then runs with your rights.",
    )
}

/// Restores into the database: all of it, or nothing.
pub(crate) fn restore(
    plan: RestorePlan,
    manifest: &Manifest,
    surrounding: Surrounding,
    dump: &DumpSource<'_>,
    connection: &Connection,
) -> Result<RestoreOutcome> {
    let compression = Compression::parse(&manifest.compression)
        .map_err(|why| Error::new(Code::NotVerified, format!("the manifest: {why}")))?;
    let encoding = manifest.plaintext.encoding;
    let under = WrittenUnder {
        encoding,
        lc_monetary: manifest.lc_monetary(),
    };
    let pinned = pg::session::restoring(under, &plan.target.user);
    let script = TransactionScript::new(random::bytes()?, pinned);
    let digest_key = DigestKey::random()?;
    let (to, answers) = channel();
    let commit = Commit::default();
    let Surrounding { prelude, late } = surrounding;
    let has_prelude = prelude.is_some();
    let late = late.as_deref().map(late::parts).transpose();
    let late = late.map_err(|why| Error::new(Code::NotVerified, why))?;
    let tap = RestoreTap {
        opened: dump.opened,
        inflate: plaintext_of(compression)?,
        content: Some(Content::new(manifest, &dump.meter)),
        editor: DumpEditor::new(script.clone(), plan.omissions, digest_key)
            .with_late(late.unwrap_or_default())
            .with_selection(plan.selection),
        script: script.clone(),
        manifest: manifest.clone(),
        without_prelude: manifest.prelude.is_some() && prelude.is_none(),
        prelude: prelude.map(|prelude| PreludeText {
            prelude,
            must_be_bound: plan.options.prelude_must_be_bound,
        }),
        answers,
        status: StatusLines::default(),
        begun: false,
        meter: dump.meter.clone(),
        findings: Findings::default(),
        compared: Vec::new(),
        server_started: plan.target.server_started.clone(),
        commit: commit.clone(),
    };
    let psql = connection.tool(Tool::Psql)?;
    let psql = pg::command::restorer(&psql, connection, encoding);
    let piped = pipe(
        dump.source()?,
        [&dump.spec, &psql],
        tap,
        AnswerReader::new(script, digest_key, to),
        dump.cancel,
    );
    if let Some(error) = outcome::failure(&piped, &commit, connection, dump.opened) {
        let compared = piped.tap.map(|(tap, _)| tap.compared).unwrap_or_default();
        return if compared.iter().all(|table| table.equal) {
            Err(error)
        } else {
            Ok(RestoreOutcome::Differs(compared, error))
        };
    }
    let Some((tap, _)) = piped.tap else {
        let what = "the stream was not read to its end";
        return Err(Error::new(Code::StageFailed, what).on_disk(outcome::COMMITTED));
    };
    let mut omitted = outcome::prelude_omissions(&piped.consumer.stderr, &tap.editor);
    omitted.extend(tap.editor.omitted);
    Ok(RestoreOutcome::Committed(Box::new(Restored {
        target: plan.target,
        tables: tap.compared,
        omitted,
        not_restored: outcome::not_in_the_backup(manifest),
        unknown: plan.unknown,
        prelude: has_prelude,
        findings: tap.findings,
    })))
}
