//! The proof whole: the round trip, the controls, the host's keyring untouched, no canary seen.

use crate::base::error::Result;
use crate::base::version::PGSEAL;
use crate::config::settings::Config;
use crate::gnupg::command;
use crate::gnupg::ephemeral_home::EphemeralHome;
use crate::process::cancel::Cancel;
use crate::readiness::mechanism::canary::Canary;
use crate::readiness::mechanism::key_type::KeyType;
use crate::readiness::mechanism::keyring;
use crate::readiness::mechanism::round_trip::RoundTrip;
use crate::report::print::{self, Report};
use crate::report::proof::{Exposed, MechanismProof, Step, Verdict};

pub(crate) fn prove(shape: &KeyType, config: &Config, cancel: &Cancel) -> Result<MechanismProof> {
    prove_with(&Canary::new()?, shape, config, cancel)
}

/// The same with a canary of the caller's, who can go on looking for it.
pub(crate) fn prove_with(
    canary: &Canary,
    shape: &KeyType,
    config: &Config,
    cancel: &Cancel,
) -> Result<MechanismProof> {
    let gpg = command::gpg(&config.gnupg_home, &config.env)?;
    let (version, libgcrypt) = command::gpg_version(&gpg, cancel)?;
    let keyring = || keyring::look(&gpg, config, cancel);
    let before = keyring()?;

    let swept = EphemeralHome::sweep(&gpg.program, &config.env)?;
    let mut trial = RoundTrip::new(&gpg.program, config, cancel, canary)?;
    let outcome = trial.round_trip(shape).and_then(|()| trial.controls());
    // A trial that was stopped from outside is no proof of anything; its homes go with it.
    outcome?;
    let homes = trial.homes();
    // What gpg was given to write to, while it is there. Not the temporary folder that they are in:
    // on a busy host it is full of what others write.
    let in_homes = canary.search(&homes, cancel)?;
    let (mut steps, sizes) = trial.finish();

    if !swept.is_empty() {
        steps.push(Step {
            name: "removed what a killed proof left",
            passed: true,
            detail: swept
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
            argv: None,
        });
    }
    let after = keyring()?;
    steps.push(Step {
        name: "host keyring untouched",
        passed: before == after,
        detail: format!(
            "{}: {before} before, {after} after",
            config.gnupg_home.display()
        ),
        argv: None,
    });
    let mut proof = MechanismProof {
        schema: "pgseal/prove-mechanism/1",
        pgseal_version: PGSEAL,
        result: Verdict::Fail,
        gpg: version,
        libgcrypt,
        key: shape.to_string(),
        compression: config.compression.to_string(),
        sample_bytes: sizes.0,
        ciphertext_bytes: sizes.1,
        steps,
        secrets_exposed: Exposed::Unknown,
        searched: Vec::new(),
    };
    let mut search = in_homes;
    search.add(canary.search(std::slice::from_ref(&config.store), cancel)?);
    // Every argv is part of the report, and so of what is searched here.
    let output = proof.text() + &print::json_pretty(&proof)?;
    search.add(canary.search_text("our output and every argv", &output));
    proof.steps.push(Step {
        name: "canary passphrase not found",
        passed: search.exposed == Exposed::None,
        detail: search.detail(),
        argv: None,
    });
    proof.result = Verdict::of(&proof.steps);
    proof.secrets_exposed = search.exposed;
    proof.searched = search.places;
    Ok(proof)
}
