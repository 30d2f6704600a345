//! `pgseal verify`: what can be proved of an artifact, and what cannot.

use crate::base::error::Result;
use crate::commands::artifact::{examine, given, key};
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::Watch;
use crate::report::print::Answer;
use crate::verify::verification;

pub(crate) fn run(
    args: &cli::Verify,
    config: &Config,
    watch: &Watch,
    json: bool,
) -> Result<Answer> {
    let given = given(&args.named, args.passphrase_fd, watch)?;
    let mut examined = examine(&args.named.target, &given, config, watch)?;
    if args.decrypt {
        let key = key(config, given.passphrase, watch)?;
        verification::inside(&mut examined, &key)?;
    }
    verification::not_asked(&mut examined, args.decrypt);
    let report = examined.report();
    Answer::of(&report, json)
}
