//! `pgseal prove-restore`: into a throw-away cluster, and every row compared.

use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::base::version;
use crate::base::version::PGSEAL;
use crate::commands::artifact::{CallerInput, examine, given, key};
use crate::commands::restore::{NothingCompared, checks, equal, target};
use crate::config::cli;
use crate::config::settings::Config;
use crate::pg;
use crate::pg::identifier::identifier;
use crate::process::ask::ask;
use crate::process::cancel::Cancel;
use crate::process::find;
use crate::process::run::Input;
use crate::report::print::Answer;
use crate::report::proof::Verdict;
use crate::report::prove_restore::{Equality, ProveRestoreReport, RestoreProof};
use crate::restore::run::{RestoreOptions, RestoreOutcome, plan, restore};
use crate::restore::scratch::cluster::ScratchCluster;
use crate::restore::scratch::limits::Limits;
use crate::restore::scratch::room;
use crate::restore::selection::Chosen;
use crate::restore::stream::Compared;
use crate::store::manifest::Manifest;
use crate::verify::decrypt::Decryptor;
use crate::verify::dump_source::DumpSource;
use crate::verify::verification::{Verification, open_surrounding};
use std::cell::RefCell;

fn equalities(compared: &[Compared], manifest: Option<&Manifest>) -> Vec<Equality> {
    let targets = manifest.map(Manifest::targets).unwrap_or_default();
    let tables = compared.iter().map(|compared| Equality {
        table: compared.table.to_string(),
        target: target(compared, &targets),
        sealed_rows: compared.sealed_rows,
        restored_rows: compared.restored_rows,
        content_equal: compared.equal,
    });
    tables.collect()
}

pub(crate) fn run(
    args: &cli::ProveRestore,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Answer> {
    let given = given(&args.named, args.passphrase_fd, cancel)?;
    let mut verification = examine(&args.named.target, &given, config, cancel)?;
    let proof = match prove(args, given, &mut verification, config, cancel, meter) {
        Ok(proof) => proof,
        // That is the answer, and not that it could not be asked.
        Err(error) if error.code == Code::NotVerified => {
            RestoreProof::no(&verification, error.given(&config.given))
        }
        Err(error) => return Err(error),
    };
    let report = ProveRestoreReport {
        schema: "pgseal/prove-restore/1",
        pgseal_version: PGSEAL,
        result: proof.checks.verdict(),
        run_id: verification.subject.run_id(),
        artifact: verification.subject.artifact.display().to_string(),
        proof,
    };
    Answer::of(&report)
}

impl RestoreProof {
    fn no(verification: &Verification, error: Error) -> RestoreProof {
        let mut checks = verification.findings.clone();
        // Whatever the reason was, it is in the report, and the answer is no.
        if checks.verdict() == Verdict::Pass {
            checks.record("restored", Err(error.message));
        }
        RestoreProof {
            notes: error.hints.lines(),
            checks,
            ..RestoreProof::default()
        }
    }

    /// All was restored, and is not what was sealed.
    fn differs(verification: &Verification, compared: Vec<Compared>, error: Error) -> RestoreProof {
        let mut checks = verification.findings.clone();
        checks.record("restored", equal(&compared));
        RestoreProof {
            tables: equalities(&compared, verification.manifest.as_ref()),
            notes: error.hints.lines(),
            checks,
            ..RestoreProof::default()
        }
    }
}

fn prove(
    args: &cli::ProveRestore,
    given: CallerInput,
    verification: &mut Verification,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<RestoreProof> {
    let manifest = verification.verified()?.manifest;
    let major = |version| version::major(version).unwrap_or(0);
    let dumped = major(&manifest.tools.pg_dump.version);
    let backed_up = major(&manifest.server.version).min(dumped);
    let least = if args.older_target { backed_up } else { dumped };
    let unasked = RefCell::new(None);
    let tools = find::server(least, &config.env, |program, argument| {
        let spec = pg::command::about(program, &config.env, argument);
        let what = format!("cannot ask `{program}`");
        match ask(&spec, Input::Null, cancel, Code::ToolUnfit, &what) {
            Ok(ran) => Some(ran.text()),
            Err(error) => {
                // An unfit one is passed over; where we were stopped, or a limit was, none is unfit.
                if error.code != Code::ToolUnfit {
                    unasked.borrow_mut().get_or_insert(error);
                }
                None
            }
        }
    });
    let tools = tools.map_err(|missing| match unasked.take() {
        Some(error) => error,
        None if backed_up < least => {
            let hints = missing.hints.clone();
            let or = format!("Or prove it with a server of version {backed_up}, as it was backed up: --older-target.");
            missing.hint(hints.then(or))
        }
        None => missing,
    })?;
    let root = room::root(args.scratch_dir.as_deref(), manifest)?;
    // What the caller vouches for may do what a restore by an administrator does.
    let trusted = verification.origin.proved();
    let key = key(config, given.passphrase, meter, cancel)?;
    let manifest = manifest.clone();
    let limits = (!trusted).then(|| Limits::of(&manifest));
    meter.wait_for("starting a throw-away server");
    let cluster =
        ScratchCluster::start(tools, &root, &manifest, limits, &config.connection, cancel)?;
    let options = RestoreOptions {
        skip_external: true,
        older_target: args.older_target,
        proof: true,
        prelude_must_be_bound: trusted && !verification.origin.manifest,
    };
    let outcome = cluster.bounded(cancel, |cancel| {
        let key = Decryptor { cancel, ..key };
        cluster.create_roles(&roles(&manifest), cancel)?;
        let all = Chosen::all(&manifest);
        let plan = plan(&manifest, &cluster.connection, options, all, cancel)?;
        meter.silence();
        // A small file may unfold to hours of work.
        let surrounding = open_surrounding(verification, &key)?;
        let verified = verification.verified()?;
        let dump = DumpSource::sealed(verified.artifact, &key);
        let outcome = restore(plan, &manifest, surrounding, &dump, &cluster.connection);
        outcome.map_err(|error| {
            if trusted {
                error
            } else {
                without_rights(error)
            }
        })
    })?;
    let restored = match outcome {
        RestoreOutcome::Committed(restored) => restored,
        RestoreOutcome::Differs(compared, error) => {
            let error = error.given(&config.given);
            return Ok(RestoreProof::differs(verification, compared, error));
        }
    };
    let tables = equalities(&restored.tables, Some(&manifest));
    let mut checks = checks(verification, &restored, NothingCompared::Fails);
    let mut notes = cluster.notes.clone();
    meter.wait_for("removing the throw-away server");
    let path = cluster.path().display().to_string();
    let gone = cluster.remove();
    checks.record(
        "cleaned up",
        if gone {
            Ok(format!("`{path}` is removed, its server has ended"))
        } else {
            Err(format!("`{path}` could not be removed: remove it by hand"))
        },
    );
    if !trusted {
        notes.push(
            "restored without a superuser's rights, for nobody vouched for the artifact: see --envelope and --signed-by".into(),
        );
    }
    if !restored.omitted.is_empty() {
        notes.push("not all of it was restored: see what was left out".into());
    }
    Ok(RestoreProof {
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
    let denied = |line: &String| line.contains("42501 insufficient_privilege");
    let was_denied = error.said().any(denied);
    if was_denied {
        error.hint(
            "It was restored without a superuser's rights. Vouch for it, and it has them: --envelope FILE or --sha256 HEX, as you kept them elsewhere, or --signed-by FPR.",
        )
    } else {
        error
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
