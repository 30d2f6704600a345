//! A sealed file through gpg: fed from the one descriptor, and believed only where gpg's status,
//! its status lines and the bytes that it was fed all say so. Streaming; nothing is written.

use super::opened::{FromStart, Opened};
use crate::error::{Code, Error, Result};
use crate::gnupg::Gpg;
use crate::gnupg::opening::Asking;
use crate::gnupg::status::{self, Locked};
use crate::manifest::Manifest;
use crate::pipeline::{End, Halt, Outcome, Sink, Source, stream};
use crate::seal::{Bond, stopped};
use crate::spec::CommandSpec;
use crate::watch::Watch;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};

const BUFFER: usize = 128 * 1024;

/// How messages are opened on this host.
pub(crate) struct Key<'a> {
    pub spec: CommandSpec,
    /// Goes to gpg's standard input, in front of the message.
    pub passphrase: Option<Vec<u8>>,
    pub watch: &'a Watch,
}

impl<'a> Key<'a> {
    pub(crate) fn new(
        gpg: &Gpg,
        passphrase: Option<Vec<u8>>,
        env: &crate::config::Env,
        watch: &'a Watch,
    ) -> Key<'a> {
        let asking = match (&passphrase, crate::render::term::terminal()) {
            (Some(_), _) => Asking::FirstLine,
            (None, Some(tty)) => Asking::Terminal(tty),
            (None, None) => Asking::Nobody,
        };
        Key {
            spec: gpg.open(&asking, env),
            passphrase,
            watch,
        }
    }
}

/// Feeds the passphrase and then the file, hashed again: what was decrypted is what was hashed.
pub(crate) struct Ciphertext {
    passphrase: Vec<u8>,
    from: FromStart,
    hash: Sha256,
}

impl Ciphertext {
    pub(crate) fn new(opened: &Opened, key: &Key<'_>) -> Result<Ciphertext> {
        Ok(Ciphertext {
            passphrase: key.passphrase.clone().unwrap_or_default(),
            from: opened
                .reader()
                .map_err(|err| Error::io(Code::Store, "read", &opened.path, &err))?,
            hash: Sha256::new(),
        })
    }

    /// Of what was fed so far.
    pub(crate) fn sha256(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }
}

impl Source for Ciphertext {
    fn pour(&mut self, to: &mut dyn Write) -> std::result::Result<(), Halt> {
        let broken = |err: io::Error| Halt::Pipe(err.to_string());
        to.write_all(&self.passphrase).map_err(broken)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let n = match self.from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => {
                    let what = format!("the artifact cannot be read: {err}");
                    return Err(Halt::Own(Error::new(Code::Store, what)));
                }
            };
            self.hash.update(&buffer[..n]);
            to.write_all(&buffer[..n]).map_err(broken)?;
        }
    }
}

/// What was opened.
pub(crate) struct Decrypted<S> {
    pub sink: S,
    pub detail: String,
    pub bond: Option<Bond>,
}

/// Or the check that failed and why.
pub(crate) type Judged<S> = std::result::Result<Decrypted<S>, (&'static str, String)>;

pub(crate) fn decrypt<S: Sink>(
    opened: &Opened,
    sha256: &str,
    manifest: &Manifest,
    key: &Key<'_>,
    sink: S,
) -> Result<Judged<S>> {
    let source = Ciphertext::new(opened, key)?;
    let streamed = stream(&key.spec, Some(source), sink, key.watch);
    let outcome = streamed.outcome;
    if let Some(stop) = streamed.stop {
        return Err(stopped(stop).while_doing("cannot decrypt"));
    }
    if let End::NotStarted(why) = &outcome.end {
        let what = format!("`{}` could not be started: {why}", outcome.spec.program());
        return Err(Error::new(Code::ToolUnfit, what).hint("Reinstall it, or take it out of PATH."));
    }
    let (source, poured) = match streamed.source {
        Some((_, Err(Halt::Own(error)))) => return Err(error),
        Some((source, poured)) => (Some(source), poured),
        None => (None, Err(Halt::Pipe("it was not read to its end".into()))),
    };
    // The scan refused what it saw, and gpg was ended for it.
    if let Some((_, Err(Halt::Own(error)))) = streamed.sink {
        return Ok(Err(("content", error.message)));
    }
    if let Err(why) = opens(&outcome, manifest)? {
        return Ok(Err(("decryption", why)));
    }
    let again = source.map(|source| source.sha256());
    if poured.is_err() || again.as_deref() != Some(sha256) {
        let why = "the file changed while it was read";
        return Ok(Err(("decryption", why.into())));
    }
    match streamed.sink {
        Some((sink, Ok(()))) => {
            let by = status::opened_by(&outcome.status).unwrap_or("a key that gpg does not name");
            let detail = format!("gpg opened it with {by} and found it unchanged");
            let bond = status::literal_name(&outcome.status).and_then(Bond::parse);
            Ok(Ok(Decrypted { sink, detail, bond }))
        }
        _ => Ok(Err((
            "decryption",
            "gpg's output was not read to its end".into(),
        ))),
    }
}

/// gpg's exit status and its status lines: neither is enough alone.
pub(crate) fn opens(
    outcome: &Outcome,
    manifest: &Manifest,
) -> Result<std::result::Result<(), String>> {
    match status::locked(&outcome.status) {
        Some(Locked::NobodyToAsk) => {
            return Err(Error::new(
                Code::KeyUnfit,
                "the secret key is protected, and there is no terminal to ask for its passphrase",
            )
            .hint("Give the passphrase by --passphrase-fd N, or run it on a terminal."));
        }
        Some(Locked::BadPassphrase) => return Ok(Err("the passphrase is wrong".into())),
        Some(Locked::Cancelled) => return Ok(Err("the passphrase was not given".into())),
        Some(Locked::NoSecretKey) => {
            return Ok(Err("the keyring has no secret key that opens it".into()));
        }
        None => {}
    }
    if !outcome.end.ok() {
        let said = outcome.talk.lines().rfind(|line| !line.trim().is_empty());
        let said = said.unwrap_or("no message").trim();
        return Ok(Err(format!("gpg ended with {}: {said}", outcome.end)));
    }
    if let Err(why) = status::decrypted(&outcome.status) {
        return Ok(Err(why));
    }
    // Key ids in the ciphertext are nobody's word; which key did open it is.
    let by = status::opened_by(&outcome.status);
    let meant = |fpr: &str| {
        manifest
            .recipients
            .iter()
            .any(|r| r.encryption_subkey == fpr)
    };
    Ok(match by {
        Some(fpr) if !meant(fpr) => Err(format!(
            "it was opened by {fpr}, which the manifest does not name"
        )),
        _ => Ok(()),
    })
}
