//! `pgseal guard -- COMMAND`: a backup that verifies, and only then the risky write.

use crate::backup::run::{self, FinishedBackup, new_run_id};
use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::names::RunOrPath;
use crate::commands::artifact::trusted_keys;
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::{Cancel, stopped};
use crate::process::exec;
use crate::report::print;
use crate::report::progress::Progress;
use crate::report::proof::Verdict;
use crate::store::envelope::Envelope;
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::origin::Origin;
use crate::verify::without_key;
use std::ffi::OsString;

/// A backup is there and verifies: COMMAND may run.
pub(crate) struct Ready {
    pub notes: Vec<String>,
    run_id: String,
    envelope: Envelope,
}

pub(crate) fn prepare(
    args: &cli::Guard,
    config: &Config,
    cancel: &Cancel,
    show: &mut dyn FnMut(&Progress, u64),
) -> Result<Ready> {
    let run_id = match &args.run_id {
        Some(run_id) => run_id.clone(),
        None => new_run_id()?,
    };
    let prepared = run::prepare(run_id.clone(), config, cancel)?;
    let FinishedBackup { manifest, warnings } = prepared.run(config, cancel, show)?;
    let mut notes = print::warnings(&warnings);
    notes.extend(crate::report::backup::summary(&manifest));
    let mut ready = Ready {
        notes,
        run_id: manifest.run_id,
        envelope: manifest.envelope,
    };
    // By what we hold in memory, not by what lies beside the artifact.
    let kept = Origin {
        envelope: Some(Ok(ready.envelope.clone())),
        trusted: trusted_keys(config),
        ..Origin::default()
    };
    let verification = ArtifactFiles::find(&RunOrPath::Run(run_id), &config.store)
        .and_then(|subject| without_key::verify_files(subject, &kept, cancel))
        .map_err(|error| error.on_disk(ready.kept()))?;
    if verification.verdict() != Verdict::Pass {
        let what = format!(
            "the backup does not verify: {}",
            verification.failed().join("; ")
        );
        return Err(Error::new(Code::NotVerified, what)
            .on_disk(ready.kept())
            .hint("Look for a disk that loses writes, or for somebody else in the store."));
    }
    let verified = "it verifies: what is in the store is what was sealed";
    ready.notes.push(verified.into());
    Ok(ready)
}

impl Ready {
    /// Becomes COMMAND. Returns only where that failed, and then COMMAND did not run.
    pub(crate) fn hand_over(self, command: &[OsString], env: &Env, cancel: &Cancel) -> Error {
        let Some((program, args)) = command.split_first() else {
            return Error::new(Code::Usage, "no COMMAND");
        };
        let envelope = match print::json_line(&self.envelope) {
            Ok(envelope) => envelope,
            Err(error) => return error,
        };
        let told = [
            ("PGSEAL_RUN_ID", self.run_id.as_str()),
            ("PGSEAL_ARTIFACT", self.envelope.artifact_ref.as_str()),
            ("PGSEAL_ENVELOPE", envelope.trim_end()),
        ];
        // A signal before this is seen by the look after it, one later ends us at once.
        cancel.restore_default_signals();
        if let Some(stop) = cancel.stop() {
            return stopped(stop).on_disk(self.kept());
        }
        let err = exec::hand_over((program, args), env, told);
        let what = format!("`{}` could not be started: {err}", program.display());
        Error::new(Code::ToolUnfit, what)
            .on_disk(self.kept())
            .hint("Nothing was run: check the command's name and PATH.")
    }

    fn kept(&self) -> String {
        format!("the backup is kept: `{}`", self.envelope.artifact_ref)
    }
}
