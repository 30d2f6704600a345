//! Each way in which gpg or the key can be unfit.

use super::Host;
use crate::support::{ECC, PAST, RSA, SIGN_ONLY, each};

#[test]
fn gpg_is_missing_or_broken() {
    let mut host = Host::ready();
    host.only(&["psql", "pg_dump", "python3"]);
    let report = host.readiness();
    report.says(
        "gpg_binary",
        "MISSING",
        &["not on PATH", "apt-get install gnupg"],
    );
    report.says("gpg_mechanism", "UNKNOWN", &["not on PATH"]);
    report.says("backup_key", "UNKNOWN", &[]);
    report.says("database", "READY", &[]);
    assert_eq!(
        report.verdict(),
        "UNKNOWN UNKNOWN UNKNOWN BLOCKED UNKNOWN FAIL"
    );

    let host = Host::ready();
    host.script("gpg", "echo nothing of the kind");
    host.readiness()
        .says("gpg_binary", "FAILED", &["does not answer as GnuPG does"]);
    host.script("gpg", "exit 7");
    host.readiness().says("gpg_binary", "FAILED", &["status 7"]);
    // One that was killed has not answered.
    host.script("gpg", "kill -KILL $$");
    let report = host.readiness();
    report.says("gpg_binary", "UNKNOWN", &["signal 9 (SIGKILL)"]);
    report.says("backup_key", "UNKNOWN", &["signal 9 (SIGKILL)"]);
}

#[test]
fn a_gpg_that_cannot_encrypt_is_no_mechanism() {
    let host = Host::ready();
    let real =
        "case \"$*\" in *--encrypt*) cat >/dev/null; exit 0;; esac; exec /usr/bin/gpg \"$@\"";
    host.script("gpg", real);
    let report = host.readiness();
    report.says("gpg_binary", "READY", &[]);
    report.says(
        "gpg_mechanism",
        "FAILED",
        &["encrypt as backup does", "FAIL"],
    );
    assert!(
        report.verdict().starts_with("FAILED READY "),
        "{}",
        report.verdict()
    );
    assert!(
        report.verdict().ends_with("BLOCKED NONE FAIL"),
        "{}",
        report.verdict()
    );
}

#[test]
fn keys_that_cannot_be_used() {
    each(
        [
            (ECC, PAST, "EXPIRED", "has expired"),
            (
                SIGN_ONLY,
                "Expire-Date: 1y",
                "NO_ENCRYPTION_SUBKEY",
                "no encryption subkey",
            ),
        ],
        |(shape, rest, word, told)| {
            let host = Host::ready();
            host.publish(&host.key(shape, rest));
            let report = host.readiness();
            report.says("backup_key", "FAILED", &[told, "--import KEYFILE"]);
            report.says("backup_runner", "UNKNOWN", &[told]);
            assert_eq!(
                report.verdict(),
                format!("READY {word} UNKNOWN PARTIAL NONE PASS")
            );
            assert_eq!(report.exit, 1);
        },
    );

    let host = Host::ready();
    let fpr = host.key(ECC, "Expire-Date: 1y");
    host.gnupg.import(&host.operator.revocation(&fpr));
    host.publish(&fpr);
    let report = host.readiness();
    report.says("backup_key", "FAILED", &["is revoked", "operator-package"]);
    assert_eq!(report.verdict(), "READY REVOKED UNKNOWN PARTIAL NONE PASS");

    let host = Host::ready();
    let fpr = host.key(ECC, "Expire-Date: 1y");
    host.gnupg.disable(&fpr);
    host.publish(&fpr);
    let report = host.readiness();
    report.says("backup_key", "FAILED", &["is disabled", "enable quit"]);
    assert_eq!(report.verdict(), "READY DISABLED UNKNOWN PARTIAL NONE PASS");
}

#[test]
fn keys_that_are_not_there() {
    let mut host = Host::ready();
    host.publish(&"A".repeat(40));
    let report = host.readiness();
    report.says(
        "backup_key",
        "MISSING",
        &["no public key AAAA", "1 public key in", "--import KEYFILE"],
    );
    assert_eq!(report.verdict(), "READY MISSING MISSING PARTIAL NONE PASS");

    // A key only in the wrong home.
    let fpr = host.key(ECC, "Expire-Date: 1y");
    host.publish(&fpr);
    host.readiness().says("backup_key", "READY", &[]);
    let home = host.path("home").display().to_string();
    host.set("GNUPGHOME", &home);
    host.readiness().says(
        "backup_key",
        "MISSING",
        &["no public key", &home, "0 public keys"],
    );

    // There, and not a full primary fingerprint.
    let mut host = Host::ready();
    host.publish("ABCDEF01");
    host.readiness()
        .says("backup_key", "FAILED", &["8 hex digits"]);
    let fpr = host.key(ECC, "Expire-Date: 1y");
    host.publish(&host.gnupg.fingerprints(&fpr)[1]);
    host.readiness()
        .says("backup_key", "FAILED", &["is a subkey of", &fpr]);
    // One of two is enough.
    host.set("BACKUP_GPG_FPR", format!("{fpr},{}", "B".repeat(40)));
    host.readiness().says(
        "backup_key",
        "MISSING",
        &["no public key BBBB", "environment BACKUP_GPG_FPR"]
            .map(|w| w.trim_start_matches("environment ")),
    );
}

#[test]
fn what_an_operator_should_know_of_a_key() {
    let mut host = Host::ready();
    let soon = host.key(ECC, "Expire-Date: 9d");
    let short = host.key(RSA, "Expire-Date: 1y");
    host.set("BACKUP_GPG_FPR", format!("{soon},{short}"));
    let report = host.readiness();
    report.says(
        "backup_key",
        "READY",
        &["expires in", "rsa2048 of", "shorter than RSA 3072"],
    );
    assert!(!report.told("backup_key").contains("only one recipient"));
    assert!(!report.told("backup_key").contains("is on this host"));
    let operator = host.path("operator");
    host.set("GNUPGHOME", operator);
    host.readiness().says(
        "backup_key",
        "READY",
        &["the secret key of", "is on this host"],
    );
}

#[test]
fn an_env_file_gives_one_value_and_no_other() {
    let host = Host::ready();
    let fpr = host.key(ECC, "Expire-Date: 1y");
    let secret = "hunter2-7f3a";
    each(
        [
            format!("BACKUP_GPG_FPR={fpr}"),
            format!("export BACKUP_GPG_FPR=\"{fpr}\"   # why"),
            format!("BACKUP_GPG_FPR='{}'", fpr.to_lowercase()),
            format!("# BACKUP_GPG_FPR=x\nBACKUP_GPG_FPR={fpr}\nBACKUP_GPG_FPR={fpr}"),
        ],
        |line| {
            let file = format!("DB_PASSWORD={secret}\n{line}\nTOKEN=\"{secret}\"\n");
            each([file.clone(), file.replace('\n', "\r\n")], |file| {
                host.write(".env", &file);
                host.readiness().says("backup_key", "READY", &[&fpr]);
            });
        },
    );
    host.write(
        ".env",
        &format!(
            "A={secret}\nBACKUP_GPG_FPR={fpr}\nBACKUP_GPG_FPR={}\n",
            "C".repeat(40)
        ),
    );
    host.readiness()
        .says("backup_key", "FAILED", &["set twice, to two values"]);
    each(
        [
            &["readiness"][..],
            &["readiness", "--json"],
            &["readiness", "--format=markdown"],
            &["preflight"],
            &["preflight", "--json"],
            &["operator-package"],
        ],
        |args| {
            let told = host.run(args);
            assert!(!told.whole().contains(secret), "{args:?}");
        },
    );
    host.mode(&host.path(".env"), 0o666);
    host.readiness()
        .says("backup_key", "FAILED", &["others may write", "chmod go-w"]);
}
