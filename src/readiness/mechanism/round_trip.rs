//! The round trip and the controls, each a step with its evidence.

use crate::base::error::{Code, Error, Result};
use crate::base::names::Fingerprint;
use crate::base::random;
use crate::base::text::last_line;
use crate::config::settings::Config;
use crate::gnupg::compression::Compression;
use crate::gnupg::ephemeral_home::EphemeralHome;
use crate::gnupg::packet_reader::{KeyId, MessageReader};
use crate::gnupg::{colons, packet_writer, status};
use crate::process::ask::answered;
use crate::process::cancel::{Cancel, stopped};
use crate::process::child::ExitKind;
use crate::process::command::CommandSpec;
use crate::process::run::{Input, Output, run};
use crate::readiness::mechanism::canary::Canary;
use crate::readiness::mechanism::key_type::KeyType;
use crate::report::proof::Step;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// More than one of gpg's buffers and of our pipes.
const SAMPLE: usize = 192 * 1024;

/// One of the two throw-away homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    OfTheKey,
    /// With other keys: one that has not the secret, one that has expired.
    Other,
}

/// A message that was given to gpg to decrypt, and what came of it.
struct Decryption {
    spec: CommandSpec,
    judged: std::result::Result<(), String>,
}

pub(crate) struct RoundTrip<'a> {
    config: &'a Config,
    cancel: &'a Cancel,
    canary: &'a Canary,
    home: EphemeralHome,
    other: EphemeralHome,
    sample: Vec<u8>,
    ciphertext: Vec<u8>,
    steps: Vec<Step>,
}

impl<'a> RoundTrip<'a> {
    pub(crate) fn new(
        program: &str,
        config: &'a Config,
        cancel: &'a Cancel,
        canary: &'a Canary,
    ) -> Result<RoundTrip<'a>> {
        let mut sample = vec![0; SAMPLE];
        random::fill(&mut sample)?;
        Ok(RoundTrip {
            config,
            cancel,
            canary,
            home: EphemeralHome::new(program, &config.env, cancel)?,
            other: EphemeralHome::new(program, &config.env, cancel)?,
            sample,
            ciphertext: Vec::new(),
            steps: Vec::new(),
        })
    }

    pub(crate) fn homes(&self) -> Vec<PathBuf> {
        vec![self.home.path().into(), self.other.path().into()]
    }

    pub(crate) fn round_trip(&mut self, shape: &KeyType) -> Result<()> {
        let day = "Expire-Date: 1d";
        let Some(fingerprint) = self.make_key(Home::OfTheKey, &shape.block(day), shape)? else {
            return Ok(());
        };
        let spec = self
            .home
            .gpg
            .encrypt(std::slice::from_ref(&fingerprint), self.config.compression);
        let ran = self.run(&spec, Input::Bytes(self.framed()?))?;
        let expected = self.listed(Home::OfTheKey, &fingerprint)?;
        let judged = judge_encrypted(&ran, &fingerprint, expected);
        let detail = match &judged {
            Ok(()) => format!("{} bytes → {} bytes", self.sample.len(), ran.stdout.len()),
            Err(why) => why.clone(),
        };
        self.step("encrypt as backup does", judged.is_ok(), detail, &spec);
        self.ciphertext = ran.stdout;

        let Decryption { spec, judged } = self.decrypt(Home::OfTheKey, &self.ciphertext)?;
        let detail = match &judged {
            Ok(()) => "SHA-256 of the plaintext is equal".into(),
            Err(why) => why.clone(),
        };
        self.step("decrypt", judged.is_ok(), detail, &spec);
        Ok(())
    }

    /// Each must be refused; one that is not proves that a yes means nothing here.
    pub(crate) fn controls(&mut self) -> Result<()> {
        if self.ciphertext.len() < 1024 {
            return Ok(());
        }
        let mut flipped = self.ciphertext.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        self.refused("one bit flipped is refused", Home::OfTheKey, &flipped)?;
        let cut = self.ciphertext[..self.ciphertext.len() - 1].to_vec();
        self.refused("truncated by one byte is refused", Home::OfTheKey, &cut)?;

        let shape = KeyType::default();
        let day = "Expire-Date: 1d";
        if self
            .make_key(Home::Other, &shape.block(day), &shape)?
            .is_some()
        {
            let whole = self.ciphertext.clone();
            self.refused("another secret key is refused", Home::Other, &whole)?;
        }
        let past = "Creation-Date: 20200101T000000\nExpire-Date: 20200201T000000";
        if let Some(expired) = self.make_key(Home::Other, &shape.block(past), &shape)? {
            let spec = self
                .other
                .gpg
                .encrypt(std::slice::from_ref(&expired), self.config.compression);
            let ran = self.run(&spec, Input::Bytes(self.framed()?))?;
            // One that was killed, or not started, has judged nothing.
            let refused = matches!(ran.outcome.end, ExitKind::Code(code) if code != 0);
            let by_gpg = refused && ran.stdout.is_empty();
            let by_us = self.listed(Home::Other, &expired)?.is_none();
            let detail = format!(
                "by gpg: {by_gpg} ({}), by our own look: {by_us}",
                ran.outcome.end
            );
            self.step(
                "an expired recipient is refused",
                by_gpg && by_us,
                detail,
                &spec,
            );
        }
        Ok(())
    }

    /// Removes both homes, and says what was left.
    pub(crate) fn finish(mut self) -> (Vec<Step>, (usize, usize)) {
        let sizes = (self.sample.len(), self.ciphertext.len());
        let mut left = (0, 0);
        let paths = [self.home.path(), self.other.path()].map(|path| path.display().to_string());
        for home in [self.home, self.other] {
            let removed = home.remove();
            left.0 += removed.processes_left;
            left.1 += usize::from(removed.folder_left);
        }
        self.steps.push(Step {
            name: "cleaned up",
            passed: left == (0, 0),
            detail: format!(
                "{} processes and {} folders left of {}",
                left.0,
                left.1,
                paths.join(", ")
            ),
            argv: None,
        });
        (self.steps, sizes)
    }

    /// The sample as backup hands it to gpg.
    fn framed(&self) -> Result<Vec<u8>> {
        packet_writer::framed(&self.sample, self.config.compression)
            .map_err(|err| Error::new(Code::StageFailed, format!("cannot compress: {err}")))
    }

    fn home(&self, home: Home) -> &EphemeralHome {
        match home {
            Home::OfTheKey => &self.home,
            Home::Other => &self.other,
        }
    }

    fn step(&mut self, name: &'static str, passed: bool, detail: String, spec: &CommandSpec) {
        self.steps.push(Step {
            name,
            passed,
            detail,
            argv: Some(spec.argv()),
        });
    }

    fn run(&self, spec: &CommandSpec, input: Input) -> Result<Output> {
        let ran = run(spec, input, self.cancel);
        match ran.stop {
            Some(stop) => Err(stopped(stop)),
            None => ran.started(),
        }
    }

    /// The passphrase is the first line of standard input, the parameter block the rest.
    fn make_key(
        &mut self,
        home: Home,
        block: &str,
        shape: &KeyType,
    ) -> Result<Option<Fingerprint>> {
        let spec = self.home(home).gpg.generate();
        let input = format!("{}\n{block}", self.canary.secret());
        let ran = self.run(&spec, Input::Bytes(input.into_bytes()))?;
        let made = status::created(&ran.outcome.status).filter(|_| ran.ok());
        let made = made.and_then(|fpr| Fingerprint::parse(&fpr).ok());
        if made.is_none() || home == Home::OfTheKey {
            let detail = match &made {
                Some(fingerprint) => format!("{shape}, passphrase-protected: {fingerprint}"),
                None => format!("{}: {}", ran.outcome.end, last_words(&ran)),
            };
            self.step("make a throw-away key", made.is_some(), detail, &spec);
        }
        Ok(made)
    }

    /// The key id that a message to this key must name, `None` where the key is unfit.
    fn listed(&self, home: Home, fingerprint: &Fingerprint) -> Result<Option<KeyId>> {
        let list = self.home(home).gpg.list_key(fingerprint.as_str());
        let ran = self.run(&list, Input::Null)?;
        let ran = answered(ran, Code::StageFailed, "cannot list the throw-away key")?;
        let now = Timestamp::now().as_second();
        let keys = colons::keys(&ran.text());
        let subkey = keys.first().and_then(|key| key.encryption_subkey(now).ok());
        Ok(subkey.and_then(|subkey| subkey.key_id()))
    }

    fn decrypt(&self, home: Home, ciphertext: &[u8]) -> Result<Decryption> {
        let home = self.home(home);
        let file = home.path().join("sample.gpg");
        std::fs::write(&file, ciphertext)
            .map_err(|err| Error::io(Code::Store, "write", &file, &err))?;
        let spec = home.gpg.decrypt(&file.display().to_string());
        let passphrase = format!("{}\n", self.canary.secret());
        let ran = self.run(&spec, Input::Bytes(passphrase.into_bytes()))?;
        let judge = || {
            if !ran.ok() {
                return Err(format!("{}: {}", ran.outcome.end, last_words(&ran)));
            }
            status::decrypted(&ran.outcome.status)?;
            let plaintext = match self.config.compression {
                Compression::Zstd(_) => zstd::decode_all(&ran.stdout[..])
                    .map_err(|err| format!("the plaintext does not inflate: {err}"))?,
                _ => ran.stdout.clone(),
            };
            if Sha256::digest(plaintext) == Sha256::digest(&self.sample) {
                Ok(())
            } else {
                Err("the plaintext differs".into())
            }
        };
        let judged = judge();
        Ok(Decryption { spec, judged })
    }

    fn refused(&mut self, name: &'static str, home: Home, ciphertext: &[u8]) -> Result<()> {
        let Decryption { spec, judged } = self.decrypt(home, ciphertext)?;
        let (passed, detail) = match judged {
            Ok(()) => (false, "it was accepted".into()),
            // Refused by gpg's own judgement: a gpg that was killed has judged nothing.
            Err(why) => (why.starts_with("status 2: "), why),
        };
        self.step(name, passed, detail, &spec);
        Ok(())
    }
}

/// One whole message to this key, by gpg's word and by its packets.
fn judge_encrypted(
    ran: &Output,
    fingerprint: &Fingerprint,
    expected: Option<KeyId>,
) -> std::result::Result<(), String> {
    if !ran.ok() {
        return Err(format!("{}: {}", ran.outcome.end, last_words(ran)));
    }
    status::encrypted(&ran.outcome.status, [fingerprint.as_str()])?;
    let mut framing = MessageReader::new();
    let read = framing.push(&ran.stdout).and_then(|()| framing.finish());
    let message = read.map_err(|err| err.to_string())?;
    match (expected, &message.recipients[..]) {
        (Some(meant), [named]) if meant == *named => Ok(()),
        _ => Err("the ciphertext names another key".into()),
    }
}

fn last_words(ran: &Output) -> &str {
    last_line(&ran.outcome.stderr).unwrap_or("no message")
}
