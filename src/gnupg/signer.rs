//! Signatures of manifests: made with the signing key of this host, and checked against the keys that
//! are trusted.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::names::Fingerprint;
use crate::base::text::shell_word;
use crate::gnupg::colons::{Key, KeyUse, Part};
use crate::gnupg::command::Gpg;
use crate::gnupg::keyring::{expires_soon, find_key};
use crate::gnupg::remedy::UnfitKey;
use crate::gnupg::signature::{Proof, Why, judge};
use crate::gnupg::status::{self, Locked};
use crate::process::ask::answered;
use crate::process::cancel::Cancel;
use crate::process::child::ExitKind;
use crate::process::command::CommandSpec;
use crate::process::run::{Input, run};
use jiff::Timestamp;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

/// A key that signs manifests on this host.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    pub key: Key,
    /// What signs: a subkey, or the primary itself.
    pub part: Part,
    pub spec: CommandSpec,
    gpg: Gpg,
}

/// The key of this primary fingerprint, which has just signed a few bytes: it can be used, and its
/// secret part is here and not locked.
pub(crate) fn signer(
    gpg: &Gpg,
    fingerprint: &Fingerprint,
    env: &Env,
    cancel: &Cancel,
) -> Result<Signer> {
    let key = find_key(gpg, fingerprint, cancel)?;
    let now = Timestamp::now().as_second();
    let part = key.signing_part(now).map_err(|why| {
        let unfit = UnfitKey {
            key: &key,
            why,
            usage: KeyUse::Sign,
            now,
            home: &gpg.home,
        };
        let what = format!("the signing key {fingerprint} {}", unfit.told());
        Error::new(Code::KeyUnfit, what).hint(unfit.remedy())
    })?;
    let signer = Signer {
        part: part.clone(),
        spec: gpg.sign(fingerprint.as_str(), env),
        gpg: gpg.clone(),
        key,
    };
    signer.sign(b"pgseal\n", cancel)?;
    Ok(signer)
}

impl Signer {
    pub(crate) fn fingerprint(&self) -> &str {
        &self.key.primary.fingerprint
    }

    pub(crate) fn expires_at(&self) -> Option<i64> {
        self.key.expires_at(&self.part)
    }

    pub(crate) fn expires_soon(&self, now: i64) -> Option<String> {
        expires_soon(self.fingerprint(), self.expires_at(), now)
    }

    /// A detached signature of these bytes, which was verified as a stranger would.
    pub(crate) fn sign(&self, bytes: &[u8], cancel: &Cancel) -> Result<Vec<u8>> {
        let what = format!("cannot sign with {}", self.fingerprint());
        let ran = run(&self.spec, Input::Bytes(bytes.to_vec()), cancel);
        let reason = status::cannot_sign(&ran.outcome.status).filter(|_| !ran.ok());
        let no_agent = status::no_agent(&ran.outcome.stderr).map(String::from);
        let ran = answered(ran, Code::KeyUnfit, &what).map_err(|error| match reason {
            Some(_) if no_agent.is_some() => Error {
                message: format!("{what}: {}", no_agent.unwrap_or_default()),
                ..error
            },
            None | Some(Locked::NoAnswer) => error,
            Some(Locked::NoSecretKey) => Error {
                message: format!("{what}: its secret key is not on this host"),
                ..error.hint(
                    Hints::from("Name another key or keyring: --sign-with FPR, --gnupg-home DIR; or:").then(
                        Hint::pgseal(&["operator-package", "--signing"])
                            .note("steps that make a signing key"),
                    ),
                )
            },
            Some(_) => Error {
                message: format!("{what}: it is locked, and nobody is asked for its passphrase"),
                ..error.hint(
                    Hints::from("Unlock it before the run:")
                        .then(Hint::run(format!(
                            "gpg --homedir {} --local-user {} --output - --detach-sign /dev/null >/dev/null",
                            shell_word(&self.gpg.home),
                            self.fingerprint()
                        )))
                        .then("gpg-agent forgets it after default-cache-ttl and max-cache-ttl: raise them in gpg-agent.conf.")
                        .then("Or use a signing key without a passphrase."),
                )
            },
        })?;
        let signed = Signed {
            bytes,
            signature: &ran.stdout,
        };
        match signed.verify(&self.gpg, std::slice::from_ref(&self.key), cancel)? {
            Checked::Proved(_) => Ok(ran.stdout),
            Checked::Not(why) => {
                let what = format!("{what}: the signature {why}");
                Err(Error::new(Code::KeyUnfit, what).hint(
                    "Look at /etc/gnupg/gpg.conf, which gpg reads too: local-user, digest-algo.",
                ))
            }
        }
    }
}

/// What gpg says of a signature that it could be asked about.
pub(crate) enum Checked {
    Proved(Proof),
    Not(Why),
}

/// Bytes and what is said to be their detached signature.
pub(crate) struct Signed<'a> {
    pub bytes: &'a [u8],
    pub signature: &'a [u8],
}

impl Signed<'_> {
    /// Whether one of these keys made it. An error where gpg could not be asked.
    pub(crate) fn verify(&self, gpg: &Gpg, trusted: &[Key], cancel: &Cancel) -> Result<Checked> {
        let (_held, path) = in_memory(self.signature)?;
        let ran = run(
            &gpg.verify(&path),
            Input::Bytes(self.bytes.to_vec()),
            cancel,
        );
        // A status that is not 0 is an answer too.
        let ran = match (&ran.stop, &ran.outcome.end) {
            (None, ExitKind::Code(_)) => ran,
            _ => answered(ran, Code::KeyUnfit, "cannot check a signature")?,
        };
        let now = Timestamp::now().as_second();
        Ok(match judge(&ran.outcome.status, trusted, now) {
            Ok(_) if !ran.ok() => Checked::Not(Why::Trouble(ran.outcome.end.to_string())),
            Ok(proof) => Checked::Proved(proof),
            Err(why) => Checked::Not(why),
        })
    }
}

/// A file that is on no disk, so that nobody can put another in its place before gpg opens it. It
/// is gone when the handle is.
fn in_memory(bytes: &[u8]) -> Result<(File, String)> {
    let trouble = |err| Error::io(Code::StageFailed, "write", Path::new("memfd:pgseal"), &err);
    let mut file = memfd_create("pgseal", MemfdFlags::CLOEXEC)
        .map(File::from)
        .map_err(|err| trouble(err.into()))?;
    file.write_all(bytes).map_err(trouble)?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    Ok((file, path))
}
