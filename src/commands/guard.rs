//! `pgseal guard -- COMMAND`: a backup that verifies, and only then the risky write.

use crate::backup::run::{self, FinishedBackup, new_run_id};
use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::commands::artifact::verify_sealed;
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::{Cancel, stopped};
use crate::process::exec;
use crate::report::print;
use crate::report::proof::Verdict;
use std::ffi::OsString;

/// A backup is there and verifies: COMMAND may run.
pub(crate) struct Ready {
    pub notes: Vec<String>,
    finished: FinishedBackup,
}

pub(crate) fn prepare(
    args: &cli::Guard,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Ready> {
    let run_id = args.run_id.clone().map_or_else(new_run_id, Ok)?;
    let prepared = run::prepare(run_id.clone(), config, cancel)?;
    let replay = prepared.gathered.catalog.session.replay.as_ref();
    if let Some(replay) = replay.filter(|_| !args.allow_standby) {
        let what = format!("the server is a standby, which may lag behind its primary: {replay}");
        return Err(Error::new(Code::Database, what)
            .on_disk("nothing was written to the store")
            .hint("Connect to the primary, or accept what the standby has with --allow-standby."));
    }
    let finished = prepared.run(config, cancel, meter)?;
    let verification = verify_sealed(&run_id, &finished, config, cancel)
        .map_err(|error| error.on_disk(finished.kept()))?;
    if verification.verdict() != Verdict::Pass {
        let what = format!(
            "the backup does not verify: {}",
            verification.failed().join("; ")
        );
        return Err(Error::new(Code::NotVerified, what)
            .on_disk(finished.kept())
            .hint("Look for a disk that loses writes, or for somebody else in the store."));
    }
    let mut notes = finished.notes();
    notes.push("it verifies: what is in the store is what was sealed".into());
    Ok(Ready { notes, finished })
}

impl Ready {
    /// Becomes COMMAND. Returns only where that failed, and then COMMAND did not run.
    pub(crate) fn hand_over(self, command: &[OsString], env: &Env, cancel: &Cancel) -> Error {
        let Some((program, args)) = command.split_first() else {
            return Error::new(Code::Usage, "no COMMAND");
        };
        let manifest = &self.finished.manifest;
        let envelope = match print::json_line(&manifest.envelope) {
            Ok(envelope) => envelope,
            Err(error) => return error,
        };
        let told = [
            ("PGSEAL_RUN_ID", manifest.run_id.as_str()),
            ("PGSEAL_ARTIFACT", manifest.envelope.artifact_ref.as_str()),
            ("PGSEAL_ENVELOPE", envelope.trim_end()),
        ];
        // A signal before this is seen by the look after it, one later ends us at once.
        cancel.restore_default_signals();
        if let Some(stop) = cancel.stop() {
            return stopped(stop).on_disk(self.finished.kept());
        }
        let err = exec::hand_over(program, args, env, told);
        let what = format!("`{}` could not be started", program.display());
        let error = Error::not_started(&what, &err).on_disk(self.finished.kept());
        if error.code == Code::ToolUnfit {
            return error.hint("Nothing was run: check the command's name and PATH.");
        }
        error
    }
}
