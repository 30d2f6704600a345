//! Whether an artifact is the one that the caller was once given, or that somebody sealed whom the
//! caller trusts. Only a hash that was kept elsewhere and a signature tell: whoever can write the
//! store can write a manifest too, and whoever has the public key can make an artifact that decrypts.

use crate::base::names::sha256;
use crate::report::findings::Findings;
use crate::store::manifest::{Envelope, Manifest};
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::signature::{Signature, TrustedKeys, told};
use std::path::Path;

/// What vouches for a run: each field is true where something that was kept elsewhere agreed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OriginProof {
    /// The artifact's hash; a prelude that is bound to the artifact is proved with it.
    pub artifact: bool,
    /// The manifest, and with it the hashes of all files that it names.
    pub manifest: bool,
    /// Why no signature says anything; `None` where one was judged.
    pub no_signature: Option<&'static str>,
}

impl OriginProof {
    pub(crate) fn proved(self) -> bool {
        self.artifact || self.manifest
    }
}

/// What the caller kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub sha256: Option<String>,
    /// With where it came from. An unreadable one is a "no", not a missing one.
    pub envelope: Option<Result<Envelope, String>>,
    /// None where nobody's signature proves anything.
    pub trusted: Option<TrustedKeys>,
    /// What is neither signed by one of them nor proved by a hash is not only not proved, but a
    /// "no".
    pub must_be_proved: bool,
    /// What of it was given on the command line, to be given again.
    pub options: Vec<String>,
}

/// What was found, to be held against what the caller kept.
pub(crate) struct Found<'a> {
    pub subject: &'a ArtifactFiles,
    /// None where the file was not read to its end.
    pub sha256: Option<&'a str>,
    pub bytes: u64,
    pub first_recipient: Option<&'a str>,
    pub signature: Signature,
}

/// One envelope, and nothing else.
pub(crate) fn envelope(text: &str) -> Result<Envelope, String> {
    let envelope: Envelope =
        serde_json::from_str(text).map_err(|err| format!("it is not an envelope: {err}"))?;
    sha256(&envelope.sha256)?;
    Ok(envelope)
}

impl Origin {
    pub(crate) fn judge(&self, found: &Found<'_>, findings: &mut Findings) -> OriginProof {
        let mut proof = OriginProof::default();
        let sha = found.sha256;
        let signature = match &found.signature {
            Signature::Judged(judged) => {
                let how = judged.as_ref().map(told).map_err(|no| no.why.clone());
                proof.manifest = findings.record("origin", how);
                if let Err(no) = judged {
                    findings.advise(no.hints.clone());
                }
                None
            }
            Signature::Absent => Some("it is not signed"),
            Signature::NotChecked => Some("it is signed, but no key is trusted, see --signed-by"),
        };
        proof.no_signature = signature;
        if let Some(signature) = signature
            && self.sha256.is_none()
            && self.envelope.is_none()
        {
            let detail = format!(
                "not proved: no hash that was kept elsewhere was given, see --sha256 and \
                 --envelope; {signature}"
            );
            if self.must_be_proved && self.trusted.is_some() {
                _ = findings.record("origin", Err(detail))
            } else {
                findings.record_not_checked("origin", &detail)
            }
        }
        let Some(sha) = sha else {
            if self.sha256.is_some() || self.envelope.is_some() {
                let why = "not read: the file is larger than it should be";
                findings.record("origin", Err(why.into()));
            }
            return proof;
        };
        if let Some(kept) = &self.sha256 {
            proof.artifact |= findings.record(
                "origin",
                if kept == sha {
                    Ok("proved: the SHA-256 is the one that was given".into())
                } else {
                    Err(format!("SHA-256 is {sha}, {kept} was given"))
                },
            );
        }
        if let Some(kept) = &self.envelope {
            let how = kept.clone().and_then(|kept| {
                let file = Path::new(&kept.artifact_ref).file_name();
                if !kept.sha256.eq_ignore_ascii_case(sha) {
                    let of = match file.and_then(|name| name.to_str()) {
                        Some(of) if of != found.subject.file_name() => format!("; it is of `{of}`"),
                        _ => String::new(),
                    };
                    return Err(format!(
                        "SHA-256 is {sha}, the envelope says {}{of}",
                        kept.sha256
                    ));
                }
                if kept.size_bytes != found.bytes {
                    return Err(format!(
                        "{} bytes, the envelope says {}",
                        found.bytes, kept.size_bytes
                    ));
                }
                let first = found.first_recipient;
                if first.is_some_and(|first| first != kept.gpg_fpr) {
                    return Err(format!("the envelope's recipient is {}", kept.gpg_fpr));
                }
                if file.and_then(|name| name.to_str()) != Some(found.subject.file_name()) {
                    return Err(format!("the envelope is of `{}`", kept.artifact_ref));
                }
                Ok("proved: it is the artifact of the envelope that was given".into())
            });
            proof.artifact |= findings.record("origin", how);
        }
        proof
    }
}

impl Origin {
    /// Judges a manifest whose artifact is not read.
    pub(crate) fn judge_manifest(
        &self,
        manifest: &Manifest,
        signature: &Signature,
        findings: &mut Findings,
    ) {
        let said = &manifest.envelope.sha256;
        let kept = self.envelope.iter().flatten().map(|kept| &kept.sha256);
        let mut other = kept
            .chain(&self.sha256)
            .filter(|kept| !kept.eq_ignore_ascii_case(said));
        if let Some(other) = other.next() {
            let why = format!("its artifact's SHA-256 is {said}, {other} was given");
            findings.record("origin", Err(why));
            return;
        }
        let why = match signature {
            Signature::Judged(Ok(proof)) => {
                findings.record("origin", Ok(told(proof)));
                return;
            }
            Signature::Judged(Err(no)) => {
                findings.record("origin", Err(no.why.clone()));
                findings.advise(no.hints.clone());
                return;
            }
            Signature::Absent => "the manifest is not signed",
            Signature::NotChecked => {
                "the manifest is signed, but no key is trusted, see --signed-by"
            }
        };
        let why = format!("not proved: only a signature proves the mark and the counts, and {why}");
        findings.record_not_checked("origin", &why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn only_whole_hashes_and_envelopes() {
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(sha256(&hash.to_uppercase()), Ok(hash.clone()));
        each(
            [
                "",
                "abc",
                &hash[1..],
                &format!("{hash}0"),
                &hash.replace('f', "g"),
            ],
            |text| {
                assert!(sha256(text).is_err(), "{text:?}");
            },
        );
        let line = format!(
            r#"{{"sha256":"{hash}","size_bytes":1,"gpg_fpr":"A","artifact_ref":"/a.sql.gpg"}}"#
        );
        assert!(envelope(&(line.clone() + "\n")).is_ok());
        each(
            [
                String::new(),
                format!("{line}{line}"),
                line.replace("size_bytes", "size"),
                line.replace("{", r#"{"more":1,"#),
                line.replace(&hash, "abc"),
            ],
            |text| {
                assert!(envelope(&text).is_err(), "{text:?}");
            },
        );
    }
}
