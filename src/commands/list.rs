//! `pgseal list`: what is in the store.

use super::Answer;
use crate::config::Config;
use crate::error::Result;
use crate::exit::Exit;
use crate::render;
use crate::store::Store;
use crate::store::listing::{self, Run, State};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    pub schema: &'static str,
    pub store: String,
    pub runs: Vec<Line>,
}

/// One run as it is told.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub run_id: String,
    pub state: State,
    /// What is wrong, where it is not complete.
    pub detail: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: Option<String>,
    pub age_seconds: Option<i64>,
    /// Of all its files.
    pub size_bytes: u64,
    /// Null where no manifest tells.
    pub rows: Option<u64>,
    /// Those that store rows.
    pub tables: Option<usize>,
    /// Primary fingerprints.
    pub recipients: Vec<String>,
    pub artifact: Option<String>,
    /// Whether a signature lies beside the manifest; whose it is, and of what, was not looked at.
    pub signed: bool,
}

impl Line {
    pub(crate) fn of(run: &Run, store: &Store, now: Timestamp) -> Line {
        let manifest = run.manifest.as_ref();
        let recipients = manifest
            .map(|m| m.recipients.as_slice())
            .unwrap_or_default();
        Line {
            run_id: run.id.to_string(),
            state: run.state,
            detail: run.why.clone(),
            created_at: run
                .created
                .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            age_seconds: run.created.map(|at| now.as_second() - at.as_second()),
            size_bytes: run.bytes(),
            rows: manifest.map(|m| m.rows()),
            tables: manifest.map(|m| m.stored().count()),
            recipients: recipients.iter().map(|r| r.fingerprint.clone()).collect(),
            artifact: run
                .artifact()
                .map(|name| store.path(name).display().to_string()),
            signed: run.signed(),
        }
    }
}

pub(crate) fn run(config: &Config, json: bool) -> Result<Answer> {
    let store = Store::open_read(&config.store)?;
    let now = Timestamp::now();
    let runs = listing::runs(&store)?;
    let listing = Listing {
        schema: "pgseal/list/1",
        store: config.store.display().to_string(),
        runs: runs.iter().map(|run| Line::of(run, &store, now)).collect(),
    };
    Ok(Answer {
        out: match json {
            true => render::json_pretty(&listing)?,
            false => render::listing::text(&listing),
        },
        notes: Vec::new(),
        exit: Exit::Yes,
        undelivered: None,
    })
}
