//! What the verbs that open an artifact have in common: which one, whose word, whose key.

use crate::cli;
use crate::config::Config;
use crate::envelope::Envelope;
use crate::error::{Code, Error, Result};
use crate::inspect;
use crate::patient;
use crate::secret;
use crate::verify::{self, Examined, Key, Origin, Subject, origin};
use crate::watch::Watch;
use std::os::fd::AsFd;
use std::path::Path;

/// An envelope is one line.
const LARGEST_ENVELOPE: usize = 64 * 1024;

/// What the caller gave, read before any file of ours is opened, which could get the number of
/// the descriptor that was meant.
pub(super) struct Given {
    pub origin: Origin,
    pub passphrase: Option<Vec<u8>>,
}

pub(super) fn given(
    named: &cli::Named,
    passphrase_fd: Option<u32>,
    watch: &Watch,
) -> Result<Given> {
    if passphrase_fd == Some(0) && named.envelope.as_deref() == Some("-") {
        let what = "--passphrase-fd 0 and --envelope - cannot both read standard input";
        return Err(Error::new(Code::Usage, what));
    }
    let passphrase = passphrase_fd
        .map(|fd| secret::passphrase(fd, watch))
        .transpose()?;
    let kept = named.envelope.as_deref();
    let origin = Origin {
        sha256: named.sha256.clone(),
        envelope: kept.map(|file| envelope(file, watch)).transpose()?,
    };
    Ok(Given { origin, passphrase })
}

/// What cannot be read is a doubt, and the report says so; only to be stopped is an error.
fn envelope(file: &str, watch: &Watch) -> Result<std::result::Result<Envelope, String>> {
    let from: std::io::Result<Box<dyn AsFd>> = match file {
        "-" => Ok(Box::new(std::io::stdin())),
        file => patient::open(Path::new(file)).map(|file| Box::new(file) as Box<dyn AsFd>),
    };
    let bytes = match from {
        Ok(from) => patient::read(from, LARGEST_ENVELOPE, |_| false, watch)?,
        Err(err) => Err(err),
    };
    let text = bytes
        .and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other))
        .map_err(|err| format!("the envelope {file:?} cannot be read: {err}"));
    Ok(text.and_then(|text| {
        origin::envelope(&text).map_err(|why| format!("the envelope {file:?}: {why}"))
    }))
}

/// Looks at it from outside.
pub(super) fn examine(
    target: &verify::Target,
    given: &Given,
    config: &Config,
    watch: &Watch,
) -> Result<Examined> {
    verify::outside(Subject::find(target, &config.store)?, &given.origin, watch)
}

/// The same for what is to be restored: nothing may be wrong with it.
pub(super) fn sound(
    target: &verify::Target,
    given: &Given,
    config: &Config,
    watch: &Watch,
) -> Result<Examined> {
    let examined = examine(target, given, config, watch)?;
    let untouched = "nothing was changed: neither gpg nor psql was started";
    match examined.sound() {
        Ok(_) => Ok(examined),
        Err(error) => Err(error.disk(untouched)),
    }
}

pub(super) fn key<'a>(
    config: &Config,
    passphrase: Option<Vec<u8>>,
    watch: &'a Watch,
) -> Result<Key<'a>> {
    let gpg = inspect::gpg(config)?;
    if !inspect::has_keyring(&config.gnupg_home) {
        let home = config.gnupg_home.display();
        return Err(
            Error::new(Code::KeyUnfit, format!("no keyring in `{home}`"))
                .hint("Name the keyring that has the secret key with --gnupg-home."),
        );
    }
    Ok(Key::new(&gpg, passphrase, &config.env, watch))
}

/// Refuses an artifact of which nothing says who sealed it.
pub(super) fn require_origin(examined: &Examined) -> Result<()> {
    if examined.origin().proved() {
        return Ok(());
    }
    let shown = examined.subject().artifact.display();
    let what =
        format!("nothing proves who sealed `{shown}`: whoever has the public key could have");
    Err(Error::new(Code::OriginUnproved, what)
        .disk("nothing was changed: neither gpg nor psql was started")
        .hint(
            "Give what you kept elsewhere: --envelope FILE, or --sha256 HEX.\n      \
             Only if you made sure in another way: --origin-unproved; its SQL then runs with your rights.",
        ))
}
