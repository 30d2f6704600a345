//! Where the decrypted dump comes from: gpg on this host, or our standard input, if the secret key
//! stays on another. Both stand at the head of a pipe, and are judged at its end.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::gnupg::status;
use crate::process::cancel::Cancel;
use crate::process::child::ChildExit;
use crate::process::command::CommandSpec;
use crate::process::find::{self, Tool};
use crate::report::findings::Findings;
use crate::store::manifest::Manifest;
use crate::verify::decrypt::{Ciphertext, Decryptor, Opening, opened_by_recipient, opens};
use crate::verify::verification::EncryptedFile;
use std::fs::File;
use std::io::{self, IsTerminal, stdin};
use std::os::fd::AsFd;
use std::sync::Arc;

pub(crate) struct DumpSource<'a> {
    /// Writes the dump, as gpg gives it out.
    pub spec: CommandSpec,
    pub opened: Opened,
    pub cancel: &'a Cancel,
    pub meter: Meter,
    ciphertext: Option<(&'a EncryptedFile, &'a Decryptor<'a>)>,
}

/// Whose word it is that the message was opened, and was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// gpg's, on this host.
    Here,
    /// Nobody's that we heard: what counts is the manifest's hash of the plaintext.
    Elsewhere,
}

impl<'a> DumpSource<'a> {
    pub(crate) fn sealed(artifact: &'a EncryptedFile, key: &'a Decryptor<'a>) -> DumpSource<'a> {
        DumpSource {
            spec: key.spec.clone(),
            opened: Opened::Here,
            cancel: key.cancel,
            meter: key.meter.clone(),
            ciphertext: Some((artifact, key)),
        }
    }

    /// Decrypted elsewhere. The file is read by a program, which can be ended while it waits.
    pub(crate) fn decrypted(
        file: File,
        env: &Env,
        meter: &Meter,
        cancel: &'a Cancel,
    ) -> Result<DumpSource<'a>> {
        let cat = find::find(Tool::Cat, env)?;
        let spec = CommandSpec::new("plaintext", &cat);
        Ok(DumpSource {
            spec: spec.reading(Arc::new(file.into())),
            opened: Opened::Elsewhere,
            cancel,
            meter: meter.clone(),
            ciphertext: None,
        })
    }

    /// What is fed to it.
    pub(crate) fn source(&self) -> Result<Option<Ciphertext>> {
        let sealed = self.ciphertext;
        sealed
            .map(|(sealed, key)| Ciphertext::new(sealed, key))
            .transpose()
    }
}

/// Our standard input, which `--plaintext -` names.
pub(crate) fn given() -> Result<File> {
    let stdin = stdin();
    if stdin.is_terminal() {
        let what = "--plaintext -: standard input is a terminal";
        return Err(Error::new(Code::Input, what)
            .hint("Pipe the decrypted dump into it: gpg --decrypt RUN.sql.gpg | pgseal …"));
    }
    let ours = stdin.as_fd().try_clone_to_owned();
    Ok(ours.map_err(|err| unreadable(&err))?.into())
}

pub(crate) fn unreadable(err: &io::Error) -> Error {
    let what = format!("--plaintext -: standard input cannot be read: {err}");
    Error::new(Code::Input, what).hint("Pipe the decrypted dump into it.")
}

impl Opened {
    /// By gpg's status lines.
    pub(crate) fn judge(self, lines: &[String], manifest: &Manifest, findings: &mut Findings) {
        const CHECK: &str = "decryption";
        match self {
            Opened::Here => {
                let how =
                    status::decrypted(lines).and_then(|()| opened_by_recipient(lines, manifest));
                findings.record(CHECK, how);
            }
            Opened::Elsewhere => findings.record_not_checked(
                CHECK,
                "not proved: decrypted elsewhere; the manifest's hash is of its plaintext",
            ),
        }
    }

    /// Why the program that gives out the dump ended otherwise than well.
    pub(crate) fn failed(self, producer: &ChildExit) -> Error {
        match self {
            Opened::Here => match opens(producer) {
                Ok(Opening::Refused(no)) => {
                    let what = format!("the artifact cannot be decrypted: {}", no.why);
                    Error::new(Code::NotVerified, what)
                }
                Ok(Opening::Opened) => Error::new(Code::NotVerified, "gpg and psql failed"),
                Err(error) => error,
            },
            Opened::Elsewhere => {
                let what = format!(
                    "the dump on standard input cannot be read: cat ended with {}",
                    producer.end
                );
                Error::new(Code::StageFailed, what)
            }
        }
    }
}
