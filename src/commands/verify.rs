//! `pgseal verify`: what can be proved of an artifact, and what cannot.

use super::Answer;
use crate::cli;
use crate::config::Config;
use crate::envelope::Envelope;
use crate::error::{Code, Error, Result};
use crate::exit::Exit;
use crate::inspect;
use crate::patient;
use crate::render;
use crate::report::Verdict;
use crate::secret;
use crate::verify::{self, Key, Origin, Subject, origin};
use crate::watch::Watch;
use std::os::fd::AsFd;
use std::path::Path;

/// An envelope is one line.
const LARGEST_ENVELOPE: usize = 64 * 1024;

pub(crate) fn run(
    args: &cli::Verify,
    config: &Config,
    watch: &Watch,
    json: bool,
) -> Result<Answer> {
    if args.passphrase_fd == Some(0) && args.envelope.as_deref() == Some("-") {
        let what = "--passphrase-fd 0 and --envelope - cannot both read standard input";
        return Err(Error::new(Code::Usage, what));
    }
    // Before any file of ours is opened, which could get the number that was meant.
    let passphrase = (args.passphrase_fd)
        .map(|fd| secret::passphrase(fd, watch))
        .transpose()?;
    let kept = Origin {
        sha256: args.sha256.clone(),
        envelope: (args.envelope.as_deref())
            .map(|file| envelope(file, watch))
            .transpose()?,
    };
    let subject = Subject::find(&args.target, &config.store)?;
    let mut examined = verify::outside(subject, &kept, watch)?;
    if args.decrypt {
        let gpg = inspect::gpg(config)?;
        if !inspect::has_keyring(&config.gnupg_home) {
            let home = config.gnupg_home.display();
            return Err(
                Error::new(Code::KeyUnfit, format!("no keyring in `{home}`"))
                    .hint("Name the keyring that has the secret key with --gnupg-home."),
            );
        }
        let key = Key::new(&gpg, passphrase, &config.env, watch);
        verify::inside(&mut examined, &key)?;
    }
    verify::not_asked(&mut examined, args.decrypt);
    let report = examined.report();
    Ok(Answer {
        out: match json {
            true => render::json_pretty(&report)?,
            false => render::verify::text(&report),
        },
        notes: Vec::new(),
        exit: match report.result {
            Verdict::Pass => Exit::Yes,
            Verdict::Fail => Exit::No,
        },
        undelivered: None,
    })
}

/// What cannot be read is a doubt, and the report says so; only to be stopped is an error.
pub(super) fn envelope(file: &str, watch: &Watch) -> Result<std::result::Result<Envelope, String>> {
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
