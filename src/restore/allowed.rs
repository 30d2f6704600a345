//! The statements and settings that pg_dump writes.

/// What pg_dump sets; others could change how the rest is read.
pub(super) const SETTINGS: &[&str] = &[
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "client_encoding",
    "standard_conforming_strings",
    "escape_string_warning",
    "check_function_bodies",
    "xmloption",
    "client_min_messages",
    "row_security",
    "default_tablespace",
    "default_table_access_method",
];

/// How statements of the tables' dump begin. `ALTER TABLE` and what creates is looked at closer.
pub(super) const TABLES: &[&[&str]] = &[
    &["copy"],
    &["create", "table"],
    &["create", "unlogged", "table"],
    &["create", "sequence"],
    &["create", "unlogged", "sequence"],
    &["create", "index"],
    &["create", "unique", "index"],
    &["create", "trigger"],
    &["create", "constraint", "trigger"],
    &["create", "policy"],
    &["create", "rule"],
    &["create", "statistics"],
    &["alter", "table"],
    &["alter", "sequence"],
    &["alter", "index"],
    &["alter", "statistics"],
    &["alter", "publication"],
    &["comment", "on"],
    &["security", "label"],
    &["grant"],
    &["revoke"],
];

/// A prelude makes each object in a block of its own. What stands in a block is the server's to
/// read, as the role that restores: only a proved origin says whose words these are.
pub(super) const PRELUDE: &[&[&str]] = &[&["do"]];
