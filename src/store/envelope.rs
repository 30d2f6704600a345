//! The four keys that a writer checks before it writes.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    /// Of the artifact's bytes: 64 hex digits, lower case.
    pub sha256: String,
    /// Of the artifact.
    pub size_bytes: u64,
    /// The first recipient's primary fingerprint, upper case.
    pub gpg_fpr: String,
    /// The artifact's absolute path.
    pub artifact_ref: String,
}
