//! What only the holder of the secret key can prove: that the message opens, was not changed, and
//! holds the rows that the manifest counts. Streaming; no plaintext is kept or written.

use super::consistency::stored;
use super::findings::Findings;
use super::opened::{FromStart, Opened};
use super::plaintext::{Plain, Seen};
use crate::compression::Compression;
use crate::error::{Code, Error, Result};
use crate::gnupg::Gpg;
use crate::gnupg::opening::Asking;
use crate::gnupg::status::{self, Locked};
use crate::manifest::Manifest;
use crate::pipeline::{End, Halt, Outcome, Sink, Source, stream};
use crate::seal::stopped;
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

/// Reads a plaintext to its end and keeps nothing.
pub(super) struct Discard;

impl Sink for Discard {
    fn push(&mut self, _bytes: &[u8]) -> std::result::Result<(), Halt> {
        Ok(())
    }
}

/// The dump itself: gpg's word, the plaintext's hash and size, every table's rows.
pub(super) fn artifact(
    opened: &Opened,
    sha256: &str,
    manifest: &Manifest,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let compression = match Compression::parse(&manifest.compression) {
        Ok(compression) => compression,
        Err(why) => {
            findings.judge("decryption", Err(why));
            return Ok(());
        }
    };
    let sink = Plain::new(manifest, compression)?;
    let plain = match decrypt(opened, sha256, manifest, key, sink)? {
        Ok((plain, detail)) => {
            findings.judge("decryption", Ok(detail));
            plain
        }
        Err((check, why)) => {
            findings.judge(check, Err(why));
            return Ok(());
        }
    };
    let seen = match plain.finish() {
        Ok(seen) => seen,
        Err(why) => {
            findings.judge("content", Err(format!("the dump is not whole: {why}")));
            return Ok(());
        }
    };
    findings.judge(
        "content",
        Ok("the dump is whole: every table's rows, and its completion trailer".into()),
    );
    findings.judge("plaintext", plaintext(&seen, manifest));
    findings.judge("rows", rows(&seen, manifest));
    Ok(())
}

fn plaintext(seen: &Seen, manifest: &Manifest) -> std::result::Result<String, String> {
    let said = &manifest.plaintext;
    if seen.bytes != said.size_bytes {
        return Err(format!(
            "{} bytes, the manifest says {}",
            seen.bytes, said.size_bytes
        ));
    }
    match seen.sha256 == said.sha256 {
        true => Ok(format!("SHA-256 {}, {} bytes", seen.sha256, seen.bytes)),
        false => Err(format!(
            "SHA-256 is {}, the manifest says {}",
            seen.sha256, said.sha256
        )),
    }
}

/// Every relation has its block: the scan has seen to that.
fn rows(seen: &Seen, manifest: &Manifest) -> std::result::Result<String, String> {
    let mut wrong = Vec::new();
    for table in stored(manifest) {
        let name = table.table();
        let block = seen.blocks.iter().find(|block| block.table == name);
        let (rows, bytes) = block.map_or((0, 0), |block| (block.rows, block.bytes));
        if (rows, bytes) != (table.rows, table.bytes) {
            wrong.push(format!(
                "`{name}` has {rows} rows in {bytes} bytes, the manifest says {} in {}",
                table.rows, table.bytes
            ));
        }
    }
    match wrong.is_empty() {
        true => Ok(format!(
            "{} in {} tables",
            manifest.rows(),
            seen.blocks.len()
        )),
        false => Err(wrong.join("; ")),
    }
}

/// A file that shall only be seen to open and to be whole.
pub(super) fn prelude(
    opened: &Opened,
    sha256: &str,
    manifest: &Manifest,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let how = decrypt(opened, sha256, manifest, key, Discard)?;
    let how = how.map(|(_, detail)| detail).map_err(|(_, why)| why);
    findings.judge("prelude decryption", how);
    Ok(())
}

/// What was opened, or the check that failed and why.
pub(crate) type Judged<S> = std::result::Result<(S, String), (&'static str, String)>;

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
            Ok(Ok((sink, detail)))
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
