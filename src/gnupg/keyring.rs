//! The keyring: is this key there, and can it be encrypted to.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::names::Fingerprint;
use crate::base::text::{counted, shell_word};
use crate::gnupg::colons::{self, Key, KeyUse, Part, Unfit};
use crate::gnupg::command::Gpg;
use crate::gnupg::remedy::UnfitKey;
use crate::process::ask::answered;
use crate::process::cancel::Cancel;
use crate::process::run::{Input, run};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// A recipient that can be encrypted to now.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub key: Key,
    pub subkey: Part,
    pub expires_at: Option<i64>,
}

/// How near an expiry is a warning.
const SOON: i64 = 30 * 24 * 3600;

impl Recipient {
    /// `key` as the recipient of this fingerprint, if it can be encrypted to now.
    pub(crate) fn new(key: Key, gpg: &Gpg, now: i64) -> Result<Recipient> {
        Recipient::of(key.clone(), now).map_err(|why| {
            let unfit = UnfitKey {
                key: &key,
                why,
                usage: KeyUse::Encrypt,
                now,
                home: &gpg.home,
            };
            let what = format!("the key {} {}", key.primary.fingerprint, unfit.told());
            Error::new(Code::KeyUnfit, what).hint(unfit.remedy())
        })
    }

    pub(crate) fn of(key: Key, now: i64) -> std::result::Result<Recipient, Unfit> {
        let subkey = key.encryption_subkey(now)?;
        Ok(Recipient {
            subkey: subkey.clone(),
            expires_at: key.expires_at(subkey),
            key,
        })
    }

    pub(crate) fn expires_soon(&self, now: i64) -> Option<String> {
        expires_soon(&self.key.primary.fingerprint, self.expires_at, now)
    }
}

pub(crate) fn expires_soon(fingerprint: &str, at: Option<i64>, now: i64) -> Option<String> {
    let at = at.filter(|at| at - now < SOON)?;
    Some(format!(
        "the key {fingerprint} expires in {}: provision its successor now",
        counted((at - now) / (24 * 3600), "day")
    ))
}

/// Asked first, since listing the keys of an empty folder would create a keyring in it.
/// gpg takes one that it may not read for an empty one.
pub(crate) fn has_keyring(home: &Path) -> Result<bool> {
    for ring in ["pubring.kbx", "pubring.gpg", "public-keys.d/pubring.db"] {
        let path = home.join(ring);
        match File::open(&path) {
            Ok(_) => return Ok(true),
            Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(err) => {
                return Err(Error::io(Code::KeyUnfit, "read the keyring", &path, &err).or_hint(
                    "Run as the keyring's owner, or name another with --gnupg-home or GNUPGHOME.",
                ));
            }
        }
    }
    Ok(false)
}

/// The key whose primary fingerprint this is, whatever its state.
pub(crate) fn find_key(gpg: &Gpg, fingerprint: &Fingerprint, cancel: &Cancel) -> Result<Key> {
    let home = &gpg.home;
    let unfit = |what: String| Error::new(Code::KeyUnfit, what);
    let unknown = || {
        unfit(format!(
            "no public key {fingerprint} in the keyring `{home}`"
        ))
        .hint(
            Hints::from("Import the public key, or name its keyring with --gnupg-home:").then(
                Hint::run(format!(
                    "gpg --homedir {} --import KEYFILE  # the public key {fingerprint}",
                    shell_word(home)
                )),
            ),
        )
        .absent()
    };
    if !has_keyring(Path::new(home))? {
        return Err(unknown());
    }
    let spec = gpg.list_key(fingerprint.as_str());
    let what = format!("cannot list the key {fingerprint}");
    let ran = run(&spec, Input::Null, cancel);
    let said = |word: &str| ran.outcome.status.iter().any(|line| line.contains(word));
    if !ran.ok() && said("keylist.getkey") {
        return Err(unknown());
    }
    let ran = answered(ran, Code::KeyUnfit, &what)?;
    let mut keys = colons::keys(&ran.text());
    let key = match (keys.pop(), keys.pop()) {
        (Some(key), None) => key,
        (None, _) => return Err(unknown()),
        _ => return Err(unfit(format!("more than one key answers to {fingerprint}"))),
    };
    let primary = &key.primary.fingerprint;
    if primary != fingerprint.as_str() {
        return Err(
            unfit(format!("{fingerprint} is a subkey of {primary}")).hint(format!(
                "Name the primary, {primary}: gpg takes the newest subkey that fits."
            )),
        );
    }
    Ok(key)
}
