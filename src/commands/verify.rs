//! `pgseal verify`: what can be proved of an artifact, and what cannot.

use crate::base::error::Result;
use crate::commands::artifact::{examine, given, key};
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::report::print::Answer;
use crate::verify::verification;

pub(crate) fn run(
    args: &cli::Verify,
    config: &Config,
    cancel: &Cancel,
    json: bool,
) -> Result<Answer> {
    let given = given(&args.named, args.passphrase_fd, cancel)?;
    let mut verification = examine(&args.named.target, &given, config, cancel)?;
    if args.decrypt {
        let key = key(config, given.passphrase, cancel)?;
        verification::verify_content(&mut verification, &key)?;
    }
    verification::not_asked(&mut verification, args.decrypt);
    let report = verification.report();
    Answer::of(&report, json)
}
