//! gpg: is it there, and does it do what a backup needs of it.

use crate::backup::gather::HostAnswers;
use crate::base::error::Result;
use crate::base::hint::Hint;
use crate::base::text::counted;
use crate::readiness::audit::{Host, refusal, unasked};
use crate::readiness::mechanism::canary::Canary;
use crate::readiness::mechanism::key_type::KeyType;
use crate::readiness::mechanism::proof::prove_with;
use crate::report::matrix::{Evidence, Finding};
use crate::report::proof::{Exposed, MechanismProof, Step, Verdict};

pub(crate) fn binary(answers: &HostAnswers) -> Finding {
    match (&answers.gpg, &answers.gpg_version) {
        (Ok(gpg), Ok((version, libgcrypt))) => {
            let answer = format!("GnuPG {}, libgcrypt {libgcrypt}", version.version);
            Finding::ready(Evidence::run(&gpg.version(), answer))
        }
        (Err(error), _) | (_, Err(error)) => refusal(error),
    }
}

pub(crate) fn mechanism(host: &Host) -> Result<(MechanismProof, Canary)> {
    let canary = Canary::new()?;
    let proof = prove_with(&canary, &KeyType::default(), host.config, host.cancel)?;
    Ok((proof, canary))
}

pub(crate) fn judge(proof: &Result<(MechanismProof, Canary)>) -> Finding {
    let proof = match proof {
        Ok((proof, _)) => proof,
        Err(error) => return unasked(error),
    };
    let steps = proof.steps.iter().map(evidence);
    let summary = format!(
        "GPG_MECHANISM_PROOF: {}, {} bytes encrypted to {}, {}",
        proof.result.as_str(),
        proof.sample_bytes,
        proof.ciphertext_bytes,
        counted(proof.steps.len(), "step")
    );
    if proof.result == Verdict::Pass {
        return Finding::ready(Evidence::read("pgseal prove-mechanism", summary)).with_all(steps);
    }
    let failed = |step: &&Step| !step.passed;
    let names: Vec<&str> = proof.steps.iter().filter(failed).map(|s| s.name).collect();
    let why = format!("not so: {}", names.join("; "));
    // All else went well, and the search for the canary could not be made to its end.
    let finding = match (&names[..], proof.secrets_exposed) {
        ([_], Exposed::Unknown) => Finding::unknown(why),
        _ => Finding::failed(why),
    };
    finding
        .with(Evidence::read("pgseal prove-mechanism", summary))
        .with_all(steps)
        .hint(Hint::pgseal(&["prove-mechanism"]))
}

fn evidence(step: &Step) -> Evidence {
    let passed = if step.passed { "ok" } else { "FAIL" };
    let answer = format!("{}: {passed}: {}", step.name, step.detail);
    match &step.argv {
        Some(argv) => Evidence::argv(argv.clone(), answer),
        None => Evidence::read("this host", answer),
    }
}
