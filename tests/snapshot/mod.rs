//! Whole outputs as a user reads them, held against the files in `tests/snapshots`. A changed word
//! is seen there in review. After a change that is meant: `INSTA_UPDATE=always cargo test --test main
//! -- snapshot`, then read the diff.

mod diff;
mod errors;
mod help;
mod json;
mod readiness;
mod scripts;
mod store;
mod undo;

use crate::support::Ran;

/// What differs from run to run and from host to host, and the word that stands for it.
const FILTERS: &[(&str, &str)] = &[
    (r"(?m)^pgseal \d[\d.]*$", "pgseal [VERSION]"),
    (
        r#""pgseal_version": "[\d.]+""#,
        r#""pgseal_version": "[VERSION]""#,
    ),
    (r"/tmp/pgs-it-\w+", "[DIR]"),
    (r"\[DIR\]/tmp/pgs-gpg-\w+", "[HOME]"),
    (r"/[\w./-]*/scripts/backup_runner\.py", "[BACKUP_RUNNER]"),
    (
        r"(\[DIR\])?(/[\w.-]+)+/(gpg|pg_dump|psql|python3)\b",
        "[$3]",
    ),
    // A long command is cut off, and how gpg ends without a whole message is its version's affair.
    (
        r#"(\[gpg\]) --status-fd=2[^"\n]*?(…|--output=-)((  -> |","ended":"))[^"\n]*"#,
        "$1 …$3[ENDED]",
    ),
    (r"status 2: gpg: .*", "status 2: [GPG]"),
    (r"GnuPG [\d.]+, libgcrypt [\d.]+", "GnuPG [VERSION]"),
    (
        r"\b(PostgreSQL|pg_dump|server) \d+\.\d+( \([^)]*\))?",
        "$1 [VERSION]",
    ),
    (r"system identifier \d+", "system identifier [N]"),
    (r"database `?t\d+\b`?", "database [DB]"),
    (r"/tmp/pgseal-test-\w+", "[SOCKETS]"),
    (r"(?m)^t\d+: ", "[DB]: "),
    (r"owner uid \d+", "owner uid [N]"),
    (r"\(\d+ files changed since\)", "([N] files changed since)"),
    (r"\btag (18|20)\b", "tag [N]"),
    (r"\b\d{8}T\d{6}Z-[0-9a-f]{8}\b", "[RUN_ID]"),
    (
        r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?)?",
        "[TIME]",
    ),
    (r"\b[0-9A-F]{40}\b", "[FINGERPRINT]"),
    (r"\b[0-9A-F]{16}\b", "[KEY_ID]"),
    (r"\b[0-9a-f]{64}\b", "[SHA256]"),
    (r"\b[\d,]+ bytes( encrypted to \d+)?", "[N] bytes"),
    (r"\b\d+(\.\d)? [KMGT]iB", "[SIZE]"),
    (r"( {2})\d+s\b", "$1[AGE]"),
];

/// Where columns are as wide as what stands in them.
const COLUMNS: (&str, &str) = (r"(\S) {2,}", "$1  ");

#[track_caller]
fn compare(name: &str, text: &str) {
    compare_filtered(name, text, FILTERS);
}

#[track_caller]
fn compare_filtered(name: &str, text: &str, filters: &[(&str, &str)]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, word) in filters {
        settings.add_filter(pattern, *word);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Status, standard output and standard error.
#[track_caller]
fn compare_run(name: &str, ran: &Ran) {
    compare(name, &whole(ran));
}

#[track_caller]
fn compare_columns(name: &str, ran: &Ran) {
    compare_filtered(name, &whole(ran), &[FILTERS, &[COLUMNS]].concat());
}

fn whole(ran: &Ran) -> String {
    let (code, stdout, stderr) = (ran.code(), &ran.stdout, &ran.stderr);
    format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
}
