//! What one sealed file is, held against what is said of it.

use crate::gnupg::packet_reader::KeyId;
use crate::report::findings::Findings;
use crate::verify::open_file::Outside;

/// Size and hash, as they are and as the manifest says.
pub(crate) fn sizes(
    (size, sha256): (&'static str, &'static str),
    read: &Outside,
    (bytes, hash): (u64, &str),
    findings: &mut Findings,
) {
    let how = match read.bytes == bytes {
        true => Ok(format!("{bytes} bytes")),
        false => Err(format!("{} bytes, the manifest says {bytes}", read.bytes)),
    };
    findings.record(size, how);
    let found = match &read.content {
        Ok(content) => &content.sha256,
        Err(why) => return findings.record_not_checked(sha256, &format!("not read: {why}")),
    };
    let how = match found == hash {
        true => Ok(found.clone()),
        false => Err(format!("{found}, the manifest says {hash}")),
    };
    findings.record(sha256, how);
}

/// `meant`: None without a manifest, Some(None) where it names none that could be.
pub(crate) fn framing(
    (check, recipients): (&'static str, &'static str),
    read: &Outside,
    meant: Option<Option<Vec<KeyId>>>,
    findings: &mut Findings,
) {
    let content = match &read.content {
        Ok(content) => content,
        Err(why) => {
            let detail = format!("not read: {why}");
            findings.record_not_checked(check, &detail);
            return findings.record_not_checked(recipients, &detail);
        }
    };
    let message = match &content.framing {
        Ok(message) => message,
        Err(err) => {
            findings.record(check, Err(err.to_string()));
            return;
        }
    };
    let detail = format!(
        "one whole OpenPGP message with integrity protection (tag {}), nothing behind it",
        message.tag
    );
    findings.record(check, Ok(detail));
    let list = |ids: &[KeyId]| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.join(", ")
    };
    let mut named = message.recipients.clone();
    named.sort_unstable();
    match meant {
        None => {
            let detail = format!("not proved: it is for {}, by no manifest", list(&named));
            findings.record_not_checked(recipients, &detail);
        }
        Some(meant) => {
            let meant = meant.unwrap_or_default();
            let how = match named == meant {
                true => Ok(format!("for {}, as the manifest says", list(&named))),
                false => Err(format!(
                    "it is for {}, the manifest says {}",
                    list(&named),
                    list(&meant)
                )),
            };
            findings.record(recipients, how);
        }
    }
}
