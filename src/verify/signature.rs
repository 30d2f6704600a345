//! A signature beside a file of a run, and whether a trusted key made it.

use crate::base::error::Result;
use crate::base::hint::Hints;
use crate::base::names::Fingerprint;
use crate::gnupg::colons::day;
use crate::gnupg::command::Gpg;
use crate::gnupg::keyring::find_key;
use crate::gnupg::remedy::sign_anew;
use crate::gnupg::signature::{Proof, Why};
use crate::gnupg::signer::{Checked, Signed};
use crate::process::cancel::Cancel;
use crate::store::run_files::RunFile;
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::open_file::{MISSING, OpenFile, Unopened, too_large};

/// One signature has about 100 bytes, or 600 with RSA 4096.
const LARGEST: u64 = 64 * 1024;

/// Keys whose signature of a manifest proves its origin, and how gpg is asked.
#[derive(Debug, Clone)]
pub(crate) struct TrustedKeys {
    /// At least one.
    pub fingerprints: Vec<Fingerprint>,
    /// An error only where a signature is there to be checked.
    pub gpg: Result<Gpg>,
}

/// A file that may be signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfWhat {
    signature: RunFile,
    name: &'static str,
}

impl OfWhat {
    pub(crate) const MANIFEST: OfWhat = OfWhat {
        signature: RunFile::Signature,
        name: "manifest",
    };
    pub(crate) const SECOND_MARK: OfWhat = OfWhat {
        signature: RunFile::AfterSignature,
        name: "second mark",
    };
}

/// What the file beside it says.
pub(crate) enum Signature {
    Absent,
    /// It is there, and no key is trusted.
    NotChecked,
    Judged(std::result::Result<Proof, NoProof>),
}

/// Why a signature proves nothing, and what helps, if that is known.
pub(crate) struct NoProof {
    pub why: String,
    pub hints: Hints,
}

/// `bytes` are what was read and parsed: no others are held against the signature.
pub(crate) fn signature(
    subject: &ArtifactFiles,
    of: OfWhat,
    bytes: &[u8],
    trusted: Option<&TrustedKeys>,
    cancel: &Cancel,
) -> Result<Signature> {
    let path = subject.beside(of.signature);
    let Some(path) = path.filter(|path| path.symlink_metadata().is_ok()) else {
        return Ok(Signature::Absent);
    };
    let Some(trusted) = trusted else {
        return Ok(Signature::NotChecked);
    };
    let gpg = trusted.gpg.clone()?;
    // A key that is not here, or is no primary, could not prove anything: that is not the
    // signature's fault.
    let keys = trusted.fingerprints.iter();
    let keys = keys.map(|fingerprint| {
        find_key(&gpg, fingerprint, cancel).map_err(|error| {
            error.while_doing(&format!("cannot check the {}'s signature", of.name))
        })
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    let wrong = |why: &str| {
        Ok(Signature::Judged(Err(NoProof {
            why: format!("`{}`: {why}", path.display()),
            hints: Hints::default(),
        })))
    };
    let opened = match OpenFile::open(&path) {
        Ok(opened) => opened,
        Err(Unopened::Unread(error)) => return Err(error),
        Err(Unopened::Missing) => return wrong(MISSING),
        Err(Unopened::Wrong(why)) => return wrong(why),
    };
    if opened.size > LARGEST {
        return wrong(&too_large(opened.size));
    }
    let signature = opened.bytes(LARGEST)?;
    let signed = Signed {
        bytes,
        signature: &signature,
    };
    Ok(Signature::Judged(
        match signed.verify(&gpg, &keys, cancel)? {
            Checked::Proved(proof) => Ok(proof),
            Checked::Not(why) => Err(NoProof {
                hints: match why {
                    Why::Revoked | Why::KeyExpiredBefore { .. } => {
                        sign_anew(subject.run_id().as_deref().unwrap_or("RUN_ID"))
                    }
                    _ => Hints::default(),
                },
                why: format!("the {}'s signature {why}", of.name),
            }),
        },
    ))
}

/// A proof, as a report tells it.
pub(crate) fn told(proof: &Proof) -> String {
    let expired = proof
        .expired
        .map(|at| format!("; the key expired {}", day(at)));
    format!(
        "proved: the manifest is signed by {}, signed {}{}",
        proof.signer,
        day(proof.made),
        expired.unwrap_or_default()
    )
}
