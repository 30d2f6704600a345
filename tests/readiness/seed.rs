//! The seed's host, a ready one, and the forms of the report.

use super::{Host, ROWS, Report};
use crate::support::{each, sha256};

#[test]
fn the_seeds_host_has_the_seeds_verdict() {
    let host = Host::new();
    let report = host.readiness();
    assert_eq!(report.verdict(), "READY MISSING MISSING PARTIAL NONE PASS");
    assert_eq!(report.exit, 1);
    assert_eq!(report.json["schema"], "pgseal/readiness/1");
    let rows = report.json["rows"].as_array().unwrap();
    let names: Vec<&str> = rows
        .iter()
        .map(|r| r["component"].as_str().unwrap())
        .collect();
    assert_eq!(names, ROWS);
    each(rows, |row| {
        assert!(!row["evidence"].as_array().unwrap().is_empty(), "{row}");
    });
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

    let table = host.run(&["readiness", "--gate", "g3"]).exits(0).stdout;
    let block = "backup_mechanism: READY\nbackup_key: MISSING\nbackup_runner: MISSING\n\
                 f4_status: PARTIAL\nsecrets_exposed: NONE\ng3: PASS\n";
    assert!(table.contains(block), "{table}");
    assert!(!table.contains('\x1b'), "no terminal, no colour");

    let markdown = host.run(&["readiness", "--format", "markdown"]).stdout;
    each(
        [
            "## 1. Backup readiness matrix",
            "## 2. GPG mechanism proof",
            "## 3. Backup scope: 9 tables",
            "## 4. What backup_runner must return",
            "## 5. Operator command package",
            "## 6. What this cannot tell",
            "for the operator's machine, never for",
            "\n- user: uid ",
            "\n- command: pgseal readiness --format=markdown\n",
        ],
        |part| {
            assert!(markdown.contains(part), "{markdown}");
        },
    );
    let config = std::fs::read(host.path("pgseal.toml")).unwrap();
    let config = format!("pgseal.toml, SHA-256 {}\n", sha256(&config));
    assert!(markdown.contains(&config), "{markdown}");
    let (head, _) = markdown.split_once("## 1.").unwrap();
    assert!(
        head.contains(&format!("## Verdict\n\n```text\n{block}")),
        "{head}"
    );
}

#[test]
fn two_forms_at_once_are_a_usage_error() {
    let host = Host::new();
    each(
        [
            ["readiness", "--json", "--format=table"],
            ["--json", "readiness", "--format=table"],
        ],
        |args| {
            let told = host.run(&args).exits(2);
            assert!(told.stdout.is_empty());
        },
    );
}

#[test]
fn a_ready_host_is_ready() {
    let host = Host::ready();
    let report = host.readiness();
    each(ROWS, |row| {
        report.says(row, "READY", &[]);
    });
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");
    assert_eq!(report.exit, 0);
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

    // Nobody files the making of a key that is there.
    let markdown = host.run(&["readiness", "--format=markdown"]).exits(0);
    let markdown = markdown.stdout;
    assert!(
        !markdown.contains("for the operator's machine, never for"),
        "{markdown}"
    );
    assert!(markdown.contains("none is to be made"), "{markdown}");

    let list = host.run(&["preflight"]).exits(0).stdout;
    assert_eq!(list.matches("[x] ").count(), 10, "{list}");
    let report = Report::of(&host.run(&["preflight", "--json"]));
    assert_eq!(report.json["schema"], "pgseal/preflight/1");
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");
}

#[test]
fn preflight_says_what_mends_it() {
    let host = Host::new();
    host.config("\"public.unit_version\"", "\"public.unit_versions\"");
    std::fs::remove_dir(host.path("store")).unwrap();
    let list = host.run(&["preflight"]).exits(1).stdout;
    each(
        [
            "[ ] target_tables: MISSING: table `public.unit_versions` does not exist",
            "[ ] backup_key: MISSING",
            &format!(
                "      install -d -m 0700 {}\n",
                host.path("store").display()
            ),
            "      pgseal operator-package  # steps that make a key",
        ],
        |line| {
            assert!(list.contains(line), "{line}\n{list}");
        },
    );
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
    host.config("[scope]", "[scope]\nencoding = \"SJIS\"");
    let report = host.readiness();
    report.says("backup_runner", "FAILED", &["encoding", "SJIS"]);

    let host = Host::ready();
    host.config(
        "[encryption]",
        "[postgres]\ndbname = \"host=x password=hunter2\"\n\n[encryption]",
    );
    let told = host.run(&["readiness", "--json"]);
    assert!(!told.whole().contains("hunter2"));
    let report = Report::of(&told);
    report.says("database", "FAILED", &["password"]);
    report.says("target_tables", "UNKNOWN", &[]);
    report.says("gpg_mechanism", "READY", &[]);

    let host = Host::ready();
    host.write("pgseal.toml", "[scope\n");
    host.run(&["readiness"]).exits(3);
}

#[test]
fn nothing_reaches_a_terminal_raw() {
    let host = Host::ready();
    host.sql("CREATE TABLE public.\"a\x1b[31mb|é\" (a int)");
    let args = ["--table", "public.\"a\x1b[31mb|é\""];
    each(
        [
            &["readiness"][..],
            &["readiness", "--format=markdown"],
            &["preflight"],
            &["operator-package"],
        ],
        |form| {
            let told = host.run(&[form, &args].concat());
            let told = told.whole();
            assert!(!told.contains('\x1b'), "{told}");
        },
    );
    let mut host = host;
    host.set("LC_ALL", "C");
    let told = host.run(&[&["readiness"][..], &args].concat());
    assert!(told.stdout.is_ascii(), "{}", told.whole());
}
