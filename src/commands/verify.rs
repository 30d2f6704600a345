//! `pgseal verify`: what can be proved of an artifact, and what cannot.

use super::Answer;
use super::artifact::{examine, given, key};
use crate::cli;
use crate::config::Config;
use crate::error::Result;
use crate::exit::Exit;
use crate::render;
use crate::report::Verdict;
use crate::verify;
use crate::watch::Watch;

pub(crate) fn run(
    args: &cli::Verify,
    config: &Config,
    watch: &Watch,
    json: bool,
) -> Result<Answer> {
    let given = given(&args.named, args.passphrase_fd, watch)?;
    let mut examined = examine(&args.named.target, &given, config, watch)?;
    if args.decrypt {
        let key = key(config, given.passphrase, watch)?;
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
