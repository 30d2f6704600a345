//! `pgseal run-ids`: what completions offer.

use crate::base::error::Result;
use crate::config::settings::Config;
use crate::report::print::Answer;
use crate::store::folder::Store;
use crate::store::listing;

/// Runs that have an artifact, the newest first.
pub(crate) fn run(config: &Config) -> Result<Answer> {
    let store = Store::open_read(&config.store)?;
    let runs = listing::runs(&store)?;
    let runs = runs.iter().rev().filter(|run| run.artifact().is_some());
    let lines: String = runs.map(|run| format!("{}\n", run.id)).collect();
    Ok(Answer::yes(lines))
}
