//! What can be proved of an artifact, by itself and by what lies beside it.
//!
//! A doubt is a "no". Every file is opened once and read from that one descriptor; what is
//! decrypted is hashed again on its way. Whoever wants to use an artifact asks here first, and
//! goes on with what was opened here.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::version::PGSEAL;
use crate::report::findings::Findings;
use crate::report::proof::Verdict;
use crate::report::verify::{SCHEMA, VerifyReport};
use crate::store::after::After;
use crate::store::manifest::Manifest;
use crate::store::run_files::RunFile;
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::decrypt::Decryptor;
use crate::verify::open_file::{BlockDigests, OpenFile};
use crate::verify::origin::OriginProof;
use crate::verify::with_key::{self, BINDING, LATE_BINDING, Prelude, judge_binding, judge_late};

/// The answers so far, and what was opened for them.
pub(crate) struct Verification {
    pub(crate) subject: ArtifactFiles,
    pub(crate) findings: Findings,
    /// What vouches for the run, as far as it can be told without the secret key.
    pub(crate) origin: OriginProof,
    pub(crate) manifest: Option<Manifest>,
    /// The manifest as it was read.
    pub(crate) manifest_bytes: Vec<u8>,
    pub(crate) artifact: Option<EncryptedFile>,
    pub(crate) prelude: Option<EncryptedFile>,
    pub(crate) late: Option<EncryptedFile>,
    /// Where `guard`'s COMMAND ended, if that can be relied on.
    pub(crate) after: Option<After>,
    /// The artifact and what vouches for it, as words of a command line.
    pub(crate) named: Vec<String>,
}

/// An encrypted file as it was read.
pub(crate) struct EncryptedFile {
    pub opened: OpenFile,
    /// None where it was not read to its end.
    pub(crate) sha256: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) marks: BlockDigests,
}

/// What may be decrypted: nothing about it was found wrong so far.
pub(crate) struct VerifiedArtifact<'a> {
    pub manifest: &'a Manifest,
    pub artifact: &'a EncryptedFile,
}

impl Verification {
    pub(crate) fn verdict(&self) -> Verdict {
        self.findings.verdict()
    }

    pub(crate) fn failed(&self) -> Vec<String> {
        self.findings.failed()
    }

    /// What may be decrypted, or all that is wrong.
    pub(crate) fn verified(&self) -> Result<VerifiedArtifact<'_>> {
        let mut why = self.failed();
        if let (Verdict::Pass, Some(manifest), Some(artifact)) =
            (self.verdict(), &self.manifest, &self.artifact)
        {
            return Ok(VerifiedArtifact { manifest, artifact });
        }
        if why.is_empty() {
            why.push("it has no manifest".into());
        }
        let shown = self.subject.artifact.display();
        let what = format!("`{shown}` does not verify: {}", why.join("; "));
        Err(Error::new(Code::NotVerified, what).hint(self.advice()))
    }

    fn advice(&self) -> Hints {
        let known = self.findings.advice();
        if !known.is_empty() {
            return known.clone();
        }
        let named = self.named.iter().map(String::as_str);
        let words: Vec<&str> = ["verify", "--decrypt"].into_iter().chain(named).collect();
        Hints::from("See all that is wrong:").then(Hint::pgseal(&words))
    }

    /// Does without prelude and late file: they are neither opened nor restored.
    pub(crate) fn leave_out_prelude(&mut self) {
        if self.prelude.take().is_some() {
            self.findings
                .record_not_checked(BINDING, "not looked at: the prelude is left out");
        }
        if self.late.take().is_some() {
            self.findings
                .record_not_checked(LATE_BINDING, "not looked at: the late file is left out");
        }
    }

    pub(crate) fn report(self) -> VerifyReport {
        let manifest = self
            .subject
            .beside(RunFile::Manifest)
            .filter(|_| self.manifest.is_some());
        let sealed = self.artifact.as_ref();
        VerifyReport {
            schema: SCHEMA,
            pgseal_version: PGSEAL,
            result: self.findings.verdict(),
            run_id: self.subject.run_id(),
            artifact: self.subject.artifact.display().to_string(),
            manifest: manifest.map(|path| path.display().to_string()),
            sha256: sealed.and_then(|sealed| sealed.sha256.clone()),
            size_bytes: sealed.map(|sealed| sealed.bytes),
            command_ended_at: self.after.map(|after| after.created_at),
            checks: self.findings,
        }
    }

    /// Says that nobody asked for what the secret key alone can prove.
    pub(crate) fn record_not_decrypted(&mut self) {
        self.findings.record_not_checked(
            "content",
            "not proved: not decrypted, see --decrypt; a well-formed message may hold anything",
        );
        if self.prelude.is_some() {
            self.findings.record_not_checked(
                BINDING,
                "not proved: not decrypted; the artifact may be another prelude's",
            );
        }
        if self.late.is_some() {
            self.findings.record_not_checked(
                LATE_BINDING,
                "not proved: not decrypted; it may be another prelude's",
            );
        }
    }

    pub(crate) fn record_not_restored(&mut self) {
        self.findings
            .record_not_checked("recovery", "not proved: nothing was restored");
    }
}

/// All that can be proved with it; only of what is right outside, for nothing else is worth
/// giving to gpg.
pub(crate) fn verify_content(verification: &mut Verification, key: &Decryptor<'_>) -> Result<()> {
    let findings = &mut verification.findings;
    let (Some(manifest), Some(artifact), Verdict::Pass) = (
        &verification.manifest,
        &verification.artifact,
        findings.verdict(),
    ) else {
        findings.record_not_checked(
            "content",
            "not proved: not decrypted, for it is not right outside",
        );
        return Ok(());
    };
    let named = with_key::artifact(artifact, manifest, key, findings)?;
    let mut prelude = None;
    if let Some(sealed) = &verification.prelude {
        prelude = with_key::prelude(sealed, manifest, key, findings)?;
    }
    let mut late = None;
    if let Some(sealed) = &verification.late {
        late = with_key::late(sealed, manifest, key, findings)?;
    }
    if findings.verdict() == Verdict::Pass {
        let other = prelude
            .as_ref()
            .and_then(|prelude| prelude.binding.as_ref());
        judge_binding(named.as_ref(), other, manifest, findings);
        judge_late(prelude.as_ref(), late.as_deref(), findings);
    }
    Ok(())
}

/// What is run around the dump, in memory; none of it where it is not there, or left out.
#[derive(Default)]
pub(crate) struct Surrounding {
    pub prelude: Option<Prelude>,
    pub late: Option<Vec<u8>>,
}

/// Opens prelude and late file alone, which were made together. Whether they are the artifact's is
/// told by the prelude's binding.
pub(crate) fn open_surrounding(
    verification: &mut Verification,
    key: &Decryptor<'_>,
) -> Result<Surrounding> {
    verification.verified()?;
    let findings = &mut verification.findings;
    let mut opened = Surrounding::default();
    if let Some(manifest) = &verification.manifest {
        if let Some(sealed) = &verification.prelude {
            opened.prelude = with_key::prelude(sealed, manifest, key, findings)?;
        }
        if let Some(sealed) = &verification.late {
            opened.late = with_key::late(sealed, manifest, key, findings)?;
        }
        judge_late(opened.prelude.as_ref(), opened.late.as_deref(), findings);
    }
    verification.verified()?;
    Ok(opened)
}
