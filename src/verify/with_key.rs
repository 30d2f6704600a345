//! What only the holder of the secret key can prove: that the message opens, was not changed, and
//! holds the rows that the manifest counts; and that its prelude is the one that was sealed with it.

use crate::base::error::{Code, Error, Result};
use crate::base::text::counted;
use crate::gnupg::binding::PreludeBinding;
use crate::gnupg::compression::Compression;
use crate::pg::prelude::{self, LARGEST};
use crate::process::flow::{Sink, StreamError};
use crate::report::findings::Findings;
use crate::store::manifest::Manifest;
use crate::verify::decrypt::{DecryptOutcome, Decrypted, Decryptor, decrypt};
use crate::verify::plaintext::{Content, Plain, Seen};
use crate::verify::verification::EncryptedFile;
use sha2::{Digest, Sha256};

/// The check of what ties the prelude to the artifact.
pub(crate) const BINDING: &str = "prelude binding";
/// The check of what ties the late file to the prelude.
pub(crate) const LATE_BINDING: &str = "late binding";

/// A small plaintext, in memory.
struct Kept(Vec<u8>);

impl Sink for Kept {
    fn push(&mut self, bytes: &[u8]) -> std::result::Result<(), StreamError> {
        if self.0.len() + bytes.len() > LARGEST {
            let what = format!("it has more than {LARGEST} bytes");
            return Err(Error::new(Code::NotVerified, what).into());
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// The dump itself: gpg's word, the plaintext's hash and size, every table's rows. What it says of
/// its prelude, where it could be read.
pub(crate) fn artifact(
    sealed: &EncryptedFile,
    manifest: &Manifest,
    key: &Decryptor<'_>,
    findings: &mut Findings,
) -> Result<Option<PreludeBinding>> {
    let compression = match Compression::parse(&manifest.compression) {
        Ok(compression) => compression,
        Err(why) => {
            findings.record("decryption", Err(why));
            return Ok(None);
        }
    };
    let sink = Plain::new(manifest, compression, &key.meter)?;
    let outcome = decrypt(sealed, manifest, key, sink);
    // What is opened next may ask for the passphrase again.
    key.meter.silence();
    let decrypted = match outcome? {
        DecryptOutcome::Opened(decrypted) => decrypted,
        DecryptOutcome::Refused(refusal) => {
            findings.record(refusal.check, Err(refusal.why));
            return Ok(None);
        }
    };
    findings.record("decryption", Ok(decrypted.detail));
    match decrypted.sink.finish() {
        Ok(content) => judge_content(content, manifest, findings),
        Err(why) => {
            findings.record("content", Err(format!("the dump is not whole: {why}")));
        }
    }
    Ok(decrypted.binding)
}

/// Judges a dump that was read to its end.
pub(crate) fn judge_content(content: Content, manifest: &Manifest, findings: &mut Findings) {
    let seen = match content.finish() {
        Ok(seen) => seen,
        Err(why) => {
            findings.record("content", Err(format!("the dump is not whole: {why}")));
            return;
        }
    };
    findings.record(
        "content",
        Ok("the dump is whole: every table's rows, and its completion trailer".into()),
    );
    findings.record("plaintext", plaintext(&seen, manifest));
    findings.record("rows", rows(&seen, manifest));
}

/// Judges whether both were sealed by one run: both bear one token.
pub(crate) fn judge_binding(
    artifact: Option<&PreludeBinding>,
    prelude: Option<&PreludeBinding>,
    manifest: &Manifest,
    findings: &mut Findings,
) {
    let how = match (artifact, prelude, &manifest.prelude) {
        (None, _, None) => return,
        (None, _, Some(_)) => {
            let detail = "not proved: an early artifact, which says nothing of its prelude; only the manifest vouches for it";
            return findings.record_not_checked(BINDING, detail);
        }
        (Some(PreludeBinding::Alone), None, None) => {
            Ok("the artifact was sealed without one, as the manifest says".into())
        }
        (Some(PreludeBinding::Alone), ..) => Err("the artifact was sealed without one".into()),
        (Some(PreludeBinding::Prelude(_)), _, None) => {
            Err("the artifact was sealed with one, the manifest names none".into())
        }
        (Some(PreludeBinding::Prelude(one)), Some(PreludeBinding::Prelude(other)), _)
            if one == other =>
        {
            Ok("artifact and prelude were sealed by one run: both bear its token".into())
        }
        _ => Err("it is not the one that was sealed with the artifact".into()),
    };
    findings.record(BINDING, how);
}

fn plaintext(seen: &Seen, manifest: &Manifest) -> std::result::Result<String, String> {
    let said = &manifest.plaintext;
    if seen.bytes != said.size_bytes {
        return Err(format!(
            "{} bytes, the manifest says {}",
            seen.bytes, said.size_bytes
        ));
    }
    if seen.sha256 == said.sha256 {
        Ok(format!("SHA-256 {}, {} bytes", seen.sha256, seen.bytes))
    } else {
        Err(format!(
            "SHA-256 is {}, the manifest says {}",
            seen.sha256, said.sha256
        ))
    }
}

/// Every relation has its block: the scan has seen to that.
fn rows(seen: &Seen, manifest: &Manifest) -> std::result::Result<String, String> {
    let mut wrong = Vec::new();
    for table in manifest.stored() {
        let name = table.table();
        let block = seen.blocks.iter().find(|block| block.table == name);
        let (rows, bytes) = block.map_or((0, 0), |block| (block.rows, block.bytes));
        if (rows, bytes) != (table.rows, table.bytes) {
            wrong.push(format!(
                "`{name}` has {} in {}, the manifest says {} in {}",
                counted(rows, "row"),
                counted(bytes, "byte"),
                table.rows,
                table.bytes
            ));
        }
    }
    if wrong.is_empty() {
        Ok(format!(
            "{} in {}",
            manifest.rows(),
            counted(seen.blocks.len(), "table")
        ))
    } else {
        Err(wrong.join("; "))
    }
}

/// Judges whether the late file is the one that was made with the prelude, which names its hash.
pub(crate) fn judge_late(prelude: Option<&Prelude>, late: Option<&[u8]>, findings: &mut Findings) {
    let named = match prelude.map(|prelude| prelude::parts(&prelude.sql)) {
        Some(Ok(parts)) => parts.late,
        Some(Err(why)) => {
            findings.record(LATE_BINDING, Err(why));
            return;
        }
        None => None,
    };
    let how = match (named, late) {
        (None, None) => return,
        (Some(named), Some(late)) if named == hex::encode(Sha256::digest(late)) => {
            prelude::late::parts(late).map(|_| {
                "it is the one that was made with the prelude, which names its hash".into()
            })
        }
        (Some(_), Some(_)) => Err("it is not the one that was made with the prelude".into()),
        (Some(_), None) => Err("the prelude was made with one, the manifest names none".into()),
        (None, Some(_)) => Err("the prelude was made without one".into()),
    };
    findings.record(LATE_BINDING, how);
}

/// A prelude that was opened: its SQL, and what it says of its artifact.
pub(crate) struct Prelude {
    pub sql: Vec<u8>,
    pub binding: Option<PreludeBinding>,
}

pub(crate) fn prelude(
    sealed: &EncryptedFile,
    manifest: &Manifest,
    key: &Decryptor<'_>,
    findings: &mut Findings,
) -> Result<Option<Prelude>> {
    let kept = kept("prelude decryption", sealed, manifest, key, findings)?;
    Ok(kept.map(|Decrypted { sink, binding, .. }| Prelude {
        sql: sink.0,
        binding,
    }))
}

/// The late file's SQL.
pub(crate) fn late(
    sealed: &EncryptedFile,
    manifest: &Manifest,
    key: &Decryptor<'_>,
    findings: &mut Findings,
) -> Result<Option<Vec<u8>>> {
    let kept = kept("late decryption", sealed, manifest, key, findings)?;
    Ok(kept.map(|decrypted| decrypted.sink.0))
}

fn kept(
    check: &'static str,
    sealed: &EncryptedFile,
    manifest: &Manifest,
    key: &Decryptor<'_>,
    findings: &mut Findings,
) -> Result<Option<Decrypted<Kept>>> {
    match decrypt(sealed, manifest, key, Kept(Vec::new()))? {
        DecryptOutcome::Opened(decrypted) => {
            findings.record(check, Ok(decrypted.detail.clone()));
            Ok(Some(decrypted))
        }
        DecryptOutcome::Refused(refusal) => {
            findings.record(check, Err(refusal.why));
            Ok(None)
        }
    }
}
