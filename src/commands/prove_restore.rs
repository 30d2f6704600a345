//! `pgseal prove-restore`: into a throw-away cluster, dumped again, and compared.

use super::Answer;
use super::artifact::{Given, examine, given, key};
use super::restore::{checks, equal};
use crate::cli;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::exit::Exit;
use crate::manifest::Manifest;
use crate::pg::identifier::identifier;
use crate::pg::{self, version};
use crate::pipeline::{Input, run as run_one};
use crate::render;
use crate::report::Verdict;
use crate::restore::{Compared, Outcome, RestoreOptions, plan, restore};
use crate::scratch::{self, Limits, ScratchCluster};
use crate::tools;
use crate::verify::{Examined, Findings, Key, open_prelude};
use crate::watch::Watch;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub schema: &'static str,
    pub result: Verdict,
    pub run_id: Option<String>,
    pub artifact: String,
    #[serde(flatten)]
    pub proof: Proof,
}

/// What was found, as far as it went.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Proof {
    /// Null where nothing was restored.
    pub server: Option<String>,
    pub prelude: bool,
    pub tables: Vec<Equality>,
    pub skipped: Vec<String>,
    /// What belongs to the tables and was never in the backup.
    pub not_restored: Vec<String>,
    pub notes: Vec<String>,
    pub checks: Findings,
}

/// One table, as sealed and as it came back.
#[derive(Debug, Serialize)]
pub(crate) struct Equality {
    pub table: String,
    pub sealed_rows: u64,
    pub restored_rows: u64,
    /// Every row came back, and no other: by a digest that is kept in memory only.
    pub content_equal: bool,
}

impl Equality {
    fn of(compared: &Compared) -> Equality {
        Equality {
            table: compared.table.to_string(),
            sealed_rows: compared.sealed_rows,
            restored_rows: compared.restored_rows,
            content_equal: compared.equal,
        }
    }
}

pub(crate) fn run(
    args: &cli::ProveRestore,
    config: &Config,
    watch: &Watch,
    json: bool,
) -> Result<Answer> {
    let given = given(&args.named, args.passphrase_fd, watch)?;
    let mut examined = examine(&args.named.target, &given, config, watch)?;
    let proof = match prove(args, given, &mut examined, config, watch) {
        Ok(proof) => proof,
        // That is the answer, and not that it could not be asked.
        Err(error) if error.code == Code::NotVerified => Proof::no(&examined, error),
        Err(error) => return Err(error),
    };
    let report = Report {
        schema: "pgseal/prove-restore/1",
        result: proof.checks.verdict(),
        run_id: examined.subject().run_id.as_ref().map(ToString::to_string),
        artifact: examined.subject().artifact.display().to_string(),
        proof,
    };
    Ok(Answer {
        out: match json {
            true => render::json_pretty(&report)?,
            false => render::prove_restore::text(&report),
        },
        notes: Vec::new(),
        exit: match report.result {
            Verdict::Pass => Exit::Yes,
            Verdict::Fail => Exit::No,
        },
        undelivered: None,
    })
}

impl Proof {
    fn no(examined: &Examined, error: Error) -> Proof {
        let mut checks = examined.findings().clone();
        // Whatever the reason was, it is in the report, and the answer is no.
        if checks.verdict() == Verdict::Pass {
            checks.judge("restored", Err(error.message));
        }
        Proof {
            notes: error.hint.into_iter().collect(),
            checks,
            ..Proof::default()
        }
    }

    /// All was restored, and is not what was sealed.
    fn differs(examined: &Examined, compared: Vec<Compared>, error: Error) -> Proof {
        let mut checks = examined.findings().clone();
        checks.judge("restored", equal(&compared));
        Proof {
            tables: compared.iter().map(Equality::of).collect(),
            notes: error.hint.into_iter().collect(),
            checks,
            ..Proof::default()
        }
    }
}

fn prove(
    args: &cli::ProveRestore,
    given: Given,
    examined: &mut Examined,
    config: &Config,
    watch: &Watch,
) -> Result<Proof> {
    let manifest = examined.sound()?.manifest;
    let dumped = version::major(&manifest.tools.pg_dump.version).unwrap_or(0);
    let tools = tools::server(dumped, &config.env, |program, argument| {
        let spec = pg::about(program, &config.env, argument);
        let ran = run_one(&spec, Input::Null, watch);
        ran.ok().then(|| ran.text())
    })?;
    let root = scratch::root(args.scratch_dir.as_deref(), manifest)?;
    // What the caller vouches for may do what a restore by an administrator does.
    let trusted = examined.origin().proved();
    let key = key(config, given.passphrase, watch)?;
    let prelude = open_prelude(examined, &key)?;
    let sound = examined.sound()?;
    let manifest = sound.manifest;
    let limits = (!trusted).then(|| Limits::of(manifest));
    let cluster = ScratchCluster::start(tools, &root, &manifest.server, limits, config, watch)?;
    let options = RestoreOptions {
        skip_external: true,
        proof: true,
        prelude_must_be_bound: trusted && !examined.origin().manifest,
    };
    let outcome = cluster.bounded(watch, |watch| {
        let key = Key { watch, ..key };
        cluster.create_roles(&roles(manifest), watch)?;
        let plan = plan(manifest, &cluster.config, options, watch)?;
        let outcome = restore(plan, &sound, prelude, &key, &cluster.config);
        outcome.map_err(|error| match trusted {
            true => error,
            false => without_rights(error),
        })
    })?;
    let restored = match outcome {
        Outcome::Committed(restored) => restored,
        Outcome::Differs(compared, error) => return Ok(Proof::differs(examined, compared, error)),
    };
    let tables = restored.tables.iter().map(Equality::of).collect();
    let mut checks = checks(examined, &restored);
    let mut notes = cluster.notes.clone();
    let path = cluster.path().display().to_string();
    let gone = cluster.remove();
    checks.judge(
        "cleaned up",
        match gone {
            true => Ok(format!("`{path}` is removed, its server has ended")),
            false => Err(format!("`{path}` could not be removed: remove it by hand")),
        },
    );
    if !trusted {
        notes.push(
            "restored without a superuser's rights, for nobody vouched for the artifact: see --envelope".into(),
        );
    }
    if !restored.omitted.is_empty() {
        notes.push("not all of it was restored: see what was left out".into());
    }
    Ok(Proof {
        server: Some(restored.target.version),
        prelude: restored.prelude,
        tables,
        skipped: restored.omitted,
        not_restored: restored.not_restored,
        notes,
        checks,
    })
}

/// Nobody vouches for the artifact, and it needs what only a superuser may do.
fn without_rights(error: Error) -> Error {
    let mut said = error.stages.iter().flat_map(|stage| &stage.said);
    let denied = |line: &String| {
        ["permission denied", "must be superuser", "must be owner"]
            .iter()
            .any(|words| line.contains(words))
    };
    match said.any(denied) {
        true => error.hint(
            "It was restored without a superuser's rights. Vouch for it, and it has them: --envelope FILE or --sha256 HEX, as you kept them elsewhere.",
        ),
        false => error,
    }
}

/// Bare names of the roles that the dump may name.
fn roles(manifest: &Manifest) -> Vec<String> {
    let roles = manifest
        .external_references
        .iter()
        .filter(|r| r.kind == "role");
    let mut names: Vec<String> = roles.filter_map(|r| identifier(&r.name)).collect();
    names.sort();
    names.dedup();
    names
}
