//! The host's own keyring, which the proof must leave as it is.

use crate::base::error::{Code, Error, Result};
use crate::config::settings::Config;
use crate::gnupg::command::Gpg;
use crate::gnupg::{colons, keyring};
use crate::process::ask;
use crate::process::cancel::Cancel;
use crate::process::run::Input;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

/// A keyring as it can be told without an agent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Keyring {
    /// Fingerprints.
    public: BTreeSet<String>,
    /// Names of the files that hold the secret parts.
    secret: BTreeSet<OsString>,
}

impl fmt::Display for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (public, secret) = (self.public.len(), self.secret.len());
        write!(f, "{public} public and {secret} secret keys")
    }
}

pub(crate) fn look(gpg: &Gpg, config: &Config, cancel: &Cancel) -> Result<Keyring> {
    let home = &config.gnupg_home;
    let mut public = BTreeSet::new();
    if keyring::has_keyring(home)? {
        let what = "cannot list the host keyring";
        let ran = ask::ask(&gpg.list_keys(), Input::Null, cancel, Code::KeyUnfit, what)?;
        let keys = colons::keys(&ran.text()).into_iter();
        public.extend(keys.map(|key| key.primary.fingerprint));
    }
    let folder = home.join("private-keys-v1.d");
    let secret = match secret(&folder) {
        Err(err) if err.kind() != ErrorKind::NotFound => {
            return Err(Error::io(Code::KeyUnfit, "list", &folder, &err));
        }
        found => found.unwrap_or_default(),
    };
    Ok(Keyring { public, secret })
}

fn secret(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
    let is_key = |name: &OsString| name.as_encoded_bytes().ends_with(b".key");
    names
        .filter(|name| name.as_ref().map_or(true, is_key))
        .collect()
}
