//! What one sealed file is, held against what is said of it.

use crate::gnupg::packet_reader::KeyId;
use crate::report::findings::Findings;
use crate::verify::open_file::Outside;

/// What the checks of a file are called.
pub(crate) struct FileChecks {
    size: &'static str,
    sha256: &'static str,
    framing: &'static str,
    recipients: &'static str,
}

pub(crate) const ARTIFACT: FileChecks = FileChecks {
    size: "size",
    sha256: "sha256",
    framing: "framing",
    recipients: "recipients",
};
pub(crate) const PRELUDE: FileChecks = FileChecks {
    size: "prelude size",
    sha256: "prelude sha256",
    framing: "prelude framing",
    recipients: "prelude recipients",
};

pub(crate) const LATE: FileChecks = FileChecks {
    size: "late size",
    sha256: "late sha256",
    framing: "late framing",
    recipients: "late recipients",
};

/// What a manifest says of a file.
pub(crate) struct Recorded<'a> {
    pub bytes: u64,
    pub sha256: &'a str,
    /// Sorted; none where the manifest names one that cannot be.
    pub recipients: Vec<KeyId>,
}

impl FileChecks {
    /// Holds a file against the manifest, where there is one.
    pub(crate) fn judge(
        &self,
        read: &Outside,
        recorded: Option<&Recorded<'_>>,
        findings: &mut Findings,
    ) {
        if let Some(recorded) = recorded {
            self.sizes(read, recorded, findings);
        }
        self.framing(read, recorded, findings);
    }

    fn sizes(&self, read: &Outside, recorded: &Recorded<'_>, findings: &mut Findings) {
        let bytes = recorded.bytes;
        let how = if read.bytes == bytes {
            Ok(format!("{bytes} bytes"))
        } else {
            Err(format!("{} bytes, the manifest says {bytes}", read.bytes))
        };
        findings.record(self.size, how);
        let found = match &read.content {
            Ok(content) => &content.sha256,
            Err(why) => {
                return findings.record_not_checked(self.sha256, &format!("not read: {why}"));
            }
        };
        let how = if found == recorded.sha256 {
            Ok(found.clone())
        } else {
            Err(format!("{found}, the manifest says {}", recorded.sha256))
        };
        findings.record(self.sha256, how);
    }

    fn framing(&self, read: &Outside, recorded: Option<&Recorded<'_>>, findings: &mut Findings) {
        let content = match &read.content {
            Ok(content) => content,
            Err(why) => {
                let detail = format!("not read: {why}");
                findings.record_not_checked(self.framing, &detail);
                return findings.record_not_checked(self.recipients, &detail);
            }
        };
        let message = match &content.framing {
            Ok(message) => message,
            Err(err) => {
                findings.record(self.framing, Err(err.to_string()));
                return;
            }
        };
        let detail = format!(
            "one whole OpenPGP message with integrity protection (tag {}), nothing behind it",
            message.tag
        );
        findings.record(self.framing, Ok(detail));
        let list = |ids: &[KeyId]| {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            ids.join(", ")
        };
        let mut ids = message.recipients.clone();
        ids.sort_unstable();
        let named = list(&ids);
        let how = match recorded {
            None => {
                let detail = format!("not proved: it is for {named}, by no manifest");
                return findings.record_not_checked(self.recipients, &detail);
            }
            Some(recorded) if recorded.recipients == ids => {
                Ok(format!("for {named}, as the manifest says"))
            }
            Some(recorded) => {
                let recorded = list(&recorded.recipients);
                Err(format!("it is for {named}, the manifest says {recorded}"))
            }
        };
        findings.record(self.recipients, how);
    }
}
