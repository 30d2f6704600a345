//! `pgseal prove-mechanism`: a round trip with a throw-away key and the very argv of `backup`,
//! controls that must fail, and a clean-up that is looked at.

use crate::base::error::Result;
use crate::config::cli;
use crate::config::settings::Config;
use crate::gnupg::command;
use crate::gnupg::keyring::{self, Recipient};
use crate::process::cancel::Cancel;
use crate::readiness::mechanism::key_type::KeyType;
use crate::readiness::mechanism::proof::prove;
use crate::report::print::Answer;
use jiff::Timestamp;

pub(crate) fn run(args: &cli::ProveMechanism, config: &Config, cancel: &Cancel) -> Result<Answer> {
    let shape = if args.like_recipient {
        let fingerprints = config.recipients.clone()?.fingerprints;
        let gpg = command::gpg(&config.gnupg_home, &config.env)?;
        let now = Timestamp::now().as_second();
        let key = keyring::find_key(&gpg, &fingerprints[0], cancel)?;
        KeyType::like(&Recipient::new(key, &gpg, now)?)?
    } else {
        KeyType::default()
    };
    let proof = prove(&shape, config, cancel)?;
    Answer::of(&proof)
}
