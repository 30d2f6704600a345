//! What the verbs that open an artifact have in common: which one, whose word, whose key.

use crate::backup::finished::FinishedBackup;
use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::base::names::{self, RunId};
use crate::config::cli;
use crate::config::settings::Config;
use crate::gnupg::{command, keyring};
use crate::process::cancel::Cancel;
use crate::process::interruptible::{self, ReadError};
use crate::process::passphrase;
use crate::report::proof::Verdict;
use crate::store::manifest::Envelope;
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::decrypt::{Decryptor, NO_SECRET_KEY};
use crate::verify::origin::{self, Origin};
use crate::verify::signature::TrustedKeys;
use crate::verify::verification::Verification;
use crate::verify::without_key::{self, ManifestAlone};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// An envelope is one line.
const LARGEST_ENVELOPE: usize = 64 * 1024;

/// What the caller gave, read before any file of ours is opened, which could get the number of
/// the descriptor that was meant.
pub(crate) struct CallerInput {
    pub origin: Origin,
    pub passphrase: Option<Vec<u8>>,
}

impl CallerInput {
    /// What was kept, and the keys that this host trusts.
    fn origin_trusting(&self, config: &Config) -> Origin {
        Origin {
            trusted: trusted_keys(config),
            ..self.origin.clone()
        }
    }
}

pub(crate) fn given(
    named: &cli::ArtifactArgs,
    passphrase_fd: Option<u32>,
    cancel: &Cancel,
) -> Result<CallerInput> {
    if passphrase_fd == Some(0) && named.envelope.as_deref() == Some("-") {
        let what = "--passphrase-fd 0 and --envelope - cannot both read standard input";
        return Err(Error::new(Code::Usage, what));
    }
    let passphrase = passphrase_fd
        .map(|fd| passphrase::passphrase(fd, cancel))
        .transpose()?;
    let options = [("--sha256", &named.sha256), ("--envelope", &named.envelope)];
    let options = options.into_iter();
    let options = options.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    let origin = Origin {
        sha256: named.sha256.clone(),
        envelope: match &named.envelope {
            None => None,
            Some(file) => Some(Ok(envelope(file, cancel)?)),
        },
        options: options.collect(),
        ..Origin::default()
    };
    Ok(CallerInput { origin, passphrase })
}

/// What cannot be read says nothing of the artifact: an error, and no check that failed.
fn envelope(file: &str, cancel: &Cancel) -> Result<Envelope> {
    const KEPT: &str =
        "Give the file that holds the line that `pgseal backup` printed, or - for standard input.";
    let text = text_of(file, LARGEST_ENVELOPE, cancel)
        .map_err(|error| error.or(|err| unreadable(file, &err).hint(KEPT)))?;
    origin::envelope(&text).map_err(|why| {
        let what = format!("the envelope {file:?} cannot be read: {why}");
        Error::new(Code::Input, what).hint(KEPT)
    })
}

pub(crate) fn unreadable(file: &str, err: &io::Error) -> Error {
    let what = format!("the envelope {file:?} cannot be read: {err}");
    Error::new(Code::Input, what)
}

/// A file of envelopes, or standard input.
pub(crate) fn text_of(
    file: &str,
    most: usize,
    cancel: &Cancel,
) -> std::result::Result<String, ReadError> {
    let from: Box<dyn AsFd> = match file {
        "-" => Box::new(io::stdin()),
        file => Box::new(interruptible::open(Path::new(file)).map_err(ReadError::File)?),
    };
    let bytes = interruptible::read(from, most, |_| false, cancel)?;
    String::from_utf8(bytes).map_err(|err| ReadError::File(io::Error::other(err)))
}

/// Keys whose signatures prove an origin, if there are any.
fn trusted_keys(config: &Config) -> Option<TrustedKeys> {
    let fingerprints = config.signing.trusted.clone();
    let any = !fingerprints.is_empty();
    any.then(|| TrustedKeys {
        fingerprints,
        gpg: command::gpg(&config.gnupg_home, &config.env),
    })
}

/// A backup that was just taken, held against what we have of it in memory and not against what lies
/// beside it.
pub(crate) fn verify_sealed(
    run_id: &RunId,
    finished: &FinishedBackup,
    config: &Config,
    cancel: &Cancel,
) -> Result<Verification> {
    let origin = Origin {
        envelope: Some(Ok(finished.manifest.envelope.clone())),
        trusted: trusted_keys(config),
        ..Origin::default()
    };
    let subject = ArtifactFiles::in_store(run_id, &config.store)?;
    without_key::verify_files(subject, &origin, cancel)
}

/// Refuses a backup that was just taken and does not verify. `it`: how the error calls the backup.
pub(crate) fn require_verified(
    it: &str,
    run_id: &RunId,
    finished: &FinishedBackup,
    config: &Config,
    cancel: &Cancel,
) -> Result<()> {
    let verification = verify_sealed(run_id, finished, config, cancel)?;
    if verification.verdict() == Verdict::Pass {
        return Ok(());
    }
    let failed = verification.failed().join("; ");
    let what = format!("{it} does not verify: {failed}");
    Err(Error::new(Code::NotVerified, what)
        .on_disk(finished.kept())
        .hint("Look for a disk that loses writes, or for somebody else in the store."))
}

/// Looks at it from outside. Where keys are trusted, an artifact of which nothing proves who sealed
/// it is a "no".
pub(crate) fn examine(
    target: &names::RunOrPath,
    given: &CallerInput,
    config: &Config,
    cancel: &Cancel,
) -> Result<Verification> {
    let origin = Origin {
        must_be_proved: true,
        ..given.origin_trusting(config)
    };
    without_key::verify_files(ArtifactFiles::find(target, &config.store)?, &origin, cancel)
}

/// The same for what is to be restored: nothing may be wrong with it. Whether its origin is proved is
/// asked by `require_origin`.
pub(crate) fn sound(
    target: &names::RunOrPath,
    given: &CallerInput,
    config: &Config,
    cancel: &Cancel,
) -> Result<Verification> {
    let origin = given.origin_trusting(config);
    let verification =
        without_key::verify_files(ArtifactFiles::find(target, &config.store)?, &origin, cancel)?;
    let untouched = match &origin.trusted {
        None => "nothing was changed: neither gpg nor psql was started",
        Some(_) => "nothing was changed: nothing was decrypted, and psql was not started",
    };
    match verification.verified() {
        Ok(_) => Ok(verification),
        Err(error) => Err(error.on_disk(untouched)),
    }
}

/// The manifest by itself; nothing may be wrong with it.
pub(crate) fn manifest_alone(
    target: &names::RunOrPath,
    given: &CallerInput,
    config: &Config,
    cancel: &Cancel,
) -> Result<ManifestAlone> {
    let origin = given.origin_trusting(config);
    without_key::verify_manifest(ArtifactFiles::find(target, &config.store)?, &origin, cancel)
}

pub(crate) fn key<'a>(
    config: &Config,
    passphrase: Option<Vec<u8>>,
    meter: &Meter,
    cancel: &'a Cancel,
) -> Result<Decryptor<'a>> {
    let gpg = command::gpg(&config.gnupg_home, &config.env)?;
    if !keyring::has_keyring(&config.gnupg_home)? {
        let home = config.gnupg_home.display();
        return Err(
            Error::new(Code::KeyUnfit, format!("no keyring in `{home}`")).hint(NO_SECRET_KEY),
        );
    }
    Ok(Decryptor::new(&gpg, passphrase, &config.env, cancel, meter))
}

/// What a forged artifact could do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Risk {
    /// Its SQL is run.
    SqlIsRun,
    /// Only its rows are used.
    RowsAreOverwritten,
}

impl Risk {
    fn told(self) -> &'static str {
        match self {
            Risk::SqlIsRun => "its SQL then runs with your rights",
            Risk::RowsAreOverwritten => "its rows then take the place of yours",
        }
    }
}

/// Refuses an artifact of which nothing says who sealed it.
pub(crate) fn require_origin(verification: &Verification, risk: Risk) -> Result<()> {
    if verification.origin.proved() {
        return Ok(());
    }
    let shown = verification.subject.artifact.display();
    let signature = verification.origin.no_signature;
    let signature = signature.map_or(String::new(), |why| format!(" ({why})"));
    let what = format!(
        "nothing proves who sealed `{shown}`: whoever has the public key could have{signature}"
    );
    Err(Error::new(Code::OriginUnproved, what)
        .on_disk("nothing was changed: neither gpg nor psql was started")
        .hint(format!(
            "Give what you kept elsewhere: --envelope FILE, or --sha256 HEX.\n      \
             Or, where it is signed, say whose signature you trust: --signed-by FPR.\n      \
             Only if you made sure in another way: --origin-unproved; {}.",
            risk.told()
        )))
}

/// Refuses an envelope and a dump that would both be read from standard input.
pub(crate) fn check_standard_input(
    named: &cli::ArtifactArgs,
    plaintext: Option<cli::Plaintext>,
) -> Result<()> {
    if plaintext.is_some() && named.envelope.as_deref() == Some("-") {
        let what = "--plaintext - and --envelope - cannot both read standard input";
        return Err(Error::new(Code::Usage, what));
    }
    Ok(())
}

/// The same of a dump that was decrypted elsewhere. Of its bytes only the manifest has a hash: an
/// envelope is of the artifact's.
pub(crate) fn require_signed(verification: &Verification, risk: Risk) -> Result<()> {
    if verification.origin.manifest {
        return Ok(());
    }
    let why = verification.origin.no_signature;
    let what = format!(
        "nothing proves who sealed the decrypted dump: an envelope and a hash are of the artifact, and only a \
         signed manifest tells of the plaintext ({})",
        why.unwrap_or("its signature is not a trusted key's")
    );
    Err(Error::new(Code::OriginUnproved, what)
        .on_disk("nothing was changed: psql was not started")
        .hint(format!(
            "Say whose signature you trust: --signed-by FPR. Or decrypt here, with the secret key.\n      \
             Only if you made sure in another way: --origin-unproved; {}.",
            risk.told()
        )))
}
