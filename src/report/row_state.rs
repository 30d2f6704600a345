//! How a row of the matrix stands, and the word for a key that is FAILED.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RowState {
    Ready,
    /// Absent, or not configured.
    Missing,
    /// There, but not usable.
    Failed,
    /// Could not be checked.
    Unknown,
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

    /// What is known to be broken is worse than what is not known, and that than what can be
    /// provided.
    fn badness(self) -> u8 {
        match self {
            RowState::Ready => 0,
            RowState::Missing => 1,
            RowState::Unknown => 2,
            RowState::Failed => 3,
        }
    }

    pub(crate) fn worse(self, other: RowState) -> RowState {
        if self.badness() >= other.badness() {
            self
        } else {
            other
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
