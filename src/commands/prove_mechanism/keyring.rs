//! The host's own keyring, which the proof must leave as it is.

use crate::config::Config;
use crate::error::{Code, Result};
use crate::gnupg::{Gpg, colons};
use crate::inspect;
use crate::pipeline::Input;
use crate::watch::Watch;
use std::fmt;

/// Public and secret keys of a keyring, counted without an agent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts(usize, usize);

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} public and {} secret keys", self.0, self.1)
    }
}

pub(super) fn counts(gpg: &Gpg, config: &Config, watch: &Watch) -> Result<Counts> {
    let home = &config.gnupg_home;
    let public = if inspect::has_keyring(home) {
        let what = "cannot list the host keyring";
        let ran = inspect::ask(&gpg.list_keys(), Input::Null, watch, Code::KeyUnfit, what)?;
        colons::keys(&ran.text()).len()
    } else {
        0
    };
    let secret = std::fs::read_dir(home.join("private-keys-v1.d"))
        .map(|entries| {
            let names = entries.flatten().map(|entry| entry.file_name());
            names
                .filter(|name| name.to_string_lossy().ends_with(".key"))
                .count()
        })
        .unwrap_or(0);
    Ok(Counts(public, secret))
}
