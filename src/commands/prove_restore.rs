//! `pgseal prove-restore`: into a throw-away cluster, dumped again, and compared.

use super::Answer;
use super::artifact::{Given, examine, given, open};
use super::restore::checks;
use crate::cli;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::exit::Exit;
use crate::manifest::{Manifest, Table};
use crate::names::TableName;
use crate::pg::{self, version};
use crate::pipeline::{Input, run as run_one};
use crate::render;
use crate::report::Verdict;
use crate::restore::{How, Restored, fingerprint, ready, restore, words};
use crate::scratch::{self, Limits, ScratchCluster};
use crate::tools;
use crate::verify::{Examined, Findings, Key};
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
    pub tables: Vec<Compared>,
    pub skipped: Vec<String>,
    pub notes: Vec<String>,
    pub checks: Findings,
}

/// One table, as sealed and as it came back.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    pub table: String,
    pub sealed_rows: u64,
    pub restored_rows: Option<u64>,
    /// Every row came back, and no other: by a sum of hashes that is kept in memory only.
    pub content_equal: bool,
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
    let trusted = given.origin.was_given();
    let key = open(examined, given, config, watch)?;
    let sound = examined.sound()?;
    let manifest = sound.manifest;
    let limits = (!trusted).then(|| Limits::of(manifest));
    let cluster = ScratchCluster::start(tools, &root, &manifest.server, limits, config, watch)?;
    let (restored, after) = cluster.bounded(watch, |watch| {
        let key = Key { watch, ..key };
        cluster.create_roles(&roles(manifest), watch)?;
        let how = How {
            skip_external: true,
            proof: true,
        };
        let ready = ready(manifest, &cluster.config, how, watch)?;
        let restored = restore(ready, &sound, &key, &cluster.config);
        let restored = restored.map_err(|error| match trusted {
            true => error,
            false => without_rights(error),
        })?;
        let relations: Vec<TableName> = manifest.tables.iter().map(Table::table).collect();
        let dump = pg::pg_dump(&cluster.tools.pg_dump, &cluster.config, &relations);
        let after = fingerprint::take(&dump, manifest.stored().map(Table::table), watch)?;
        Ok((restored, after))
    })?;
    let tables = compare(manifest, &restored, &after);
    let mut checks = checks(examined, &restored);
    checks.judge("content after the restore", equal(&tables));
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
    if !restored.skipped.is_empty() {
        notes.push("not all of it was restored: see what was left out".into());
    }
    Ok(Proof {
        server: Some(restored.target.version),
        prelude: restored.prelude,
        tables,
        skipped: restored.skipped,
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

fn compare(
    manifest: &Manifest,
    restored: &Restored,
    after: &[fingerprint::Fingerprint],
) -> Vec<Compared> {
    let compared = manifest.stored().map(|table| {
        let name = table.table();
        let found = after.iter().find(|one| one.table == name);
        let sealed = restored.sums.iter().find(|(table, _)| *table == name);
        let equal = matches!((found, sealed), (Some(found), Some((_, sum)))
            if found.sum == *sum && found.rows == table.rows);
        Compared {
            table: name.to_string(),
            sealed_rows: table.rows,
            restored_rows: found.map(|found| found.rows),
            content_equal: equal,
        }
    });
    compared.collect()
}

fn equal(tables: &[Compared]) -> std::result::Result<String, String> {
    let differ = tables.iter().filter(|table| !table.content_equal);
    let differ: Vec<&str> = differ.map(|table| table.table.as_str()).collect();
    match (tables.len(), &differ[..]) {
        (0, _) => Err("no table holds rows".into()),
        (n, []) => Ok(format!(
            "{n} tables dumped again from the restored database: every row equal"
        )),
        _ => Err(format!("differs: {}", differ.join(", "))),
    }
}

/// Bare names of the roles that the dump may name.
fn roles(manifest: &Manifest) -> Vec<String> {
    let roles = manifest
        .external_references
        .iter()
        .filter(|r| r.kind == "role");
    let mut names: Vec<String> = roles.filter_map(|r| words::identifier(&r.name)).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_that_differs_is_a_no() {
        let table = |name: &str, content_equal| Compared {
            table: name.into(),
            sealed_rows: 1,
            restored_rows: Some(1),
            content_equal,
        };
        assert!(equal(&[]).is_err());
        assert!(equal(&[table("a.b", true)]).is_ok());
        let said = equal(&[table("a.b", true), table("a.c", false)]);
        assert_eq!(said, Err("differs: a.c".into()));
    }
}
