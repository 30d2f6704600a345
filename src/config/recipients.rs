//! Whom to encrypt to: flag, environment, dotenv file, config file.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::names::Fingerprint;
use crate::config::flags::Settings;
use crate::config::settings::once_each;
use crate::config::{dotenv, file};

/// Whom to encrypt to, and which setting said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipients {
    pub fingerprints: Vec<Fingerprint>,
    pub source: String,
}

/// Flag, BACKUP_GPG_FPR in the environment, the dotenv file, the config file's list.
pub(crate) fn recipients(settings: &Settings, env: &Env, file: &file::File) -> Result<Recipients> {
    let env_file = settings
        .env_file
        .as_ref()
        .or(file.encryption.env_file.as_ref());
    let (texts, source, code) = if !settings.recipients.is_empty() {
        let texts = settings.recipients.iter().map(ToString::to_string);
        (texts.collect(), "--recipient".to_string(), Code::Usage)
    } else if let Some(value) = env.value(dotenv::VARIABLE) {
        let text = value.to_string_lossy().into_owned();
        (
            vec![text],
            format!("environment {}", dotenv::VARIABLE),
            Code::Setting,
        )
    } else if let Some(path) = env_file
        && let Some(value) = dotenv::read(path)?.filter(|value| !value.is_empty())
    {
        (vec![value], path.display().to_string(), Code::Setting)
    } else {
        let list = file.encryption.recipients.clone().unwrap_or_default();
        (
            list,
            format!("{} [encryption] recipients", file.shown),
            Code::Setting,
        )
    };
    if texts.is_empty() {
        let looked = match env_file {
            Some(path) => format!(" (looked in {} too)", path.display()),
            None => String::new(),
        };
        return Err(Error::new(
            Code::Setting,
            format!("no recipient: {} is not set{looked}", dotenv::VARIABLE),
        )
        .hint(
            Hints::from(format!(
                "Set {}=FINGERPRINT, the backup key's full one, or give --recipient. Without a key yet:",
                dotenv::VARIABLE
            ))
            .then(Hint::pgseal(&["operator-package"])),
        )
        .absent());
    }
    let fingerprints = texts
        .iter()
        .flat_map(|text| text.split(','))
        .map(Fingerprint::parse)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|why| {
            Error::new(code, format!("{source}: {why}"))
                .hint("Show full fingerprints with `gpg --list-keys --with-colons`.")
        })?;
    let fingerprints = once_each(fingerprints, |twice| {
        Error::new(code, format!("{source}: recipient {twice} is named twice"))
            .hint("Name each recipient once.")
    })?;
    Ok(Recipients {
        fingerprints,
        source,
    })
}
