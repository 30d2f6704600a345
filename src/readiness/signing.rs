//! The key that signs manifests, told with the backup key: where it cannot be used, a backup is
//! refused.

use crate::base::error::{Error, Result};
use crate::gnupg::signer::Signer;
use crate::readiness::audit::{Host, refusal};
use crate::readiness::key::{described, expiry};
use crate::report::matrix::{Evidence, Finding};
use jiff::Timestamp;

/// Evidence and warnings, none where no key is set; or why it cannot be used.
pub(crate) fn check(
    host: &Host,
    signer: &Result<Option<Signer>>,
) -> std::result::Result<Vec<Evidence>, Finding> {
    match host.refused("signing").and(signer.clone()) {
        Ok(Some(signer)) => Ok(evidence(host, &signer)),
        Ok(None) => Ok(Vec::new()),
        Err(error) => {
            // It is configured, so that it is not there is no lack but a failure.
            let error = Error {
                absent: false,
                ..error
            };
            Err(refusal(&error))
        }
    }
}

fn evidence(host: &Host, signer: &Signer) -> Vec<Evidence> {
    let now = Timestamp::now().as_second();
    let answer = format!(
        "{}, signs with {} {}, {}",
        described(&signer.key),
        signer.part.algorithm,
        signer.part.fingerprint,
        expiry(signer.expires_at())
    );
    let set = format!("the signing key is {}", signer.fingerprint());
    let mut all = vec![
        Evidence::read(&host.config.signing.source, set),
        Evidence::run(&signer.spec, answer),
    ];
    if signer.key.encryption_subkey(now).is_ok() {
        all.push(Evidence::warning(format!(
            "the signing key {} can also decrypt: who takes this host reads what is sealed to it",
            signer.fingerprint()
        )));
    }
    all.extend(signer.expires_soon(now).map(Evidence::warning));
    all
}
