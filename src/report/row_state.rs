//! How a row of the matrix stands, and the word for a key that is FAILED.

use serde::{Deserialize, Serialize};

/// The better first: what is known to be broken is worse than what is not known, and that than what can
/// be provided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RowState {
    Ready,
    /// Absent, or not configured.
    Missing,
    /// Could not be checked.
    Unknown,
    /// There, but not usable.
    Failed,
}

impl RowState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RowState::Ready => "READY",
            RowState::Missing => "MISSING",
            RowState::Failed => "FAILED",
            RowState::Unknown => "UNKNOWN",
        }
    }
}

/// Why a key is FAILED, where there is a word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFlaw {
    Expired,
    Revoked,
    Disabled,
    NoEncryptionSubkey,
}

impl KeyFlaw {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            KeyFlaw::Expired => "EXPIRED",
            KeyFlaw::Revoked => "REVOKED",
            KeyFlaw::Disabled => "DISABLED",
            KeyFlaw::NoEncryptionSubkey => "NO_ENCRYPTION_SUBKEY",
        }
    }
}
