//! The one error type: what went wrong, which stages ran, what is on disk, what to do.

use crate::base::exit::Exit;
use crate::base::hint::{Given, Hints};
use serde::Serialize;

/// The documented values of `error.code` (docs/errors.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Usage,
    Setting,
    /// A file that the command line names.
    Input,
    ToolMissing,
    ToolUnfit,
    KeyUnfit,
    TableUnfit,
    NotRestorable,
    Database,
    StageFailed,
    Timeout,
    Store,
    Disk,
    RunIdTaken,
    LockHeld,
    Output,
    NotFound,
    NotVerified,
    OriginUnproved,
    UndoRefused,
    PlanChanged,
    Interrupted(i32),
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Code::Usage => "usage",
            Code::Setting => "setting",
            Code::Input => "input",
            Code::ToolMissing => "tool_missing",
            Code::ToolUnfit => "tool_unfit",
            Code::KeyUnfit => "key_unfit",
            Code::TableUnfit => "table_unfit",
            Code::NotRestorable => "not_restorable",
            Code::Database => "database",
            Code::StageFailed => "stage_failed",
            Code::Timeout => "timeout",
            Code::Store => "store",
            Code::Disk => "disk",
            Code::RunIdTaken => "run_id_taken",
            Code::LockHeld => "lock_held",
            Code::Output => "output",
            Code::NotFound => "not_found",
            Code::NotVerified => "not_verified",
            Code::OriginUnproved => "origin_unproved",
            Code::UndoRefused => "undo_refused",
            Code::PlanChanged => "plan_changed",
            Code::Interrupted(_) => "interrupted",
        }
    }

    pub(crate) fn exit(self) -> Exit {
        match self {
            Code::Usage => Exit::Usage,
            Code::Setting
            | Code::Input
            | Code::ToolMissing
            | Code::ToolUnfit
            | Code::KeyUnfit
            | Code::TableUnfit
            | Code::NotRestorable
            | Code::Database => Exit::Unfit,
            Code::StageFailed | Code::Timeout => Exit::Stage,
            Code::Store | Code::Disk | Code::RunIdTaken | Code::LockHeld | Code::Output => {
                Exit::Local
            }
            Code::NotFound
            | Code::NotVerified
            | Code::OriginUnproved
            | Code::UndoRefused
            | Code::PlanChanged => Exit::No,
            Code::Interrupted(signal) => Exit::Signal(signal),
        }
    }
}

/// How one child ended, as the reader of an error sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StageReport {
    pub stage: String,
    pub command: String,
    pub ended: String,
    /// The last lines of its standard error.
    pub said: Vec<String>,
}

/// A refusal or a failure. `message` says what, lower case and without a full stop; `hints` say
/// what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    pub code: Code,
    pub message: String,
    pub stages: Vec<StageReport>,
    /// What is, or is not, on disk.
    pub disk: Option<String>,
    pub hints: Hints,
    /// It is not there, or not configured, rather than there and unfit.
    pub absent: bool,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Error {
        Error {
            code,
            message: message.into(),
            stages: Vec::new(),
            disk: None,
            hints: Hints::default(),
            absent: matches!(code, Code::ToolMissing),
        }
    }

    /// No io error without its action and its path.
    pub(crate) fn io(
        code: Code,
        action: &str,
        path: &std::path::Path,
        err: &std::io::Error,
    ) -> Error {
        let full = matches!(
            err.kind(),
            std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge
        );
        let what = format!("cannot {action} `{}`", path.display());
        // Nothing is said of a file that could not be looked at.
        let limit = Limit::of(err).filter(|limit| *limit != Limit::Processes);
        if let Some(limit) = limit {
            return limit.error(&what, err);
        }
        let code = if full { Code::Disk } else { code };
        let error = Error::new(code, format!("{what}: {err}"));
        match err.kind() {
            std::io::ErrorKind::NotFound => error.absent(),
            _ if full => error.hint("Make room there, or name a folder on another file system."),
            _ => error,
        }
    }

    /// A program, a thread or a pipe that could not be had. `what` says which.
    pub(crate) fn not_started(what: &str, err: &std::io::Error) -> Error {
        match Limit::of(err) {
            Some(limit) => limit.error(what, err),
            None => Error::new(Code::ToolUnfit, format!("{what}: {err}"))
                .hint("Reinstall it, or take it out of PATH."),
        }
    }

    /// What to do, in place of what was said before.
    pub(crate) fn hint(mut self, hint: impl Into<Hints>) -> Error {
        self.hints = hint.into();
        self
    }

    /// What to do, where nothing was said before.
    pub(crate) fn or_hint(self, hint: impl Into<Hints>) -> Error {
        if self.hints.is_empty() {
            self.hint(hint)
        } else {
            self
        }
    }

    /// With the settings that were given in each hint that is a command of ours.
    pub(crate) fn given(mut self, given: &Given) -> Error {
        self.hints = self.hints.completed(given);
        self
    }

    pub(crate) fn absent(mut self) -> Error {
        self.absent = true;
        self
    }

    pub(crate) fn on_disk(mut self, disk: impl Into<String>) -> Error {
        self.disk = Some(disk.into());
        self
    }

    pub(crate) fn stages(mut self, stages: Vec<StageReport>) -> Error {
        self.stages = stages;
        self
    }

    /// Puts what was being done in front of what went wrong.
    pub(crate) fn while_doing(mut self, what: &str) -> Error {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// What the stages wrote, line by line.
    pub(crate) fn said(&self) -> impl Iterator<Item = &String> {
        self.stages.iter().flat_map(|stage| &stage.said)
    }

    pub(crate) fn exit(&self) -> Exit {
        self.code.exit()
    }
}

/// A limit of this process or host that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Processes,
    OpenFiles,
    Memory,
}

impl Limit {
    fn of(err: &std::io::Error) -> Option<Limit> {
        use rustix::io::Errno;
        match Errno::from_io_error(err)? {
            Errno::AGAIN => Some(Limit::Processes),
            Errno::MFILE | Errno::NFILE => Some(Limit::OpenFiles),
            Errno::NOMEM => Some(Limit::Memory),
            _ => None,
        }
    }

    fn error(self, what: &str, err: &std::io::Error) -> Error {
        let hint = match self {
            Limit::Processes => {
                "There are too many processes: look at `ulimit -u` and at the pids limit of the container."
            }
            Limit::OpenFiles => {
                "There are too many open files: look at `ulimit -n`, and at fs.file-max of this host."
            }
            Limit::Memory => {
                "There is not enough memory: look at `ulimit -v` and at the memory limit of the container."
            }
        };
        Error::new(Code::StageFailed, format!("{what}: {err}")).hint(hint)
    }
}
