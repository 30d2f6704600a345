//! `readiness`, `preflight`, `operator-package` and the seam: the seed's host, and each way in which
//! each row can be unfit.

mod database;
mod hints;
mod host;
mod keys;
mod package;
mod report;
mod seam;
mod seed;
mod store;

pub use host::Host;
pub use report::Report;

const ROWS: [&str; 10] = [
    "gpg_binary",
    "gpg_mechanism",
    "backup_key",
    "pg_dump",
    "database",
    "target_tables",
    "restore_closure",
    "store",
    "backup_runner",
    "pre_write_backup_seam",
];
const BACKUP_RUNNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/backup_runner.py");
