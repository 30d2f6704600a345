//! What can be proved of an artifact, by itself and by what lies beside it.
//!
//! A doubt is a "no". Every file is opened once and read from that one descriptor; what is
//! decrypted is hashed again on its way. Whoever wants to use an artifact asks here first, and
//! goes on with what was opened here.

use crate::base::error::{Code, Error, Result};
use crate::report::findings::{Findings, SCHEMA, VerifyReport};
use crate::report::proof::Verdict;
use crate::store::folder::MANIFEST;
use crate::store::manifest::Manifest;
use crate::verify::decrypt::Key;
use crate::verify::inside::{self, BOND, Prelude, judge_bond};
use crate::verify::opened::{Marks, Opened};
use crate::verify::origin::OriginProof;
use crate::verify::subject::Subject;

/// The answers so far, and what was opened for them.
pub(crate) struct Examined {
    pub(crate) subject: Subject,
    pub(crate) findings: Findings,
    pub(crate) origin: OriginProof,
    pub(crate) manifest: Option<Manifest>,
    /// The manifest as it was read.
    pub(crate) manifest_bytes: Vec<u8>,
    pub(crate) artifact: Option<Sealed>,
    pub(crate) prelude: Option<Sealed>,
}

/// An encrypted file as it was read.
pub(crate) struct Sealed {
    pub opened: Opened,
    /// None where it was not read to its end.
    pub(crate) sha256: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) marks: Marks,
}

/// What may be decrypted: nothing about it was found wrong so far.
pub(crate) struct Sound<'a> {
    pub manifest: &'a Manifest,
    pub artifact: &'a Sealed,
}

impl Examined {
    pub(crate) fn verdict(&self) -> Verdict {
        self.findings.verdict()
    }

    pub(crate) fn failed(&self) -> Vec<String> {
        self.findings.failed()
    }

    /// What may be decrypted, or all that is wrong.
    pub(crate) fn sound(&self) -> Result<Sound<'_>> {
        let mut why = self.failed();
        if let (Verdict::Pass, Some(manifest), Some(artifact)) =
            (self.verdict(), &self.manifest, &self.artifact)
        {
            return Ok(Sound { manifest, artifact });
        }
        if why.is_empty() {
            why.push("it has no manifest".into());
        }
        let shown = self.subject.artifact.display();
        let what = format!("`{shown}` cannot be restored: {}", why.join("; "));
        Err(Error::new(Code::NotVerified, what).hint(format!(
            "See all that is wrong: pgseal verify --decrypt {shown}"
        )))
    }

    /// What vouches for the run, as far as it can be told without the secret key.
    pub(crate) fn origin(&self) -> OriginProof {
        self.origin
    }

    /// Does without the prelude: it is neither opened nor restored.
    pub(crate) fn leave_out_prelude(&mut self) {
        if self.prelude.take().is_some() {
            self.findings
                .open(BOND, "not looked at: the prelude is left out");
        }
    }

    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }

    pub(crate) fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(crate) fn report(self) -> VerifyReport {
        let manifest = self
            .subject
            .beside(MANIFEST)
            .filter(|_| self.manifest.is_some());
        let sealed = self.artifact.as_ref();
        VerifyReport {
            schema: SCHEMA,
            result: self.findings.verdict(),
            run_id: self.subject.run_id.map(|run_id| run_id.to_string()),
            artifact: self.subject.artifact.display().to_string(),
            manifest: manifest.map(|path| path.display().to_string()),
            sha256: sealed.and_then(|sealed| sealed.sha256.clone()),
            size_bytes: sealed.map(|sealed| sealed.bytes),
            checks: self.findings,
        }
    }
}

/// All that can be proved with it; only of what is right outside, for nothing else is worth
/// giving to gpg.
pub(crate) fn inside(examined: &mut Examined, key: &Key<'_>) -> Result<()> {
    let findings = &mut examined.findings;
    let (Some(manifest), Some(artifact), Verdict::Pass) =
        (&examined.manifest, &examined.artifact, findings.verdict())
    else {
        findings.open(
            "content",
            "not proved: not decrypted, for it is not right outside",
        );
        return Ok(());
    };
    let named = inside::artifact(artifact, manifest, key, findings)?;
    let mut prelude = None;
    if let Some(sealed) = &examined.prelude {
        prelude = inside::prelude(sealed, manifest, key, findings)?;
    }
    if findings.verdict() == Verdict::Pass {
        let other = prelude.as_ref().and_then(|prelude| prelude.bond.as_ref());
        judge_bond(named.as_ref(), other, manifest, findings);
    }
    Ok(())
}

/// Opens the prelude alone. None where there is none, or it is left out.
pub(crate) fn open_prelude(examined: &mut Examined, key: &Key<'_>) -> Result<Option<Prelude>> {
    examined.sound()?;
    let (Some(manifest), Some(sealed)) = (&examined.manifest, &examined.prelude) else {
        return Ok(None);
    };
    let opened = inside::prelude(sealed, manifest, key, &mut examined.findings)?;
    examined.sound()?;
    Ok(opened)
}

/// Says what nobody asked for.
pub(crate) fn not_asked(examined: &mut Examined, decrypted: bool) {
    let findings = &mut examined.findings;
    if !decrypted {
        findings.open(
            "content",
            "not proved: not decrypted, see --decrypt; a well-formed message may hold anything",
        );
        if examined.prelude.is_some() {
            findings.open(
                BOND,
                "not proved: not decrypted; the artifact may be another prelude's",
            );
        }
    }
    findings.open("recovery", "not proved: nothing was restored");
}
