//! Questions to this host: which tools, which keys, what the server says. Each answer is typed,
//! each refusal an error with its remedy.

use crate::base::error::{Code, Error, Result};
use crate::process::cancel::Cancel;
use crate::process::child::ExitKind;
use crate::process::command::CommandSpec;
use crate::process::run::{Input, Output, run};

/// Runs a question; what is not an answer becomes an error of this code.
pub(crate) fn ask(
    spec: &CommandSpec,
    input: Input,
    cancel: &Cancel,
    code: Code,
    what: &str,
) -> Result<Output> {
    answered(run(spec, input, cancel), code, what)
}

pub(crate) fn answered(ran: Output, code: Code, what: &str) -> Result<Output> {
    if ran.ok() {
        return Ok(ran);
    }
    if let Some(stop) = ran.stop {
        return Err(crate::process::cancel::stopped(stop).while_doing(what));
    }
    let error = match &ran.outcome.end {
        ExitKind::NotStarted(error) => error.clone().while_doing(what),
        // One that was killed has not answered: it may be fit all the same.
        end @ (ExitKind::Signal(_)
        | ExitKind::SignalInside(_)
        | ExitKind::Lost
        | ExitKind::HeldOpen)
            if code != Code::Database =>
        {
            Error::new(Code::StageFailed, format!("{what}: {end}"))
        }
        end => Error::new(code, format!("{what}: {end}")),
    };
    Err(error.stages(vec![ran.outcome.report()]))
}
