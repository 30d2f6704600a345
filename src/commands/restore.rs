//! `pgseal restore`: back into a database that has none of these tables.

use super::Answer;
use crate::cli;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::exit::Exit;
use crate::inspect;
use crate::manifest::ExternalReference;
use crate::render;
use crate::report::Verdict;
use crate::restore::{How, Restored, Rows, restore, target::Target};
use crate::secret;
use crate::verify::{self, Examined, Findings, Key, Origin, Subject};
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
    /// Statements that were left out by --skip-external.
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
    dbname_given: bool,
    config: &Config,
    watch: &Watch,
    json: bool,
) -> Result<Answer> {
    if !dbname_given {
        return Err(
            Error::new(Code::Usage, "restore needs --dbname: where to, in words")
                .hint("Name a database that has none of these tables, and that was not backed up."),
        );
    }
    if args.passphrase_fd == Some(0) && args.envelope.as_deref() == Some("-") {
        let what = "--passphrase-fd 0 and --envelope - cannot both read standard input";
        return Err(Error::new(Code::Usage, what));
    }
    let passphrase = (args.passphrase_fd)
        .map(|fd| secret::passphrase(fd, watch))
        .transpose()?;
    let kept = Origin {
        sha256: args.sha256.clone(),
        envelope: (args.envelope.as_deref())
            .map(|file| super::verify::envelope(file, watch))
            .transpose()?,
    };
    let examined = sound(&args.target, &kept, config, watch)?;
    let key = key(config, passphrase, watch)?;
    let how = How {
        skip_external: args.skip_external,
        digest: false,
    };
    let unsound = || Error::new(Code::NotVerified, "the artifact is not sound");
    let restored = restore(&examined.sound().ok_or_else(unsound)?, &key, config, how)?;
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

/// What can be proved without the key must be, or nothing is given to gpg.
pub(super) fn sound(
    target: &verify::Target,
    origin: &Origin,
    config: &Config,
    watch: &Watch,
) -> Result<Examined> {
    let subject = Subject::find(target, &config.store)?;
    let examined = verify::outside(subject, origin, watch)?;
    if examined.sound().is_some() {
        return Ok(examined);
    }
    let mut why = examined.failed();
    if why.is_empty() {
        why.push("it has no manifest".into());
    }
    let shown = examined.subject().artifact.display();
    let what = format!("`{shown}` cannot be restored: {}", why.join("; "));
    Err(Error::new(Code::NotVerified, what)
        .disk("nothing was changed: neither gpg nor psql was started")
        .hint("See all that is wrong with `pgseal verify`."))
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

/// What was proved outside, and what restoring added.
pub(super) fn checks(examined: &Examined, restored: &Restored) -> Findings {
    let mut checks = examined.findings().clone();
    checks.judge(
        "content",
        Ok("decrypted as sealed: SHA-256, size and rows are the manifest's".into()),
    );
    let rows: u64 = restored.tables.iter().map(|table| table.rows).sum();
    let tables = restored.tables.len();
    checks.judge(
        "rows",
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
