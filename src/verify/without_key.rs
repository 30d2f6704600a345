//! What can be proved without a secret key: that the files are there, are ours, are the bytes that
//! the manifest names, and are framed as one message to the right keys.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::process::cancel::Cancel;
use crate::report::findings::Findings;
use crate::store::manifest::{LARGEST_MANIFEST, Manifest, SealedSql};
use crate::store::run_files::RunFile;
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::consistency;
use crate::verify::judging::{self, FileChecks, Recorded};
use crate::verify::open_file::{BlockDigests, MISSING, OpenFile, Outside, Unopened, too_large};
use crate::verify::origin::{Found, Origin, OriginProof};
use crate::verify::second_mark::second_mark;
use crate::verify::signature::{OfWhat, Signature, signature};
use crate::verify::verification::{EncryptedFile, Verification};

/// All that can be proved without a secret key.
pub(crate) fn verify_files(
    subject: ArtifactFiles,
    origin: &Origin,
    cancel: &Cancel,
) -> Result<Verification> {
    let mut findings = Findings::default();
    let (manifest, manifest_bytes) = match manifest(&subject, &mut findings)? {
        Some((manifest, bytes)) => (Some(manifest), bytes),
        None => (None, Vec::new()),
    };
    let trusted = origin.trusted.as_ref();
    let mut proof = OriginProof::default();
    let artifact = artifact(&subject, manifest.as_ref(), cancel, &mut findings)?;
    if let Some(artifact) = &artifact {
        let signature = match &manifest {
            Some(_) => signature(&subject, OfWhat::MANIFEST, &manifest_bytes, trusted, cancel)?,
            None => Signature::Absent,
        };
        let found = Found {
            subject: &subject,
            sha256: artifact.sha256.as_deref(),
            bytes: artifact.bytes,
            first_recipient: manifest.as_ref().map(|m| m.envelope.gpg_fpr.as_str()),
            signature,
        };
        proof = origin.judge(&found, &mut findings);
    }
    let (mut prelude, mut late, mut after) = (None, None, None);
    if let Some(manifest) = &manifest {
        prelude = PRELUDE.look(&subject, manifest, cancel, &mut findings)?;
        late = LATE.look(&subject, manifest, cancel, &mut findings)?;
        after = second_mark(&subject, manifest, trusted, cancel, &mut findings)?;
    }
    let named = [subject.given.clone()].into_iter();
    Ok(Verification {
        named: named.chain(origin.options.iter().cloned()).collect(),
        subject,
        findings,
        origin: proof,
        manifest,
        manifest_bytes,
        artifact,
        prelude,
        late,
        after,
    })
}

/// A manifest by itself: nothing that it names was opened.
pub(crate) struct ManifestAlone {
    pub subject: ArtifactFiles,
    pub manifest: Manifest,
    pub findings: Findings,
}

/// What can be proved of the manifest alone, or all that is wrong with it. What the caller kept of the
/// artifact is held against it, and proves nothing of the rest of it: only a signature does.
pub(crate) fn verify_manifest(
    subject: ArtifactFiles,
    origin: &Origin,
    cancel: &Cancel,
) -> Result<ManifestAlone> {
    let mut findings = Findings::default();
    let read = manifest(&subject, &mut findings)?;
    if let Some((manifest, bytes)) = &read {
        let signature = signature(
            &subject,
            OfWhat::MANIFEST,
            bytes,
            origin.trusted.as_ref(),
            cancel,
        )?;
        origin.judge_manifest(manifest, &signature, &mut findings);
    }
    let failed = findings.failed();
    match read {
        Some((manifest, _)) if failed.is_empty() => Ok(ManifestAlone {
            subject,
            manifest,
            findings,
        }),
        _ => {
            let shown = subject.artifact.display();
            let what = format!(
                "the manifest of `{shown}` is of no use: {}",
                failed.join("; ")
            );
            let again = Hints::from("See all that is wrong:")
                .then(Hint::pgseal(&["verify", &subject.given]));
            Err(Error::new(Code::NotVerified, what).hint(again))
        }
    }
}

/// The manifest, and the bytes of which it was made.
fn manifest(
    subject: &ArtifactFiles,
    findings: &mut Findings,
) -> Result<Option<(Manifest, Vec<u8>)>> {
    let mut wrong = |why: String| {
        findings.record("manifest", Err(why));
        Ok(None)
    };
    let Some(path) = subject.beside(RunFile::Manifest) else {
        let why = "none can be looked up: the file's name is not <run id>.sql.gpg or .sql.zst.gpg";
        return wrong(why.into());
    };
    let opened = match OpenFile::open(&path) {
        Ok(opened) => opened,
        Err(Unopened::Unread(error)) => return Err(error),
        Err(Unopened::Missing) => {
            let path = path.display();
            return wrong(format!(
                "`{path}` is not there: an orphan, a run that was never complete"
            ));
        }
        Err(Unopened::Wrong(why)) => return wrong(why.into()),
    };
    if let Err(why) = opened.access {
        return wrong(why);
    }
    if opened.size > LARGEST_MANIFEST {
        return wrong(too_large(opened.size));
    }
    let bytes = opened.bytes(LARGEST_MANIFEST)?;
    let manifest = match Manifest::parse(&bytes) {
        Ok(manifest) => manifest,
        Err(why) => return wrong(why),
    };
    findings.record("manifest", consistency::consistent(&manifest, subject));
    Ok(Some((manifest, bytes)))
}

fn artifact(
    subject: &ArtifactFiles,
    manifest: Option<&Manifest>,
    cancel: &Cancel,
    findings: &mut Findings,
) -> Result<Option<EncryptedFile>> {
    let opened = match OpenFile::open(&subject.artifact) {
        Ok(opened) => opened,
        Err(Unopened::Unread(error)) => return Err(error),
        Err(Unopened::Wrong(why)) => {
            findings.record("artifact", Err(why.into()));
            return Ok(None);
        }
        Err(Unopened::Missing) => {
            findings.record("artifact", Err(MISSING.into()));
            findings.advise(
                "Bring the file back to its manifest; no other proves or restores this run.",
            );
            return Ok(None);
        }
    };
    findings.record("artifact", opened.access.clone());
    let size = manifest.map(|manifest| manifest.envelope.size_bytes);
    let read = opened.outside(size, cancel)?;
    let recorded = manifest.map(|manifest| Recorded {
        bytes: manifest.envelope.size_bytes,
        sha256: &manifest.envelope.sha256,
        recipients: consistency::key_ids(manifest),
    });
    judging::ARTIFACT.judge(&read, recorded.as_ref(), findings);
    Ok(Some(sealed(opened, read)))
}

/// A file that a run may have beside its artifact, and the checks of it.
struct Beside {
    file: RunFile,
    check: &'static str,
    checks: FileChecks,
    said: fn(&Manifest) -> Option<&SealedSql>,
}

const PRELUDE: Beside = Beside {
    file: RunFile::Prelude,
    check: "prelude",
    checks: judging::PRELUDE,
    said: |manifest| manifest.prelude.as_ref(),
};
const LATE: Beside = Beside {
    file: RunFile::Late,
    check: "late",
    checks: judging::LATE,
    said: |manifest| manifest.late.as_ref(),
};

impl Beside {
    fn look(
        &self,
        subject: &ArtifactFiles,
        manifest: &Manifest,
        cancel: &Cancel,
        findings: &mut Findings,
    ) -> Result<Option<EncryptedFile>> {
        // By its own name: the manifest's word for it may lead anywhere.
        let path = subject.beside(self.file).unwrap_or_default();
        let Some(said) = (self.said)(manifest) else {
            // One that no manifest vouches for is not part of the backup.
            if path.exists() {
                let why = format!("`{}` is there, the manifest names none", path.display());
                findings.record(self.check, Err(why));
            }
            return Ok(None);
        };
        let mut wrong = |why: &str| {
            findings.record(self.check, Err(format!("`{}`: {why}", path.display())));
            Ok(None)
        };
        let opened = match OpenFile::open(&path) {
            Ok(opened) => opened,
            Err(Unopened::Unread(error)) => return Err(error),
            Err(Unopened::Missing) => return wrong(MISSING),
            Err(Unopened::Wrong(why)) => return wrong(why),
        };
        if let Err(why) = &opened.access {
            return wrong(why);
        }
        let read = opened.outside(Some(said.size_bytes), cancel)?;
        let recorded = Recorded {
            bytes: said.size_bytes,
            sha256: &said.sha256,
            recipients: consistency::key_ids(manifest),
        };
        self.checks.judge(&read, Some(&recorded), findings);
        Ok(Some(sealed(opened, read)))
    }
}

fn sealed(opened: OpenFile, read: Outside) -> EncryptedFile {
    let bytes = read.bytes;
    let (sha256, marks) = match read.content {
        Ok(content) => (Some(content.sha256), content.marks),
        // Without marks nothing of it can be decrypted.
        Err(_) => (None, BlockDigests::from([])),
    };
    EncryptedFile {
        opened,
        sha256,
        bytes,
        marks,
    }
}
