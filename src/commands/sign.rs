//! `pgseal sign`: signs manifests anew, of runs whose artifacts are proved by envelopes that were
//! kept elsewhere.

use crate::base::error::{Code, Error, Result};
use crate::base::names::RunId;
use crate::base::version::PGSEAL;
use crate::commands::artifact::{text_of, unreadable};
use crate::config::cli;
use crate::config::settings::Config;
use crate::gnupg::command;
use crate::gnupg::signer::{self, Signer};
use crate::process::cancel::Cancel;
use crate::report::print::{self, Answer};
use crate::report::proof::Verdict;
use crate::report::sign::{SignReport, SignedRun};
use crate::store::folder::Store;
use crate::store::manifest::Envelope;
use crate::store::run_files::RunFile;
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::origin::{self, Origin};
use crate::verify::verification::Verification;
use crate::verify::without_key;
use std::path::Path;

pub(crate) fn run(args: &cli::Sign, config: &Config, cancel: &Cancel) -> Result<Answer> {
    let kept = envelopes(&args.envelope, cancel)?;
    let fingerprint = config.signing.trusted_key()?.ok_or_else(|| {
        Error::new(Code::Setting, "no signing key is set")
            .hint("Name it: --sign-with FPR, PGSEAL_SIGNING_KEY, or [signing] key.")
    })?;
    let store = Store::open_filled(&config.store)?;
    store.lock()?;
    let swept = store.sweep()?;
    let gpg = command::gpg(&config.gnupg_home, &config.env)?;
    let signer = signer::signer(&gpg, fingerprint, &config.env, cancel)?;
    // All are looked at before anything is changed.
    let verification = args.runs.iter().map(|run_id| {
        let subject = ArtifactFiles::in_store(run_id, &config.store)?;
        let origin = Origin {
            envelope: Some(envelope_of(&subject, &kept)),
            ..Origin::default()
        };
        Ok((run_id, without_key::verify_files(subject, &origin, cancel)?))
    });
    let verification = verification.collect::<Result<Vec<_>>>()?;
    let mut runs: Vec<SignedRun> = Vec::new();
    for (run_id, verification) in verification {
        let run = sign(run_id, &verification, &store, &signer, cancel).map_err(|error| {
            let signed = runs.iter().filter(|run| run.signature.is_some());
            let signed: Vec<&str> = signed.map(|run| run.run_id.as_str()).collect();
            error.on_disk(match &signed[..] {
                [] => "no run was signed".to_string(),
                signed => format!("signed before that: {}", signed.join(", ")),
            })
        })?;
        runs.push(run);
    }
    let all = runs.iter().all(|run| run.result == Verdict::Pass);
    let report = SignReport {
        schema: "pgseal/sign/1",
        pgseal_version: PGSEAL,
        result: Verdict::pass_if(all),
        store: config.store.display().to_string(),
        signing_key: fingerprint.to_string(),
        runs,
    };
    let warnings = swept
        .iter()
        .map(|name| format!("removed what an earlier run left behind: {name}"));
    Ok(Answer {
        notes: print::warnings(&warnings.collect::<Vec<_>>()),
        undelivered: Some("the runs that verify are signed".into()),
        ..Answer::of(&report)?
    })
}

/// Every line of the file is one envelope. One that is none could be the one that matters.
fn envelopes(file: &str, cancel: &Cancel) -> Result<Vec<Envelope>> {
    const MOST: usize = 16 * 1024 * 1024;
    const KEPT: &str = "Give the lines that `pgseal backup` printed, one for each run.";
    let unfit = |why: String| Error::new(Code::Input, why).hint(KEPT);
    let text = text_of(file, MOST, cancel)
        .map_err(|error| error.or(|err| unreadable(file, &err).hint(KEPT)))?;
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(at, line)| {
        origin::envelope(line)
            .map_err(|why| unfit(format!("the envelopes {file:?}, line {}: {why}", at + 1)))
    });
    parsed.collect()
}

/// The one that names this artifact's file.
fn envelope_of(
    subject: &ArtifactFiles,
    kept: &[Envelope],
) -> std::result::Result<Envelope, String> {
    let of_it = |kept: &&Envelope| {
        let name = Path::new(&kept.artifact_ref).file_name();
        name.and_then(|name| name.to_str()) == Some(subject.file_name())
    };
    let mut found: Vec<&Envelope> = kept.iter().filter(of_it).collect();
    found.dedup();
    match &found[..] {
        [one] => Ok((*one).clone()),
        [] => Err(format!(
            "no envelope was given of `{}`",
            subject.file_name()
        )),
        _ => Err(format!(
            "two envelopes that differ were given of `{}`",
            subject.file_name()
        )),
    }
}

/// Signs the bytes that were read and judged, if nothing is wrong with the run.
fn sign(
    run_id: &RunId,
    verification: &Verification,
    store: &Store,
    signer: &Signer,
    cancel: &Cancel,
) -> Result<SignedRun> {
    let mut run = SignedRun {
        run_id: run_id.to_string(),
        result: verification.verdict(),
        signature: None,
        checks: verification.findings.clone(),
    };
    if run.result == Verdict::Fail || !verification.origin.artifact {
        run.result = Verdict::Fail;
        return Ok(run);
    }
    let signature = signer.sign(&verification.manifest_bytes, cancel)?;
    let name = RunFile::Signature.of(run_id);
    let mut file = store.partial(&name)?;
    file.write(&signature)?;
    file.sync()?.replace()?;
    store.sync()?;
    let detail = format!(
        "signed by {}: it vouches from now on for all that the manifest says, of which the envelope \
         proved the artifact alone",
        signer.fingerprint()
    );
    run.checks.record("signature", Ok(detail));
    run.signature = Some(store.path(&name).display().to_string());
    Ok(run)
}
