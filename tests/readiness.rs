//! `readiness`, `preflight`, `operator-package` and the seam, on real PostgreSQL and real gpg:
//! the seed's host, and each way in which each row can be unfit.

#![allow(clippy::unwrap_used, clippy::panic)]

mod readiness_support;

use readiness_support::{Host, Report, done, text};
use std::process::Command;

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

#[test]
fn the_seeds_host_has_the_seeds_verdict() {
    let host = Host::new();
    let report = host.readiness();
    assert_eq!(report.verdict(), "READY MISSING MISSING PARTIAL NONE PASS");
    assert_eq!(report.exit, Some(1));
    assert_eq!(report.json["schema"], "pgseal/readiness/1");
    let rows = report.json["rows"].as_array().unwrap();
    let names: Vec<&str> = rows
        .iter()
        .map(|r| r["component"].as_str().unwrap())
        .collect();
    assert_eq!(names, ROWS);
    for row in rows {
        assert!(!row["evidence"].as_array().unwrap().is_empty(), "{row}");
    }
    report.says(
        "backup_key",
        "MISSING",
        &[
            "BACKUP_GPG_FPR is not set",
            "0 public keys",
            "operator-package",
        ],
    );
    report.says(
        "target_tables",
        "READY",
        &["9 tables", "cutter_governance.verify_result: table, SELECT"],
    );
    report.says(
        "restore_closure",
        "READY",
        &[
            "type public.unit_state",
            "schema cutter_governance",
            "role postgres",
        ],
    );
    report.says(
        "pre_write_backup_seam",
        "MISSING",
        &["not configured", "[seam]"],
    );

    let told = host.pgseal(&["readiness", "--gate", "g3"]);
    assert_eq!(told.status.code(), Some(0));
    let table = String::from_utf8(told.stdout).unwrap();
    let block = "backup_mechanism: READY\nbackup_key: MISSING\nbackup_runner: MISSING\n\
                 f4_status: PARTIAL\nsecrets_exposed: NONE\ng3: PASS\n";
    assert!(table.contains(block), "{table}");
    assert!(!table.contains('\x1b'), "no terminal, no colour");

    let told = host.pgseal(&["readiness", "--format", "markdown"]);
    let markdown = String::from_utf8(told.stdout).unwrap();
    for heading in [
        "## 1. Backup readiness matrix",
        "## 2. GPG mechanism proof",
        "## 3. Backup scope: 9 tables",
        "## 4. What backup_runner must return",
        "## 5. Operator command package",
        "## 6. Verdict",
    ] {
        assert!(markdown.contains(heading), "{markdown}");
    }
    assert!(markdown.contains(block), "{markdown}");
}

#[test]
fn two_forms_at_once_are_a_usage_error() {
    let host = Host::new();
    for args in [
        ["readiness", "--json", "--format=table"],
        ["--json", "readiness", "--format=table"],
    ] {
        let told = host.pgseal(&args);
        assert_eq!(told.status.code(), Some(2), "{}", text(&told));
        assert!(told.stdout.is_empty());
    }
}

#[test]
fn a_ready_host_is_ready() {
    let host = Host::ready();
    let report = host.readiness();
    for row in ROWS {
        report.says(row, "READY", &[]);
    }
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");
    assert_eq!(report.exit, Some(0));
    report.says(
        "backup_key",
        "READY",
        &[
            "encryption subkey cv25519",
            "expires 20",
            "only one recipient",
        ],
    );
    report.says("backup_runner", "READY", &["backup_sha", "twice the same"]);
    report.says("store", "READY", &["mode 0700", "no backup yet"]);

    let told = host.pgseal(&["preflight"]);
    let list = String::from_utf8(told.stdout).unwrap();
    assert_eq!(told.status.code(), Some(0), "{list}");
    assert_eq!(list.matches("[x] ").count(), 10, "{list}");
    let report = Report::of(&host.pgseal(&["preflight", "--json"]));
    assert_eq!(report.json["schema"], "pgseal/preflight/1");
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");
}

#[test]
fn preflight_says_what_mends_it() {
    let host = Host::new();
    host.config("\"public.unit_version\"", "\"public.unit_versions\"");
    std::fs::remove_dir(host.path("store")).unwrap();
    let told = host.pgseal(&["preflight"]);
    assert_eq!(told.status.code(), Some(1));
    let list = String::from_utf8(told.stdout).unwrap();
    for line in [
        "[ ] target_tables: MISSING: table `public.unit_versions` does not exist",
        "[ ] backup_key: MISSING",
        &format!(
            "      install -d -m 0700 {}\n",
            host.path("store").display()
        ),
        &format!(
            "      pgseal operator-package --config={}",
            host.path("pgseal.toml").display()
        ),
    ] {
        assert!(list.contains(line), "{line}\n{list}");
    }
}

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
    host.shim("gpg", "echo nothing of the kind");
    host.readiness()
        .says("gpg_binary", "FAILED", &["does not answer as GnuPG does"]);
    host.shim("gpg", "exit 7");
    host.readiness().says("gpg_binary", "FAILED", &["status 7"]);
}

#[test]
fn a_gpg_that_cannot_encrypt_is_no_mechanism() {
    let host = Host::ready();
    let real =
        "case \"$*\" in *--encrypt*) cat >/dev/null; exit 0;; esac; exec /usr/bin/gpg \"$@\"";
    host.shim("gpg", real);
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
    let sign_only = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign,cert";
    let past = "Creation-Date: 20200101T000000\nExpire-Date: 20200201T000000";
    for (shape, rest, word, told) in [
        ("", past, "EXPIRED", "has expired"),
        (
            sign_only,
            "Expire-Date: 1y",
            "NO_ENCRYPTION_SUBKEY",
            "no encryption subkey",
        ),
    ] {
        let host = Host::ready();
        host.publish(&host.key(shape, rest));
        let report = host.readiness();
        report.says("backup_key", "FAILED", &[told, "--import KEYFILE"]);
        report.says("backup_runner", "UNKNOWN", &[told]);
        assert_eq!(
            report.verdict(),
            format!("READY {word} UNKNOWN PARTIAL NONE PASS")
        );
        assert_eq!(report.exit, Some(1));
    }

    let host = Host::ready();
    let fpr = host.key("", "Expire-Date: 1y");
    let rev = host
        .path("operator")
        .join(format!("openpgp-revocs.d/{fpr}.rev"));
    let rev = std::fs::read_to_string(rev)
        .unwrap()
        .replace(":-----BEGIN", "-----BEGIN");
    host.write("revocation", &rev);
    done(
        host.gpg("gnupg")
            .arg("--import")
            .arg(host.path("revocation")),
    );
    host.publish(&fpr);
    let report = host.readiness();
    report.says("backup_key", "FAILED", &["is revoked", "operator-package"]);
    assert_eq!(report.verdict(), "READY REVOKED UNKNOWN PARTIAL NONE PASS");

    let host = Host::ready();
    let fpr = host.key("", "Expire-Date: 1y");
    let mut disable = Command::new("gpg");
    disable.args([
        "--no-tty",
        "--command-fd=0",
        "--edit-key",
        &fpr,
        "disable",
        "quit",
    ]);
    disable
        .env("GNUPGHOME", host.path("gnupg"))
        .stdin(std::process::Stdio::null());
    done(&mut disable);
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
    let fpr = host.key("", "Expire-Date: 1y");
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
    let fpr = host.key("", "Expire-Date: 1y");
    let listing = done(
        host.gpg("gnupg")
            .args(["--with-colons", "--list-keys", &fpr]),
    );
    let subkey = listing
        .lines()
        .filter_map(|l| l.strip_prefix("fpr:::::::::"))
        .nth(1)
        .unwrap();
    host.publish(subkey.trim_end_matches(':'));
    host.readiness()
        .says("backup_key", "FAILED", &["is a subkey of", &fpr]);
    // One of two is enough.
    host.set("BACKUP_GPG_FPR", &format!("{fpr},{}", "B".repeat(40)));
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
    let soon = host.key("", "Expire-Date: 9d");
    let short = "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign,cert\n\
                 Subkey-Type: RSA\nSubkey-Length: 2048\nSubkey-Usage: encrypt";
    let short = host.key(short, "Expire-Date: 1y");
    host.set("BACKUP_GPG_FPR", &format!("{soon},{short}"));
    let report = host.readiness();
    report.says(
        "backup_key",
        "READY",
        &["expires in", "rsa2048 of", "shorter than RSA 3072"],
    );
    assert!(!report.told("backup_key").contains("only one recipient"));
    assert!(!report.told("backup_key").contains("is on this host"));
    let operator = host.path("operator").display().to_string();
    host.set("GNUPGHOME", &operator);
    host.readiness().says(
        "backup_key",
        "READY",
        &["the secret key of", "is on this host"],
    );
}

#[test]
fn pg_dump_is_missing_broken_or_old() {
    let mut host = Host::ready();
    host.only(&["psql", "gpg", "gpgconf", "gpg-agent", "python3"]);
    let report = host.readiness();
    report.says("pg_dump", "MISSING", &["apt-get install postgresql-client"]);
    assert!(
        report
            .verdict()
            .starts_with("MISSING READY UNKNOWN BLOCKED"),
        "{}",
        report.verdict()
    );

    let host = Host::ready();
    host.shim("pg_dump", "echo 'pg_dump (PostgreSQL)'");
    host.readiness().says(
        "pg_dump",
        "FAILED",
        &["does not answer as PostgreSQL's tools do"],
    );

    // A server of a major that is nowhere installed, and an older pg_dump on PATH.
    let host = Host::ready();
    host.shim("pg_dump", "echo 'pg_dump (PostgreSQL) 14.9'");
    host.shim("psql", "/usr/lib/postgresql/15/bin/psql \"$@\" | sed 's/\"version_num\" : 15/\"version_num\" : 99/'");
    let report = host.readiness();
    report.says(
        "pg_dump",
        "FAILED",
        &[
            "14.9",
            "older than the server, 99",
            "apt-get install postgresql-client-99",
        ],
    );
    report.says("backup_runner", "UNKNOWN", &["older than the server"]);
}

#[test]
fn the_database_is_out_of_reach() {
    let mut host = Host::ready();
    host.set("PGHOST", "/nonexistent");
    let report = host.readiness();
    report.says(
        "database",
        "FAILED",
        &["No such file or directory", "psql --no-psqlrc"],
    );
    for row in [
        "pg_dump",
        "target_tables",
        "restore_closure",
        "backup_runner",
    ] {
        report.says(row, "UNKNOWN", &[]);
    }
    for row in [
        "gpg_mechanism",
        "backup_key",
        "store",
        "pre_write_backup_seam",
    ] {
        report.says(row, "READY", &[]);
    }
    assert_eq!(report.verdict(), "FAILED READY UNKNOWN BLOCKED NONE FAIL");

    let mut host = Host::ready();
    host.set("PGUSER", "nobody_of_that_name");
    host.readiness().says(
        "database",
        "FAILED",
        &["role \"nobody_of_that_name\" does not exist"],
    );

    let mut host = Host::ready();
    host.only(&["pg_dump", "gpg", "gpgconf", "gpg-agent", "python3"]);
    host.readiness().says(
        "database",
        "UNKNOWN",
        &["`psql` is not on PATH", "apt-get install"],
    );

    // A service file that replaces our guard.
    let mut host = Host::ready();
    let service = host.path("service");
    host.write(
        "service",
        "[open]\noptions=-c default_transaction_read_only=off\n",
    );
    host.set("PGSERVICEFILE", &service.display().to_string());
    host.set("PGSERVICE", "open");
    host.readiness()
        .says("database", "FAILED", &["not read-only"]);
}

#[test]
fn tables_that_cannot_be_backed_up() {
    let mut host = Host::ready();
    host.sql(
        "CREATE SCHEMA hidden; CREATE TABLE hidden.t (a int); CREATE VIEW public.v AS SELECT 1;
        CREATE TABLE public.rls (a int); ALTER TABLE public.rls ENABLE ROW LEVEL SECURITY;
        CREATE TABLE public.closed (a int);
        CREATE TABLE public.parted (a int) PARTITION BY RANGE (a);
        CREATE TABLE public.part1 PARTITION OF public.parted FOR VALUES FROM (0) TO (9)",
    );
    let with = |host: &Host, table: &str| {
        Report::of(&host.pgseal(&["readiness", "--json", "--table", table]))
    };
    with(&host, "public.nosuch").says("target_tables", "MISSING", &["does not exist", "psql -c"]);
    with(&host, "nosuch.t").says("target_tables", "MISSING", &["no schema of that name"]);
    with(&host, "public.v").says("target_tables", "FAILED", &["is a view"]);
    let report = with(&host, "public.parted");
    report.says(
        "target_tables",
        "READY",
        &[
            "1 tables and 1 partitions",
            "public.part1: table, part of public.parted",
        ],
    );
    let report = with(&host, "public.nosuch");
    report.says("restore_closure", "UNKNOWN", &["not there"]);
    assert_eq!(report.verdict(), "MISSING READY UNKNOWN BLOCKED NONE FAIL");

    let role = format!("r_{}", host.database);
    host.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON hidden.t, public.rls TO {role}"
    ));
    host.set("PGUSER", &role);
    with(&host, "hidden.t").says(
        "target_tables",
        "FAILED",
        &["no USAGE", "GRANT USAGE ON SCHEMA", "no schema USAGE"],
    );
    with(&host, "public.closed").says(
        "target_tables",
        "FAILED",
        &["no SELECT", "psql --no-psqlrc --command='GRANT SELECT ON"],
    );
    with(&host, "public.rls").says("target_tables", "FAILED", &["row security"]);
}

#[test]
fn tables_that_are_not_configured_or_not_names() {
    let host = Host::ready();
    host.config("\"public.unit_version\"", "\"unit_version\"");
    let report = host.readiness();
    report.says("target_tables", "FAILED", &["unit_version"]);
    report.says("database", "READY", &["PostgreSQL 15"]);
    report.says("restore_closure", "UNKNOWN", &[]);

    let host = Host::ready();
    host.config("\"public.unit_version\"", "\"public.information_unit\"");
    host.readiness()
        .says("target_tables", "FAILED", &["named twice"]);

    let host = Host::ready();
    let text = std::fs::read_to_string(host.path("pgseal.toml")).unwrap();
    let (before, rest) = text.split_once("tables = [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    host.write("pgseal.toml", &format!("{before}tables = []{after}"));
    let report = host.readiness();
    report.says(
        "target_tables",
        "MISSING",
        &["no table is named", "[scope]"],
    );
    report.says("database", "READY", &[]);
}

#[test]
fn what_a_restore_would_miss_informs_alone() {
    let host = Host::ready();
    host.sql(
        "CREATE TABLE public.other (a bigint REFERENCES public.information_unit);
        CREATE VIEW public.units AS SELECT * FROM public.information_unit",
    );
    let report = host.readiness();
    report.says(
        "restore_closure",
        "FAILED",
        &["would miss", "public.other", "public.units"],
    );
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");
    assert_eq!(report.exit, Some(0));
}

#[test]
fn stores_that_cannot_be_used() {
    let host = Host::ready();
    done(Command::new("chmod").arg("0777").arg(host.path("store")));
    let report = host.readiness();
    report.says("store", "FAILED", &["everybody may write", "chmod o-w"]);
    assert_eq!(report.verdict(), "READY READY FAILED PARTIAL NONE PASS");
    done(Command::new("chmod").arg("0770").arg(host.path("store")));
    host.readiness().says("store", "READY", &["chmod g-w"]);

    std::fs::remove_dir(host.path("store")).unwrap();
    let report = host.readiness();
    report.says("store", "MISSING", &["No such file", "install -d -m 0700"]);
    assert_eq!(report.verdict(), "READY READY MISSING PARTIAL NONE PASS");
    host.write("store", "");
    host.readiness().says("store", "FAILED", &["not a folder"]);
}

/// In a mount namespace of its own: full, and read-only.
#[test]
fn stores_on_file_systems_that_say_no() {
    let host = Host::ready();
    let store = host.path("store").display().to_string();
    let pgseal = env!("CARGO_BIN_EXE_pgseal");
    for (mount, told) in [
        ("mode=0700,size=64k", "too full"),
        ("ro,mode=0700,size=8m", "Read-only file system"),
    ] {
        let script =
            format!("mount -t tmpfs -o {mount} none {store} && exec {pgseal} readiness --json");
        let flags = if rustix::process::geteuid().is_root() {
            "-m"
        } else {
            "-rm"
        };
        let output = host
            .command(&["/usr/bin/unshare", flags, "/bin/sh", "-c", &script])
            .output()
            .unwrap();
        Report::of(&output).says("store", "FAILED", &[told]);
    }
}

#[test]
fn what_is_in_the_store() {
    let host = Host::ready();
    let told = host.pgseal(&["backup", "--run-id=first"]);
    assert!(told.status.success(), "{}", text(&told));
    for name in ["left.sql.gpg.partial", "orphan.sql.gpg"] {
        std::fs::write(host.path("store").join(name), "x").unwrap();
    }
    let manifest = std::fs::read_to_string(host.path("store/first.manifest.json")).unwrap();
    std::fs::write(host.path("store/other.manifest.json"), manifest).unwrap();
    host.readiness().says(
        "store",
        "READY",
        &[
            "1 complete; the last good one is first",
            "0 minutes ago",
            "left.sql.gpg.partial",
            "without a manifest, so not a backup: orphan.sql.gpg",
            "other.manifest.json",
        ],
    );
    assert!(
        host.path("store/left.sql.gpg.partial").exists(),
        "it only looks"
    );
    // What was cut is no good backup.
    std::fs::write(host.path("store/first.sql.gpg"), "cut").unwrap();
    host.readiness()
        .says("store", "READY", &["no backup yet", "first.manifest.json"]);
}

#[test]
fn a_broken_setting_does_not_end_the_report() {
    let host = Host::ready();
    host.config(
        "[encryption]",
        "[postgres]\nlock_wait = \"soon\"\n\n[encryption]\ncompress = \"best\"",
    );
    let report = host.readiness();
    report.says("backup_runner", "FAILED", &["compress"]);
    assert_eq!(report.verdict(), "READY READY FAILED PARTIAL NONE PASS");

    let host = Host::ready();
    host.config(
        "[encryption]",
        "[postgres]\ndbname = \"host=x password=hunter2\"\n\n[encryption]",
    );
    let told = host.pgseal(&["readiness", "--json"]);
    assert!(!text(&told).contains("hunter2"));
    let report = Report::of(&told);
    report.says("database", "FAILED", &["password"]);
    report.says("target_tables", "UNKNOWN", &[]);
    report.says("gpg_mechanism", "READY", &[]);

    let host = Host::ready();
    host.write("pgseal.toml", "[scope\n");
    let told = host.pgseal(&["readiness"]);
    assert_eq!(told.status.code(), Some(3), "{}", text(&told));
}

#[test]
fn seams_that_do_not_hold() {
    for (argv, state, told) in [
        (
            &["/bin/true"][..],
            "FAILED",
            "accepted an envelope without sha256",
        ),
        (&["/bin/false"], "FAILED", "refused a complete envelope"),
        (&["/nonexistent/accept"], "MISSING", "not there"),
        (
            &["sh", "-c", "kill -9 $$"],
            "FAILED",
            "did not judge a complete envelope",
        ),
        (&["python3", BACKUP_RUNNER], "FAILED", "usage"),
        (
            &["python3", BACKUP_RUNNER, "accept"],
            "READY",
            "refused an envelope without artifact_ref",
        ),
    ] {
        let host = Host::new();
        host.publish(&host.key("", "Expire-Date: 1y"));
        host.seam(argv);
        let report = host.readiness();
        report.says("pre_write_backup_seam", state, &[told]);
        let runner = match state {
            "FAILED" => "READY READY FAILED PARTIAL NONE PASS",
            _ => "READY READY READY READY NONE PASS",
        };
        assert_eq!(report.verdict(), runner, "{argv:?}");
    }
    // One that looks at less than all four.
    for field in ["sha256", "size_bytes", "gpg_fpr", "artifact_ref"] {
        let host = Host::ready();
        host.config(
            "[seam]\ncommand = [",
            "[seam]\ncommand = [\"sh\", \"-c\", \"grep -q $0\", ",
        );
        host.config("\"grep -q $0\", ", &format!("\"grep -q {field}\", "));
        host.readiness().says(
            "pre_write_backup_seam",
            "FAILED",
            &["the seam does not hold"],
        );
    }
}

#[test]
fn the_seam_sees_no_environment_of_ours() {
    let mut host = Host::new();
    host.set("PGPASSWORD", "hunter2");
    host.shim("seam", "env > \"$0.$$\"; exec python3 \"$@\"");
    let seam = host.path("bin/seam").display().to_string();
    host.seam(&[&seam, BACKUP_RUNNER, "accept"]);
    host.readiness().says("pre_write_backup_seam", "READY", &[]);
    let entries = std::fs::read_dir(host.path("bin")).unwrap().flatten();
    let seen: Vec<_> = entries
        .filter(|e| e.file_name().to_string_lossy().starts_with("seam."))
        .collect();
    assert_eq!(seen.len(), 5);
    for entry in seen {
        let env = std::fs::read_to_string(entry.path()).unwrap();
        let names: Vec<&str> = env
            .lines()
            .filter_map(|l| Some(l.split_once('=')?.0))
            .collect();
        assert!(
            names
                .iter()
                .all(|n| ["PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"].contains(n)),
            "{env}"
        );
    }
}

#[test]
fn an_env_file_gives_one_value_and_no_other() {
    let host = Host::ready();
    let fpr = host.key("", "Expire-Date: 1y");
    let secret = "hunter2-7f3a";
    for line in [
        format!("BACKUP_GPG_FPR={fpr}"),
        format!("export BACKUP_GPG_FPR=\"{fpr}\"   # why"),
        format!("BACKUP_GPG_FPR='{}'", fpr.to_lowercase()),
        format!("# BACKUP_GPG_FPR=x\nBACKUP_GPG_FPR={fpr}\nBACKUP_GPG_FPR={fpr}"),
    ] {
        let file = format!("DB_PASSWORD={secret}\n{line}\nTOKEN=\"{secret}\"\n");
        for file in [file.clone(), file.replace('\n', "\r\n")] {
            host.write(".env", &file);
            host.readiness().says("backup_key", "READY", &[&fpr]);
        }
    }
    host.write(
        ".env",
        &format!(
            "A={secret}\nBACKUP_GPG_FPR={fpr}\nBACKUP_GPG_FPR={}\n",
            "C".repeat(40)
        ),
    );
    host.readiness()
        .says("backup_key", "FAILED", &["set twice, to two values"]);
    for args in [
        &["readiness"][..],
        &["readiness", "--json"],
        &["readiness", "--format=markdown"],
        &["preflight"],
        &["preflight", "--json"],
        &["operator-package"],
    ] {
        let told = host.pgseal(args);
        assert!(!text(&told).contains(secret), "{args:?}");
    }
    done(Command::new("chmod").arg("0666").arg(host.path(".env")));
    host.readiness()
        .says("backup_key", "FAILED", &["others may write", "chmod go-w"]);
}

#[test]
fn nothing_reaches_a_terminal_raw() {
    let host = Host::ready();
    host.sql("CREATE TABLE public.\"a\x1b[31mb|é\" (a int)");
    let args = ["--table", "public.\"a\x1b[31mb|é\""];
    for form in [
        &["readiness"][..],
        &["readiness", "--format=markdown"],
        &["preflight"],
        &["operator-package"],
    ] {
        let told = host.pgseal(&[form, &args].concat());
        let told = text(&told);
        assert!(!told.contains('\x1b'), "{told}");
    }
    let mut host = host;
    host.set("LC_ALL", "C");
    let told = host.pgseal(&[&["readiness"][..], &args].concat());
    assert!(told.stdout.is_ascii(), "{}", text(&told));
}

/// A pinentry that answers: what the operator would type.
const PINENTRY: &str = "echo OK; while read -r word _; do
  case $word in
    GETPIN) echo 'D correct horse'; echo OK;;
    BYE) echo OK; exit 0;;
    *) echo OK;;
  esac
done";

#[test]
fn what_the_operators_package_prints_ends_with_a_key_that_preflight_accepts() {
    for (args, algorithm) in [
        (&["operator-package"][..], "cv25519"),
        (&["operator-package", "--rsa"], "rsa4096"),
    ] {
        let host = Host::new();
        host.seam(&["python3", BACKUP_RUNNER, "accept"]);
        host.config(
            "[encryption]",
            "[operator]\nname = \"it's a `$backup` key\"\nemail = \"b@example.org\"\n\n[encryption]",
        );
        host.write(".env", "OTHER=1"); // and no newline
        let told = host.pgseal(args);
        assert_eq!(told.status.code(), Some(0), "{}", text(&told));
        let script = String::from_utf8(told.stdout).unwrap();
        host.write("package.sh", &script);
        done(
            host.command(&["/bin/bash", "-n", "package.sh"])
                .arg("package.sh"),
        );
        assert!(
            std::fs::read_dir(host.path("gnupg"))
                .unwrap()
                .next()
                .is_none(),
            "nothing was run"
        );
        let (first, second) = script.split_once("# on this host\n").unwrap();
        host.write("operator.sh", first);
        host.write("host.sh", second);

        host.shim("pinentry-test", PINENTRY);
        let conf = format!(
            "pinentry-program {}\n",
            host.path("bin/pinentry-test").display()
        );
        host.write("operator/gpg-agent.conf", &conf);
        // An older key is there: the new one's fingerprint is wanted.
        let older = host.key("", "Expire-Date: 1y");
        done(host.gpg("gnupg").args(["--yes", "--delete-keys", &older]));
        let mut operator = host.command(&["/bin/bash", "operator.sh"]);
        let out = done(operator.env("GNUPGHOME", host.path("operator")));
        let fpr = out
            .lines()
            .find_map(|l| l.strip_prefix("fingerprint:"))
            .unwrap()
            .trim();
        assert_ne!(fpr, older);

        // The host's part knows only the fingerprint and the file.
        let shim = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_pgseal"));
        host.shim("pgseal", &shim);
        let mut on_host = host.command(&["/bin/bash", "host.sh"]);
        let list = done(on_host.env("fpr", fpr));
        assert_eq!(list.matches("[x] ").count(), 10, "{list}");
        let env = std::fs::read_to_string(host.path(".env")).unwrap();
        assert_eq!(env, format!("OTHER=1\nBACKUP_GPG_FPR={fpr}\n"));
        let report = host.readiness();
        report.says(
            "backup_key",
            "READY",
            &[
                &format!("encryption subkey {algorithm}"),
                "it's a `$backup` key <b@example.org>",
            ],
        );
        assert!(!report.told("backup_key").contains("is on this host"));
        // A second time it changes nothing.
        done(host.command(&["/bin/bash", "host.sh"]).env("fpr", fpr));
        assert_eq!(std::fs::read_to_string(host.path(".env")).unwrap(), env);
        // A file with the secret key in it is refused.
        host.write("pw", "correct horse");
        let secret = host.path("secret.gpg");
        let mut export = host.gpg("operator");
        export
            .args(["--pinentry-mode=loopback", "--passphrase-file"])
            .arg(host.path("pw"));
        done(
            export
                .arg("--output")
                .arg(&secret)
                .args(["--export-secret-keys", fpr]),
        );
        let refused = host
            .command(&["/bin/bash", "host.sh"])
            .env("fpr", fpr)
            .env("public_key", &secret)
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused).contains("holds a secret key"),
            "{}",
            text(&refused)
        );
    }
}

#[test]
fn the_guided_form_needs_a_terminal() {
    let host = Host::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/provision-key.sh");
    let told = host.command(&["/bin/bash", script]).output().unwrap();
    assert_eq!(told.status.code(), Some(1));
    assert!(text(&told).contains("terminal"), "{}", text(&told));
    assert!(
        std::fs::read_dir(host.path("gnupg"))
            .unwrap()
            .next()
            .is_none()
    );
}

/// tests/test_backup_runner_live.py: the bridge against the real binary and cluster.
#[test]
fn the_python_bridge_live() {
    let host = Host::ready();
    let fpr = std::fs::read_to_string(host.path(".env")).unwrap();
    let fpr = fpr.trim().trim_start_matches("BACKUP_GPG_FPR=");
    let mut live = host.command(&[
        "/usr/bin/python3",
        "-m",
        "unittest",
        "tests.test_backup_runner_live",
    ]);
    live.current_dir(env!("CARGO_MANIFEST_DIR"));
    live.env("PGSEAL_BIN", env!("CARGO_BIN_EXE_pgseal"))
        .env("BACKUP_GPG_FPR", fpr);
    live.env("PGSEAL_STORE", host.path("store"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    done(&mut live);
}
