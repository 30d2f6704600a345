//! What can be proved of an artifact, by itself and by what lies beside it.
//!
//! A doubt is a "no". Every file is opened once and read from that one descriptor; what is
//! decrypted is hashed again on its way. Whoever wants to use an artifact asks here first, and
//! goes on with what was opened here.

mod consistency;
mod decrypt;
pub(crate) mod findings;
mod inside;
mod judging;
mod opened;
pub(crate) mod origin;
mod plaintext;
pub(crate) mod subject;

pub(crate) use decrypt::{Ciphertext, Key, decrypt, opens};
pub(crate) use findings::{Finding, Report, Standing};
pub(crate) use opened::Opened;
pub(crate) use origin::Origin;
pub(crate) use plaintext::{Inflate, plaintext_of};
pub(crate) use subject::{Subject, Target};

use crate::error::{Code, Error, Result};
use crate::manifest::{Manifest, Prelude};
use crate::report::Verdict;
use crate::store::{MANIFEST, PRELUDE};
use crate::watch::Watch;
pub(crate) use findings::Findings;
use findings::SCHEMA;
use inside::BOND;
use judging::{framing, sizes};
use opened::{Marks, Outside};

const LARGEST_MANIFEST: u64 = 64 * 1024 * 1024;

/// The answers so far, and what was opened for them.
pub(crate) struct Examined {
    subject: Subject,
    findings: Findings,
    manifest: Option<Manifest>,
    artifact: Option<Sealed>,
    prelude: Option<Sealed>,
}

/// An encrypted file as it was read.
pub(crate) struct Sealed {
    pub opened: Opened,
    sha256: String,
    bytes: u64,
    marks: Marks,
}

/// What may be decrypted: nothing about it was found wrong so far.
pub(crate) struct Sound<'a> {
    pub manifest: &'a Manifest,
    pub artifact: &'a Sealed,
    pub prelude: Option<&'a Sealed>,
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
            return Ok(Sound {
                manifest,
                artifact,
                prelude: self.prelude.as_ref(),
            });
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

    /// Artifact and prelude are of one run: the one's origin is the other's.
    pub(crate) fn bound(&self) -> bool {
        self.prelude.is_none() || self.findings.proved(BOND)
    }

    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }

    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(crate) fn report(self) -> Report {
        let manifest = self
            .subject
            .beside(MANIFEST)
            .filter(|_| self.manifest.is_some());
        let sealed = self.artifact.as_ref();
        Report {
            schema: SCHEMA,
            result: self.findings.verdict(),
            run_id: self.subject.run_id.map(|run_id| run_id.to_string()),
            artifact: self.subject.artifact.display().to_string(),
            manifest: manifest.map(|path| path.display().to_string()),
            sha256: sealed.map(|sealed| sealed.sha256.clone()),
            size_bytes: sealed.map(|sealed| sealed.bytes),
            checks: self.findings,
        }
    }
}

/// All that can be proved without a secret key.
pub(crate) fn outside(subject: Subject, origin: &Origin, watch: &Watch) -> Result<Examined> {
    let mut findings = Findings::default();
    let manifest = manifest(&subject, &mut findings);
    let artifact = artifact(&subject, manifest.as_ref(), origin, watch, &mut findings)?;
    let prelude = match manifest
        .as_ref()
        .and_then(|m| Some((m, m.prelude.as_ref()?)))
    {
        Some((manifest, said)) => prelude(&subject, manifest, said, watch, &mut findings)?,
        None => {
            // One that no manifest vouches for is not part of the backup.
            let stray = subject.beside(PRELUDE).filter(|path| path.exists());
            if let (Some(path), true) = (stray, manifest.is_some()) {
                let why = format!("`{}` is there, the manifest names none", path.display());
                findings.judge("prelude", Err(why));
            }
            None
        }
    };
    Ok(Examined {
        subject,
        findings,
        manifest,
        artifact,
        prelude,
    })
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
    let bears = match &examined.prelude {
        Some(prelude) => inside::prelude(prelude, manifest, key, findings)?,
        None => None,
    };
    if findings.verdict() == Verdict::Pass {
        inside::bound(named, bears, manifest, findings);
    }
    Ok(())
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

fn manifest(subject: &Subject, findings: &mut Findings) -> Option<Manifest> {
    let path = subject.beside(MANIFEST);
    let read = || {
        let path = path.ok_or(
            "none can be looked up: the file's name is not <run id>.sql.gpg or .sql.zst.gpg",
        )?;
        if path.symlink_metadata().is_err() {
            let path = path.display();
            return Err(format!(
                "`{path}` is not there: an orphan, a run that was never complete"
            ));
        }
        let opened = Opened::open(&path)?;
        opened.access.clone()?;
        Manifest::parse(&opened.bytes(LARGEST_MANIFEST)?)
    };
    let manifest = match read() {
        Ok(manifest) => manifest,
        Err(why) => {
            findings.judge("manifest", Err(why));
            return None;
        }
    };
    let consistent = consistency::consistent(&manifest, subject);
    findings.judge("manifest", consistent);
    Some(manifest)
}

fn artifact(
    subject: &Subject,
    manifest: Option<&Manifest>,
    origin: &Origin,
    watch: &Watch,
    findings: &mut Findings,
) -> Result<Option<Sealed>> {
    let opened = match Opened::open(&subject.artifact) {
        Ok(opened) => opened,
        Err(why) => {
            findings.judge("artifact", Err(why));
            return Ok(None);
        }
    };
    findings.judge("artifact", opened.access.clone());
    let read = opened.outside(watch)?;
    if let Some(manifest) = manifest {
        let said = &manifest.envelope;
        sizes(
            ("size", "sha256"),
            &read,
            (said.size_bytes, &said.sha256),
            findings,
        );
    }
    let meant = manifest.map(consistency::key_ids);
    framing(("framing", "recipients"), &read, meant, findings);
    let first = manifest.map(|manifest| manifest.envelope.gpg_fpr.as_str());
    origin.judge(subject, (&read.sha256, read.bytes), first, findings);
    Ok(Some(sealed(opened, read)))
}

fn prelude(
    subject: &Subject,
    manifest: &Manifest,
    said: &Prelude,
    watch: &Watch,
    findings: &mut Findings,
) -> Result<Option<Sealed>> {
    // By its own name: the manifest's word for it may lead anywhere.
    let path = subject.beside(PRELUDE).unwrap_or_default();
    let opened = Opened::open(&path).and_then(|opened| match opened.access.clone() {
        Ok(_) => Ok(opened),
        Err(why) => Err(why),
    });
    let opened = match opened {
        Ok(opened) => opened,
        Err(why) => {
            findings.judge("prelude", Err(format!("`{}`: {why}", path.display())));
            return Ok(None);
        }
    };
    let read = opened.outside(watch)?;
    sizes(
        ("prelude size", "prelude sha256"),
        &read,
        (said.size_bytes, &said.sha256),
        findings,
    );
    let meant = Some(consistency::key_ids(manifest));
    framing(
        ("prelude framing", "prelude recipients"),
        &read,
        meant,
        findings,
    );
    Ok(Some(sealed(opened, read)))
}

fn sealed(opened: Opened, read: Outside) -> Sealed {
    Sealed {
        opened,
        sha256: read.sha256,
        bytes: read.bytes,
        marks: read.marks,
    }
}
