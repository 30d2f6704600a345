//! `pgseal verify`: what can be proved of an artifact, and what cannot.

use crate::base::error::Result;
use crate::base::meter::Meter;
use crate::commands::artifact::{examine, given, key};
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::report::print::Answer;
use crate::verify::verification::verify_content;

pub(crate) fn run(
    args: &cli::Verify,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Answer> {
    let given = given(&args.named, args.passphrase_fd, cancel)?;
    let mut verification = examine(&args.named.target, &given, config, cancel)?;
    if args.decrypt {
        let key = key(config, given.passphrase, meter, cancel)?;
        verify_content(&mut verification, &key)?;
    } else {
        verification.record_not_decrypted();
    }
    verification.record_not_restored();
    Answer::of(&verification.report())
}
