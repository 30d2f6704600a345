//! `pgseal list`: what is in the store.

use crate::base::error::Result;
use crate::base::version::PGSEAL;
use crate::config::settings::Config;
use crate::report::listing::{Line, Listing};
use crate::report::print::Answer;
use crate::store::folder::Store;
use crate::store::listing;
use jiff::Timestamp;

pub(crate) fn run(config: &Config) -> Result<Answer> {
    let store = Store::open_read(&config.store)?;
    let now = Timestamp::now();
    let runs = listing::runs(&store)?;
    let listing = Listing {
        schema: "pgseal/list/1",
        pgseal_version: PGSEAL,
        store: config.store.display().to_string(),
        runs: runs.iter().map(|run| Line::of(run, &store, now)).collect(),
    };
    Answer::of(&listing)
}
