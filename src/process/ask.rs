//! Questions to this host: which tools, which keys, what the server says. Each answer is typed,
//! each refusal an error with its remedy.

use crate::base::error::{Code, Error, Result};
use crate::process::cancel::Watch;
use crate::process::child::End;
use crate::process::command::CommandSpec;
use crate::process::run::{Input, Ran, run};

/// Runs a question; what is not an answer becomes an error of this code.
pub(crate) fn ask(
    spec: &CommandSpec,
    input: Input,
    watch: &Watch,
    code: Code,
    what: &str,
) -> Result<Ran> {
    answered(run(spec, input, watch), code, what)
}

pub(crate) fn answered(ran: Ran, code: Code, what: &str) -> Result<Ran> {
    if ran.ok() {
        return Ok(ran);
    }
    let spec = &ran.outcome.spec;
    if let Some(stop) = ran.stop {
        return Err(crate::process::cancel::stopped(stop).while_doing(what));
    }
    let error = match &ran.outcome.end {
        End::NotStarted(why) => Error::new(
            Code::ToolUnfit,
            format!("{what}: `{}` could not be started: {why}", spec.program()),
        )
        .hint("Reinstall it, or take it out of PATH."),
        end => Error::new(code, format!("{what}: {end}")),
    };
    Err(error.stages(vec![ran.outcome.report()]))
}
