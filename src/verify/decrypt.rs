//! A sealed file through gpg: fed from the one descriptor, and believed only where gpg's status,
//! its status lines and the bytes that it was fed all say so. Streaming; nothing is written.

use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::base::text::last_line;
use crate::gnupg::binding::PreludeBinding;
use crate::gnupg::command::Gpg;
use crate::gnupg::opening::PassphraseSource;
use crate::gnupg::status::{self, Locked};
use crate::process::cancel::{Cancel, stopped};
use crate::process::child::{ChildExit, ExitKind};
use crate::process::command::CommandSpec;
use crate::process::flow::{Sink, Source, StreamError};
use crate::process::pipe::stream;
use crate::store::manifest::Manifest;
use crate::verify::open_file::RecheckedReader;
use crate::verify::verification::EncryptedFile;
use std::io::Write;

/// How messages are opened on this host.
pub(crate) struct Decryptor<'a> {
    pub spec: CommandSpec,
    /// Goes to gpg's standard input, in front of the message.
    pub passphrase: Option<Vec<u8>>,
    pub cancel: &'a Cancel,
    /// Of the dump.
    pub meter: Meter,
}

impl<'a> Decryptor<'a> {
    pub(crate) fn new(
        gpg: &Gpg,
        passphrase: Option<Vec<u8>>,
        env: &crate::base::env::Env,
        cancel: &'a Cancel,
        meter: &Meter,
    ) -> Decryptor<'a> {
        let asking = match (&passphrase, crate::process::tty::terminal()) {
            (Some(_), _) => PassphraseSource::FirstLine,
            (None, Some(tty)) => PassphraseSource::Terminal(tty),
            (None, None) => PassphraseSource::Nobody,
        };
        Decryptor {
            spec: gpg.open(&asking, env),
            passphrase,
            cancel,
            meter: meter.clone(),
        }
    }
}

/// Feeds the passphrase and then the file: only bytes that were looked at before reach gpg.
pub(crate) struct Ciphertext {
    passphrase: Vec<u8>,
    file: RecheckedReader,
}

impl Ciphertext {
    pub(crate) fn new(sealed: &EncryptedFile, key: &Decryptor<'_>) -> Result<Ciphertext> {
        Ok(Ciphertext {
            passphrase: key.passphrase.clone().unwrap_or_default(),
            file: RecheckedReader::new(&sealed.opened, &sealed.marks)?,
        })
    }
}

impl Source for Ciphertext {
    fn pour(&mut self, to: &mut dyn Write) -> std::result::Result<(), StreamError> {
        to.write_all(&self.passphrase)
            .map_err(StreamError::broken)?;
        loop {
            let block = self.file.block()?;
            if block.is_empty() {
                return Ok(());
            }
            to.write_all(block).map_err(StreamError::broken)?;
        }
    }
}

/// What was opened.
pub(crate) struct Decrypted<S> {
    pub sink: S,
    pub detail: String,
    pub binding: Option<PreludeBinding>,
}

/// What came of a message that gpg was asked to open.
pub(crate) enum DecryptOutcome<S> {
    Opened(Decrypted<S>),
    Refused(Refusal),
}

/// The check that failed, and why: gpg looked at it, and it is wrong.
pub(crate) struct Refusal {
    pub check: &'static str,
    pub why: String,
}

impl Refusal {
    fn of(check: &'static str, why: impl Into<String>) -> Refusal {
        Refusal {
            check,
            why: why.into(),
        }
    }
}

pub(crate) fn decrypt<S: Sink>(
    sealed: &EncryptedFile,
    manifest: &Manifest,
    key: &Decryptor<'_>,
    sink: S,
) -> Result<DecryptOutcome<S>> {
    let source = Ciphertext::new(sealed, key)?;
    let streamed = stream(&key.spec, Some(source), sink, key.cancel);
    let outcome = streamed.outcome;
    if let Some(stop) = streamed.stop {
        return Err(stopped(stop).while_doing("cannot decrypt"));
    }
    if let ExitKind::NotStarted(error) = outcome.end {
        return Err(error);
    }
    let poured = match streamed.source {
        Some(Err(StreamError::Rejected(error))) if error.code == Code::NotVerified => {
            return Ok(DecryptOutcome::Refused(Refusal::of(
                "decryption",
                error.message,
            )));
        }
        Some(Err(StreamError::Rejected(error))) => return Err(error),
        Some(Err(StreamError::BrokenPipe(_))) => Poured::InPart,
        _ => Poured::Whole,
    };
    // The scan refused what it saw, and gpg was ended for it.
    if let Some((_, Err(StreamError::Rejected(error)))) = streamed.sink {
        if error.code != Code::NotVerified {
            return Err(error);
        }
        return Ok(DecryptOutcome::Refused(Refusal::of(
            "content",
            error.message,
        )));
    }
    if let Opening::Refused(why) = opens(&outcome)? {
        return Ok(DecryptOutcome::Refused(why));
    }
    match streamed.sink {
        Some((sink, Ok(()))) if poured == Poured::Whole => {
            let detail = match opened_by_recipient(&outcome.status, manifest) {
                Ok(detail) => detail,
                Err(why) => return Ok(DecryptOutcome::Refused(Refusal::of("decryption", why))),
            };
            let binding = status::literal_name(&outcome.status).and_then(PreludeBinding::parse);
            Ok(DecryptOutcome::Opened(Decrypted {
                sink,
                detail,
                binding,
            }))
        }
        // gpg read all and found it unchanged: that its output does not end is no fault of it.
        _ if poured == Poured::Whole => {
            let what = "cannot decrypt: gpg's output is still held open by another process";
            Err(Error::new(Code::StageFailed, what)
                .stages(vec![outcome.report()])
                .hint("Look for a wrapper of gpg that leaves a process behind: `type -a gpg`."))
        }
        _ => Ok(DecryptOutcome::Refused(Refusal::of(
            "decryption",
            "it was not read to its end",
        ))),
    }
}

/// How much of the ciphertext gpg was given.
#[derive(PartialEq, Eq)]
enum Poured {
    Whole,
    InPart,
}

/// Whether gpg opened a message.
pub(crate) enum Opening {
    Opened,
    Refused(Refusal),
}

/// gpg's exit status and its status lines: neither is enough alone. An error where gpg could not
/// look: that is no word about the message.
pub(crate) fn opens(outcome: &ChildExit) -> Result<Opening> {
    let word = status::decrypted(&outcome.status);
    let said = last_line(&outcome.stderr).unwrap_or("no message");
    let why = format!("gpg ended with {}: {said}", outcome.end);
    let could_not = |code, what: String| {
        Error::new(code, format!("cannot decrypt: {what}")).stages(vec![outcome.report()])
    };
    if !matches!(outcome.end, ExitKind::Code(_)) {
        return Err(could_not(Code::StageFailed, why));
    }
    if !outcome.end.ok() || word.is_err() {
        if let Some(reason) = status::locked(&outcome.status) {
            let locked = locked(reason, &outcome.stderr);
            return Err(could_not(locked.code, locked.what).hint(locked.hint));
        }
        if !status::looked_at(&outcome.status) {
            return Err(could_not(Code::ToolUnfit, why));
        }
    }
    if !outcome.end.ok() {
        return Ok(Opening::Refused(Refusal::of("decryption", why)));
    }
    Ok(match word {
        Ok(()) => Opening::Opened,
        Err(why) => Opening::Refused(Refusal::of("decryption", why)),
    })
}

/// Which key opened it, if the manifest names it: key ids in the ciphertext are nobody's word.
pub(crate) fn opened_by_recipient(
    lines: &[String],
    manifest: &Manifest,
) -> std::result::Result<String, String> {
    let by = status::opened_by(lines);
    let meant = |subkey: &str, primary: &str| {
        let mut recipients = manifest.recipients.iter();
        recipients.any(|r| r.encryption_subkey == subkey && r.fingerprint == primary)
    };
    match by {
        Some((subkey, primary)) if !meant(subkey, primary) => Err(format!(
            "it was opened by {subkey} of {primary}, which the manifest does not name"
        )),
        _ => {
            let by = by.map_or("a key that gpg does not name", |(subkey, _)| subkey);
            Ok(format!("gpg opened it with {by} and found it unchanged"))
        }
    }
}

const PASSPHRASE: &str = "Give the passphrase by --passphrase-fd N, or run it on a terminal.";
pub(crate) const NO_SECRET_KEY: &str = "Name the keyring that has the secret key with --gnupg-home.\nWhere the key is on another host, diff, undo and restore take the decrypted dump from there: --plaintext -";
const AGENT: &str = "gpg-agent must be installed, and able to make its socket: in a keyring's folder that this user owns and may write, of at most 86 bytes. Name another with --gnupg-home.";
const PINENTRY: &str = "The pinentry must be able to open this terminal; after `su` it belongs to somebody else: log in as this user, or give the passphrase by --passphrase-fd N.";

/// Why no key of the keyring could be used, and what helps.
struct LockedKey {
    code: Code,
    what: String,
    hint: &'static str,
}

fn locked(reason: Locked, stderr: &str) -> LockedKey {
    let key = |what: &str, hint| LockedKey {
        code: Code::KeyUnfit,
        what: what.into(),
        hint,
    };
    match (reason, status::no_agent(stderr)) {
        (_, Some(line)) => LockedKey {
            code: Code::ToolUnfit,
            what: format!("gpg-agent, which holds the secret keys, cannot be asked: {line}"),
            hint: AGENT,
        },
        (Locked::NobodyToAsk, _) => key(
            "the secret key is protected, and there is no terminal to ask for its passphrase",
            PASSPHRASE,
        ),
        (Locked::BadPassphrase, _) => key("the passphrase is wrong", PASSPHRASE),
        (Locked::Cancelled, _) => key("the passphrase was not given", PASSPHRASE),
        (Locked::NoSecretKey, _) => {
            key("the keyring has no secret key that opens it", NO_SECRET_KEY)
        }
        (Locked::NoAnswer, _) => {
            let failed = "gpg: public key decryption failed: ";
            let mut lines = stderr.lines().map(str::trim);
            let line = lines.find(|line| line.starts_with(failed));
            LockedKey {
                code: Code::ToolUnfit,
                what: format!(
                    "the secret key cannot be used: {}",
                    line.or(last_line(stderr)).unwrap_or("no message")
                ),
                hint: PINENTRY,
            }
        }
    }
}
