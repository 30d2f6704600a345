//! What changed since a backup, and back.

mod diff;
