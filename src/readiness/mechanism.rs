//! A round trip with a throw-away key and the argv of a backup, and controls that must fail.

pub(crate) mod canary;
pub(crate) mod key_type;
pub(crate) mod keyring;
pub(crate) mod proof;
pub(crate) mod round_trip;
