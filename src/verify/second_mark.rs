//! Where `guard`'s COMMAND ended, by the file beside the manifest. It decides what an undo may
//! overwrite, so one that is not proved counts as absent, and is no reproach to the backup.

use crate::base::error::Result;
use crate::process::cancel::Cancel;
use crate::report::findings::{CheckStatus, Findings};
use crate::store::after::After;
use crate::store::manifest::Manifest;
use crate::store::run_files::RunFile;
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::open_file::{OpenFile, Unopened, too_large};
use crate::verify::signature::{OfWhat, Signature, TrustedKeys, signature};

const CHECK: &str = "second mark";
/// One has about 400 bytes.
const LARGEST: u64 = 64 * 1024;

/// None where there is none, or where a trusted key should have signed it and has not.
pub(crate) fn second_mark(
    subject: &ArtifactFiles,
    manifest: &Manifest,
    trusted: Option<&TrustedKeys>,
    cancel: &Cancel,
    findings: &mut Findings,
) -> Result<Option<After>> {
    let mut absent = |why: &str| {
        findings.record_not_checked(CHECK, &format!("not proved, counts as absent: {why}"));
        Ok(None)
    };
    let path = subject.beside(RunFile::After);
    let Some(path) = path.filter(|path| path.symlink_metadata().is_ok()) else {
        return Ok(None);
    };
    let opened = match OpenFile::open(&path) {
        Ok(opened) => opened,
        Err(Unopened::Unread(error)) => return absent(&error.message),
        Err(Unopened::Missing) => return Ok(None),
        Err(Unopened::Wrong(why)) => return absent(why),
    };
    if let Err(why) = &opened.access {
        return absent(why);
    }
    if opened.size > LARGEST {
        return absent(&too_large(opened.size));
    }
    let bytes = opened.bytes(LARGEST)?;
    let after = match After::parse(&bytes, &manifest.run_id, &manifest.envelope.sha256) {
        Ok(after) => after,
        Err(why) => return absent(&why),
    };
    let ended = format!("COMMAND had ended at {}", after.created_at);
    let (standing, detail) = match signature(subject, OfWhat::SECOND_MARK, &bytes, trusted, cancel)?
    {
        Signature::Judged(Ok(proof)) => (
            CheckStatus::Proved,
            format!("{ended}; signed by {}", proof.signer),
        ),
        Signature::Judged(Err(no)) => return absent(&no.why),
        Signature::Absent if trusted.is_some() => return absent("it is not signed"),
        Signature::Absent | Signature::NotChecked => (
            CheckStatus::NotProved,
            format!("{ended}; not proved: no key is trusted, see --signed-by"),
        ),
    };
    findings.add(CHECK, standing, detail);
    Ok(Some(after))
}
