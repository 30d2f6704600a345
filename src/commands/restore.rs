//! `pgseal restore`: back into a database that has none of these tables.

use super::Answer;
use super::artifact::{given, open, require_origin, require_prelude_origin, sound};
use crate::cli;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::exit::Exit;
use crate::manifest::ExternalReference;
use crate::render;
use crate::report::Verdict;
use crate::restore::{How, Restored, Rows, ready, restore, target::Target};
use crate::verify::{Examined, Findings};
use crate::watch::Watch;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub schema: &'static str,
    pub result: Verdict,
    pub run_id: Option<String>,
    pub artifact: String,
    pub target: Place,
    pub prelude: bool,
    pub tables: Vec<Rows>,
    /// Statements that were left out: by --skip-external, or as grants of others.
    pub skipped: Vec<String>,
    pub checks: Findings,
}

#[derive(Debug, Serialize)]
pub(crate) struct Place {
    pub database: String,
    pub user: String,
    pub version: String,
}

impl Place {
    fn of(target: &Target) -> Place {
        Place {
            database: target.database.clone(),
            user: target.user.clone(),
            version: target.version.clone(),
        }
    }
}

pub(crate) fn run(
    args: &cli::Restore,
    settings: &cli::Settings,
    config: &Config,
    watch: &Watch,
    json: bool,
) -> Result<Answer> {
    if settings.dbname.is_none() {
        return Err(
            Error::new(Code::Usage, "restore needs --dbname: where to, in words")
                .hint("Name a database that has none of these tables, and that was not backed up."),
        );
    }
    let given = given(&args.named, args.passphrase_fd, watch)?;
    let mut examined = sound(&args.named.target, &given, config, watch)?;
    if !args.origin_unproved {
        require_origin(&examined)?;
    }
    if settings.no_prelude {
        examined.leave_out_prelude();
    }
    let how = How {
        skip_external: args.skip_external,
        proof: false,
    };
    let ready = ready(examined.sound()?.manifest, config, how, watch)?;
    let key = open(&mut examined, given, config, watch)?;
    if !args.origin_unproved {
        require_prelude_origin(&examined)?;
    }
    let restored = restore(ready, &examined.sound()?, &key, config)?;
    let report = Report {
        schema: "pgseal/restore/1",
        result: Verdict::Pass,
        run_id: examined.subject().run_id.as_ref().map(ToString::to_string),
        artifact: examined.subject().artifact.display().to_string(),
        target: Place::of(&restored.target),
        prelude: restored.prelude,
        checks: checks(&examined, &restored),
        tables: restored.tables,
        skipped: restored.skipped,
    };
    Ok(Answer {
        out: match json {
            true => render::json_pretty(&report)?,
            false => render::restore::text(&report),
        },
        notes: Vec::new(),
        exit: Exit::Yes,
        undelivered: Some("the tables are restored, and committed".into()),
    })
}

/// What was proved before, and what restoring added.
pub(super) fn checks(examined: &Examined, restored: &Restored) -> Findings {
    let mut checks = examined.findings().clone();
    let rows: u64 = restored.tables.iter().map(|table| table.rows).sum();
    let tables = restored.tables.len();
    checks.judge(
        "restored",
        Ok(format!(
            "{rows} in {tables} tables, counted in the target before it was committed"
        )),
    );
    for ExternalReference {
        kind,
        name,
        needed_by,
    } in &restored.unknown
    {
        let detail = format!("not looked up: {kind} {name}, which {needed_by} needs");
        checks.open("reference", &detail);
    }
    checks
}
