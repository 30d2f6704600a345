//! `pgseal verify`: what can be proved of an artifact, and what cannot.

use super::Answer;
use crate::cli;
use crate::config::Config;
use crate::envelope::Envelope;
use crate::error::{Code, Error, Result};
use crate::exit::Exit;
use crate::inspect;
use crate::render;
use crate::report::Verdict;
use crate::secret;
use crate::verify::{self, Key, Origin, Subject, origin};
use crate::watch::Watch;
use std::io::Read;

/// An envelope is one line.
const LARGEST_ENVELOPE: u64 = 64 * 1024;

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
    let passphrase = args.passphrase_fd.map(secret::passphrase).transpose()?;
    let kept = Origin {
        sha256: args.sha256.clone(),
        envelope: args.envelope.as_deref().map(envelope),
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

/// What cannot be read is a doubt, and the report says so.
pub(super) fn envelope(file: &str) -> std::result::Result<Envelope, String> {
    let from: std::io::Result<Box<dyn Read>> = match file {
        "-" => Ok(Box::new(std::io::stdin())),
        file => std::fs::File::open(file).map(|file| Box::new(file) as Box<dyn Read>),
    };
    let mut text = String::new();
    from.and_then(|from| from.take(LARGEST_ENVELOPE).read_to_string(&mut text))
        .map_err(|err| format!("the envelope {file:?} cannot be read: {err}"))?;
    origin::envelope(&text).map_err(|why| format!("the envelope {file:?}: {why}"))
}
