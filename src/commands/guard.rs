//! `pgseal guard -- COMMAND`: a backup that verifies, and only then the risky write.

use crate::backup::finished::FinishedBackup;
use crate::backup::run::{self, new_run_id};
use crate::backup::second_mark;
use crate::base::error::{Code, Error, Result};
use crate::base::exit::Exit;
use crate::base::meter::Meter;
use crate::base::threads::caught;
use crate::commands::artifact::require_verified;
use crate::config::guard::{After, Guard};
use crate::config::settings::Config;
use crate::process::cancel::{Cancel, stopped};
use crate::process::exec::Program;
use crate::process::foreground::{self, Ended};
use crate::report::print::{self, Answer};
use crate::store::envelope_file::EnvelopeFile;
use std::path::Path;

/// A backup is there and verifies: COMMAND may run.
pub(crate) struct Ready {
    pub notes: Vec<String>,
    finished: FinishedBackup,
    program: Program,
    /// As `backup` prints it.
    envelope: String,
    /// What proves the backup to `undo`.
    origin: String,
}

pub(crate) fn prepare(
    args: &Guard,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Ready> {
    const NOTHING: &str = "nothing was written to the store";
    let program = Program::find(&args.command, &config.env);
    let program = program.map_err(|error| error.on_disk(NOTHING))?;
    let envelope_file = args.envelope_file.as_deref().map(EnvelopeFile::create);
    let envelope_file = envelope_file.transpose();
    let envelope_file = envelope_file.map_err(|error| error.on_disk(NOTHING))?;
    let run_id = args.run_id.clone().map_or_else(new_run_id, Ok)?;
    let prepared = run::prepare(run_id.clone(), config, cancel)?;
    let replay = prepared.gathered.catalog.session.replay.as_ref();
    if let Some(replay) = replay.filter(|_| !args.allow_standby) {
        let what = format!("the server is a standby, which may lag behind its primary: {replay}");
        return Err(Error::new(Code::Database, what)
            .on_disk(NOTHING)
            .hint("Connect to the primary, or accept what the standby has with --allow-standby."));
    }
    let finished = prepared.run(config, cancel, meter)?;
    let kept = |error: Error| error.on_disk(finished.kept());
    require_verified("the backup", &run_id, &finished, config, cancel).map_err(kept)?;
    let envelope = print::json_line(&finished.manifest.envelope).map_err(kept)?;
    if let Some(file) = envelope_file {
        file.write(&envelope).map_err(kept)?;
    }
    let kept = args.envelope_file.as_deref().and_then(Path::to_str);
    let origin = match kept {
        Some(kept) => format!("--envelope={kept}"),
        None => format!("--sha256={}", finished.manifest.envelope.sha256),
    };
    let mut notes = finished.notes();
    notes.push("it verifies: what is in the store is what was sealed".into());
    Ok(Ready {
        notes,
        finished,
        program,
        envelope,
        origin,
    })
}

impl Ready {
    /// Runs COMMAND, and answers with its status. An error where COMMAND did not run.
    pub(crate) fn run(self, after: After, config: &Config, cancel: &Cancel) -> Result<Answer> {
        let kept = |error: Error| error.on_disk(self.finished.kept());
        match after {
            After::None => Err(kept(self.hand_over(config, cancel))),
            After::Mark => self.watch(config, cancel).map_err(kept),
        }
    }

    /// Environment variables that tell COMMAND of the backup.
    fn variables(&self) -> [(&str, &str); 3] {
        let manifest = &self.finished.manifest;
        [
            ("PGSEAL_RUN_ID", &manifest.run_id),
            ("PGSEAL_ARTIFACT", &manifest.envelope.artifact_ref),
            ("PGSEAL_ENVELOPE", self.envelope.trim_end()),
        ]
    }

    /// Becomes COMMAND. Returns only where that failed, and then COMMAND did not run.
    fn hand_over(&self, config: &Config, cancel: &Cancel) -> Error {
        // A signal that came before is seen by the look behind this; one that comes later ends us at once.
        cancel.restore_default_signals();
        match cancel.stop() {
            Some(stop) => stopped(stop),
            None => self.program.hand_over(&config.env, self.variables()),
        }
    }

    /// Stays COMMAND's parent, and tells what it wrote.
    fn watch(&self, config: &Config, cancel: &Cancel) -> Result<Answer> {
        let ended = foreground::run(&self.program, &config.env, self.variables(), cancel)?;
        // They were COMMAND's, and so was the time that it took.
        cancel.forget_signals();
        let cancel = cancel.with_limit(config.timeout);
        let notes = caught(|| second_mark::take(&self.finished, &self.origin, config, &cancel));
        Ok(Answer {
            notes: notes.unwrap_or_else(|bug| print::warnings(&[bug.message])),
            exit: match ended {
                Ended::Code(code) => Exit::Command(code as u8),
                Ended::Signal(signal) => Exit::CommandKilled(signal),
            },
            ..Answer::yes(String::new())
        })
    }
}
