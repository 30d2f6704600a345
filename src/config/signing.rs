//! The key that signs manifests, and the keys whose signatures prove an origin: flags, environment,
//! config file.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::names::Fingerprint;
use crate::config::file;
use crate::config::flags::Settings;
use crate::config::settings::once_each;

const VARIABLE: &str = "PGSEAL_SIGNING_KEY";

/// Primary fingerprints; the defaults sign nothing and trust nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Signing {
    pub key: Option<Fingerprint>,
    /// Which setting named it.
    pub source: String,
    /// The signing key itself, where no other is named.
    pub trusted: Vec<Fingerprint>,
}

impl Signing {
    /// The key to sign with; refused where its signatures would not be believed here.
    pub(crate) fn trusted_key(&self) -> Result<Option<&Fingerprint>> {
        match &self.key {
            Some(key) if !self.trusted.contains(key) => {
                let what = format!("the signing key {key} is not among the keys that are trusted");
                Err(Error::new(Code::Setting, what)
                    .hint("Name it in [signing] trusted too, or by --signed-by."))
            }
            key => Ok(key.as_ref()),
        }
    }
}

/// Flags, PGSEAL_SIGNING_KEY in the environment, the config file.
pub(crate) fn signing(settings: &Settings, env: &Env, file: &file::File) -> Result<Signing> {
    let parsed = |text: &str, source: &str| {
        Fingerprint::parse(text).map_err(|why| {
            Error::new(Code::Setting, format!("{source}: {why}"))
                .hint("Show full fingerprints with `gpg --list-keys --with-colons`.")
        })
    };
    let in_file = |key: &str| format!("{} [signing] {key}", file.shown);
    // A variable that is set and empty is one that could not be filled: nothing goes unsigned for it.
    let (key, source) = match (&settings.sign_with, env.get(VARIABLE), &file.signing.key) {
        (Some(key), _, _) => (Some(key.clone()), "--sign-with".to_string()),
        (None, Some(text), _) => {
            let source = format!("environment {VARIABLE}");
            (Some(parsed(&text.to_string_lossy(), &source)?), source)
        }
        (None, None, Some(text)) => {
            let source = in_file("key");
            (Some(parsed(text, &source)?), source)
        }
        (None, None, None) => (None, String::new()),
    };
    let (trusted, code) = match (&settings.signed_by[..], &file.signing.trusted) {
        ([], None) => (key.iter().cloned().collect(), Code::Setting),
        ([], Some(texts)) => {
            let texts = texts.iter().map(|text| parsed(text, &in_file("trusted")));
            (texts.collect::<Result<Vec<_>>>()?, Code::Setting)
        }
        (flags, _) => (flags.to_vec(), Code::Usage),
    };
    let trusted = once_each(trusted, |twice| {
        Error::new(code, format!("trusted key {twice} is named twice")).hint("Name each key once.")
    })?;
    Ok(Signing {
        key,
        source,
        trusted,
    })
}
