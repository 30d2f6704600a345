//! Questions to this host: which tools, which keys, what the server says. Each answer is typed,
//! each refusal an error with its remedy.

mod keys;
mod server;
mod signing;

pub(crate) use keys::{Recipient, find_key, has_keyring, recipient};
pub(crate) use server::{
    catalog, catalog_and_closure, catalog_query, closure, pg_dump, pg_dump_for,
};
pub(crate) use signing::{Signed, Signer, signer};

use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::gnupg::{self, Gpg};
use crate::pipeline::{End, Input, Ran, run};
use crate::spec::CommandSpec;
use crate::tools::{self, Tool};
use crate::watch::Watch;
use serde::Serialize;

/// A program and the version it says it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Version {
    pub path: String,
    pub version: String,
}

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

fn answered(ran: Ran, code: Code, what: &str) -> Result<Ran> {
    if ran.ok() {
        return Ok(ran);
    }
    let spec = &ran.outcome.spec;
    if let Some(stop) = ran.stop {
        return Err(crate::seal::stopped(stop).while_doing(what));
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

pub(crate) fn gpg(config: &Config) -> Result<Gpg> {
    let program = tools::find(Tool::Gpg, &config.env)?;
    Ok(Gpg::new(&program, &config.gnupg_home, &config.env))
}

/// Versions of gpg and of libgcrypt.
pub(crate) fn gpg_version(gpg: &Gpg, watch: &Watch) -> Result<(Version, String)> {
    let what = "cannot ask gpg for its version";
    let ran = ask(&gpg.version(), Input::Null, watch, Code::ToolUnfit, what)?;
    let (version, libgcrypt) = gnupg::versions(&ran.text()).ok_or_else(|| {
        Error::new(
            Code::ToolUnfit,
            format!("`{}` does not answer as GnuPG does", gpg.program()),
        )
        .hint("apt-get install --reinstall gnupg")
    })?;
    let path = gpg.program().to_string();
    Ok((Version { path, version }, libgcrypt))
}
