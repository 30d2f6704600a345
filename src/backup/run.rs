//! One backup from start to manifest: whole under its final name, or not there.

use crate::backup::encrypt::{DumpJob, encrypt_dump};
use crate::backup::finished::FinishedBackup;
use crate::backup::gather::{Gathered, gather};
use crate::backup::manifest::{Began, Encrypted, manifest};
use crate::backup::plan::PreludePlan;
use crate::backup::prelude::{encrypt_empty, encrypt_prelude};
use crate::backup::restorability::Restorability;
use crate::backup::text::{Text, encrypt_text};
use crate::base::error::{Code, Error, Result};
use crate::base::meter::{End, Meter};
use crate::base::names::RunId;
use crate::base::random;
use crate::base::threads::{self, joined};
use crate::config::settings::Config;
use crate::gnupg::binding::PreludeBinding;
use crate::gnupg::signer::Signer;
use crate::pg::server;
use crate::process::cancel::{self, Cancel};
use crate::process::pair;
use crate::report::print;
use crate::store::folder::Store;
use crate::store::manifest::{Envelope, Manifest};
use crate::store::partial::{Partial, Published, Synced};
use crate::store::run_files::RunFile;
use jiff::Timestamp;
use std::thread;

pub(crate) fn new_run_id() -> Result<RunId> {
    Ok(RunId::generate(Timestamp::now(), random::bytes()?))
}

/// A backup that may start: the store is locked, and nothing speaks against it.
pub(crate) struct PreparedBackup {
    pub began: Began,
    store: Store,
    swept: Vec<String>,
    pub gathered: Gathered,
    /// The run that is about to be undone, where that is why.
    pub undo_of: Option<String>,
}

pub(crate) fn prepare(run_id: RunId, config: &Config, cancel: &Cancel) -> Result<PreparedBackup> {
    let began = Began::now();
    let store = Store::open(&config.store)?;
    store.lock()?;
    store.check_free(&run_id)?;
    let swept = store.sweep()?;
    let gathered = gather(config, run_id, cancel)?;
    Ok(PreparedBackup {
        began,
        store,
        swept,
        gathered,
        undo_of: None,
    })
}

impl PreparedBackup {
    pub(crate) fn run(
        self,
        config: &Config,
        cancel: &Cancel,
        meter: &Meter,
    ) -> Result<FinishedBackup> {
        let PreparedBackup {
            began,
            store,
            swept,
            gathered,
            undo_of,
        } = self;
        let place = gathered.catalog.place();
        let name = gathered.plan.artifact_name();
        let path = store.path(&name);
        let nothing = format!("nothing was written to `{}`", path.display());
        let failed = |error: Error| {
            let count = gathered.plan.tables.len();
            let what = match &gathered.plan.tables[..] {
                [table] => format!("cannot back up `{table}` ({place})"),
                _ => format!("cannot back up {count} tables ({place})"),
            };
            let locks = gathered.locks();
            let error = gathered.catalog.server.lock_table.explained(locks, error);
            error.while_doing(&what).on_disk(nothing.clone())
        };
        let estimate = gathered.catalog.bytes_estimate();
        meter.begin(Some("waiting for pg_dump"), End::About(estimate));
        let encrypted = encrypt_both(&gathered, &store, cancel, meter).map_err(&failed)?;
        let written = &encrypted.dump.written;
        let envelope = Envelope {
            sha256: written.sha256.clone(),
            size_bytes: written.size_bytes,
            gpg_fpr: gathered.plan.recipients[0].to_string(),
            artifact_ref: path.display().to_string(),
        };
        let manifest = Manifest {
            undo_of,
            ..manifest(&gathered, envelope, &encrypted, &began)
        };
        // The prelude may lack what it was to hold.
        let restorability = Restorability::of(
            &config.restorable,
            &manifest.external_references,
            &gathered.closure,
            gathered.newer.as_ref(),
        );
        restorability.check(&config.restorable).map_err(&failed)?;
        let unsynced = Unsynced {
            artifact: encrypted.dump.written.file,
            prelude: encrypted.prelude.map(|prelude| prelude.written.file),
            late: encrypted.late.map(|late| late.file),
        };
        let (synced, same) = thread::scope(|scope| {
            let same = threads::spawn(scope, || still_the_same(&gathered, cancel));
            let synced = unsynced.sync(&store, &manifest, gathered.signer.as_ref(), cancel);
            (synced, joined(same))
        });
        let synced = synced.map_err(&failed)?;
        same.map_err(&failed)?;
        let mut published = Vec::new();
        for file in synced.files {
            published.push(file.publish().map_err(&failed)?);
        }
        store.sync().map_err(&failed)?;
        // The last moment at which we may still be stopped.
        if let Some(stop) = cancel.stop() {
            return Err(failed(cancel::stopped(stop)));
        }
        published.push(synced.manifest.publish().map_err(&failed)?);
        published.into_iter().for_each(Published::keep);
        store.sync().map_err(|error| {
            error.on_disk(format!(
                "`{}` and its manifest are complete, but may not outlive a power cut",
                path.display()
            ))
        })?;
        let mut warnings = gathered.warnings;
        warnings.extend(store.exposed());
        if !swept.is_empty() {
            let swept = swept.join(", ");
            warnings.push(format!("removed what an earlier run left behind: {swept}"));
        }
        Ok(FinishedBackup {
            manifest,
            place,
            targets: gathered.plan.tables,
            connection: gathered.connection,
            signer: gathered.signer,
            warnings,
            restorability,
        })
    }
}

/// The dump, and beside it what its tables need around them.
fn encrypt_both(
    gathered: &Gathered,
    store: &Store,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Encrypted> {
    let (plan, expected) = (&gathered.plan, gathered.expected()?);
    let artifact = store.partial(&plan.artifact_name())?;
    let job = |dump| DumpJob {
        specs: [dump, &plan.encrypt],
        compression: plan.compression,
        recipients: &expected,
    };
    if matches!(plan.prelude, PreludePlan::None) {
        let (job, alone) = (job(&plan.dump), PreludeBinding::Alone);
        let dump = encrypt_dump(&job, gathered.scan(), &alone, artifact, cancel, meter)?;
        return Ok(Encrypted {
            dump,
            prelude: None,
            late: None,
        });
    }
    let binding = PreludeBinding::random()?;
    let file = store.partial(&plan.prelude_name())?;
    let dump = |cancel: &Cancel| {
        let job = job(&plan.dump);
        encrypt_dump(&job, gathered.scan(), &binding, artifact, cancel, meter)
    };
    let prelude = |cancel: &Cancel| match &plan.prelude {
        PreludePlan::Of(dump) => {
            let job = job(dump);
            encrypt_prelude(&job, &gathered.closure, &binding, file, cancel)
        }
        PreludePlan::None | PreludePlan::Empty => {
            encrypt_empty(&job(&plan.dump), &binding, file, cancel)
        }
    };
    let (dump, prelude) = pair::pair(cancel, dump, prelude)?;
    let late = prelude.late.as_ref().map(|text| {
        let file = store.partial(&plan.late_name())?;
        let what = "the late file";
        let text = Text { what, sql: text };
        encrypt_text(&job(&plan.dump), &text, &binding, file, cancel)
    });
    Ok(Encrypted {
        dump,
        late: late.transpose()?,
        prelude: Some(prelude),
    })
}

/// What was sealed, and is not known to be on disk.
struct Unsynced {
    artifact: Partial,
    prelude: Option<Partial>,
    late: Option<Partial>,
}

/// All files of a run on disk, and still without their names.
struct AllSynced {
    files: Vec<Synced>,
    /// Apart, since its name is what makes the run complete.
    manifest: Synced,
}

impl Unsynced {
    fn sync(
        self,
        store: &Store,
        manifest: &Manifest,
        signer: Option<&Signer>,
        cancel: &Cancel,
    ) -> Result<AllSynced> {
        let mut files = vec![self.artifact.sync()?];
        for file in [self.prelude, self.late].into_iter().flatten() {
            files.push(file.sync()?);
        }
        let bytes = print::json_pretty(manifest)?.into_bytes();
        let written = |file: RunFile, bytes: &[u8]| {
            let mut file = store.partial(&file.of(&manifest.run_id))?;
            file.write(bytes)?;
            file.sync()
        };
        if let Some(signer) = signer {
            // It could sign before the dump: what keeps it from signing now is a failed stage.
            let signature = signer
                .sign(&bytes, cancel)
                .map_err(|error| match error.code {
                    Code::KeyUnfit => Error {
                        code: Code::StageFailed,
                        ..error
                    },
                    _ => error,
                })?;
            files.push(written(RunFile::Signature, &signature)?);
        }
        let manifest = written(RunFile::Manifest, &bytes)?;
        Ok(AllSynced { files, manifest })
    }
}

/// A partition attached, or a child created, while the dump ran is not in it.
fn still_the_same(gathered: &Gathered, cancel: &Cancel) -> Result<()> {
    let after = server::catalog(&gathered.connection, &gathered.plan.tables, cancel)?;
    let before = &gathered.catalog;
    if !before.mark.may_precede(&after.mark) {
        return Err(Error::new(
            Code::StageFailed,
            "another server, or another timeline, answers than before the dump",
        )
        .hint("Name one host, or add target_session_attrs=primary to the connection."));
    }
    let (before, after) = (before.identities(), after.identities());
    let changed = before.symmetric_difference(&after).next();
    match changed {
        None => Ok(()),
        Some((_, table)) => Err(Error::new(
            Code::StageFailed,
            format!("`{table}` was attached, detached, created or dropped while the dump ran"),
        )
        .hint("Take the backup again, when nobody changes these tables' structure.")),
    }
}
