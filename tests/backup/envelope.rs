//! What a successful backup gives: envelope, artifact, manifest, and what is said of it.

use crate::support::{Test, bin, cluster, each, keys, tool};
use std::process::Command;

const NINE: [&str; 9] = [
    "public.information_unit",
    "public.unit_version",
    "public.iu_lifecycle_log",
    "cutter_governance.cut_change_set",
    "cutter_governance.cut_change_set_affected_row",
    "cutter_governance.manifest_envelope",
    "cutter_governance.review_decision",
    "cutter_governance.verify_result",
    "cutter_governance.dot_pair_signature",
];

#[test]
fn nine_tables() {
    let test = Test::cutter();
    let ran = test
        .backup(&NINE)
        .args(["--run-id", "first"])
        .run()
        .exits(0);
    let sealed = test.sealed(&ran);
    assert_eq!(sealed.path, test.store().join("first.sql.gpg"));
    assert_eq!(
        test.files(),
        [
            "first.manifest.json",
            "first.prelude.sql.gpg",
            "first.sql.gpg"
        ]
    );
    assert_eq!(ran.envelope()["gpg_fpr"], keys().good);
    test.rows_are_counted(&sealed.manifest);
    let tables: Vec<String> = sealed
        .rows()
        .iter()
        .map(|row| row.split('=').next().unwrap().into())
        .collect();
    assert_eq!(tables, NINE);
    assert!(
        sealed.rows().iter().all(|row| !row.ends_with("=0")),
        "{:?}",
        sealed.rows()
    );
    assert!(sealed.sql.contains("-- PostgreSQL database dump complete"));

    let manifest = &sealed.manifest;
    let keys_of = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        keys_of(manifest),
        [
            "composites",
            "compression",
            "created_at",
            "envelope",
            "external_references",
            "host",
            "mark",
            "pgseal_version",
            "plaintext",
            "prelude",
            "recipients",
            "restore_locks",
            "run_id",
            "schema",
            "server",
            "tables",
            "timing",
            "tools"
        ]
    );
    assert_eq!(manifest["schema"], "pgseal/manifest/1");
    assert_eq!(manifest["pgseal_version"], env!("CARGO_PKG_VERSION"));
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(manifest["host"], hostname.trim());
    let recipient = &manifest["recipients"][0];
    assert_eq!(recipient["fingerprint"], keys().good);
    assert_eq!(recipient["encryption_subkey"], keys().good_subkey);
    assert_eq!(recipient["algorithm"], "cv25519");
    assert!(recipient["expires_at"].as_str().unwrap().ends_with('Z'));
    let server = &manifest["server"];
    assert_eq!(server["database"], test.db);
    assert_eq!(server["encoding"], "UTF8");
    assert_eq!(manifest["plaintext"]["encoding"], "UTF8");
    assert_eq!(manifest["composites"], serde_json::json!([]));
    assert_eq!(server["lc_collate"], "C");
    assert_eq!(server["version"], test.sql("SHOW server_version"));
    let system = "SELECT system_identifier FROM pg_control_system()";
    assert_eq!(server["system_identifier"], test.sql(system));
    each(manifest["tables"].as_array().unwrap(), |table| {
        let name = format!(
            "{}.{}",
            table["schema"].as_str().unwrap(),
            table["name"].as_str().unwrap()
        );
        assert_eq!(table["kind"], "table");
        assert_eq!(table["target"], name);
        assert_eq!(
            table["oid"].to_string(),
            test.sql(&format!("SELECT '{name}'::regclass::oid"))
        );
        assert!(table["bytes"].as_u64().unwrap() > 0);
    });
    let tools = &manifest["tools"];
    assert_eq!(
        tools["pg_dump"]["path"],
        bin().join("pg_dump").display().to_string()
    );
    assert_eq!(tools["gpg"]["path"], tools["gpg"]["argv"][0]);
    let version = tool(Command::new("gpg").arg("--version"), b"");
    let version = String::from_utf8(version).unwrap();
    assert!(version.starts_with(&format!(
        "gpg (GnuPG) {}\n",
        tools["gpg"]["version"].as_str().unwrap()
    )));

    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 13, "{}", ran.stderr);
    assert!(
        lines[0].starts_with("sealed run first: 9 tables, "),
        "{}",
        lines[0]
    );
    let from = format!(
        "  from database `{}` on host `{}` as role `postgres`",
        test.db,
        cluster().dir.display()
    );
    assert_eq!(lines[1], from);
    each(lines[2..11].iter().zip(NINE), |(line, table)| {
        assert!(line.contains(table) && line.ends_with(" rows"), "{line}");
    });
    assert!(lines[11].contains(&keys().good), "{}", lines[11]);
    assert_eq!(lines[12], format!("  artifact {}", sealed.path.display()));
}

/// A sequence comes along, and is no table; a partitioned table is another kind.
#[test]
fn a_summary_counts_what_it_lists() {
    let test = Test::of(
        "CREATE SEQUENCE s; CREATE TABLE a (x int DEFAULT nextval('s')) PARTITION BY LIST (x);
         CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1); CREATE TABLE a2 PARTITION OF a DEFAULT",
    );
    let run = || test.backup(&["public.a"]).arg("--run-id=one");
    let dry = run().arg("--dry-run").run().exits(0);
    dry.says(&["\n  1 table (3 with partitions and children): public.a\n"]);
    let ran = run().run().exits(0);
    let ran = ran.says(&["sealed run one: 2 tables, 1 partitioned table, 1 sequence, 0 rows"]);
    let listed = ran.stderr.matches("\n  public.").count();
    assert_eq!(listed, 4, "{}", ran.stderr);
}

/// What was sealed is what was there: restored by plain psql into a database that has what the
/// tables need, every row of every table is equal.
#[test]
fn the_nine_tables_come_back_equal() {
    let test = Test::cutter();
    let sealed = test.sealed(&test.backup(&NINE).run());
    let fresh = Test::of(
        "CREATE SCHEMA cutter_governance;
         CREATE TYPE public.unit_state AS ENUM ('draft', 'in_review', 'released', 'retired');",
    );
    tool(
        cluster()
            .psql(&fresh.db)
            .args(["--single-transaction", "-o", "/dev/null", "-f", "-"]),
        sealed.sql.as_bytes(),
    );
    each(NINE, |table| {
        let rows = format!(
            "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {table} t"
        );
        assert_eq!(fresh.sql(&rows), test.sql(&rows), "{table}");
        let next = format!(
            "SELECT string_agg(a.attname || ' ' || coalesce(pg_sequence_last_value(pg_get_serial_sequence('{table}', a.attname)::regclass)::text, ''), ',')
             FROM pg_attribute a WHERE attrelid = '{table}'::regclass AND attnum > 0
               AND pg_get_serial_sequence('{table}', a.attname) IS NOT NULL"
        );
        assert_eq!(fresh.sql(&next), test.sql(&next), "{table}");
    });
}

#[test]
fn a_run_has_a_name_of_its_own() {
    let test = Test::of("CREATE TABLE t (a int)");
    let first = test.sealed(&test.backup(&["public.t"]).run());
    let second = test.sealed(&test.backup(&["public.t"]).run());
    assert_ne!(first.run_id, second.run_id);
    assert_eq!(test.files().len(), 6);
    each([&first.run_id, &second.run_id], |id| {
        let (time, random) = id.split_once('-').unwrap();
        assert!(
            time.len() == 16 && time.ends_with('Z') && random.len() == 8,
            "{id}"
        );
    });
    // The same rows, and yet nothing that could be compared.
    assert_ne!(
        first.manifest["plaintext"]["sha256"],
        second.manifest["plaintext"]["sha256"]
    );
}

#[test]
fn two_recipients() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
    let list = format!("{},{}", keys().second, keys().good);
    let ran = test
        .backup(&["public.t"])
        .env("BACKUP_GPG_FPR", &list)
        .run();
    let sealed = test.sealed(&ran);
    assert_eq!(ran.envelope()["gpg_fpr"], keys().second);
    let named: Vec<&str> = (0..2)
        .map(|at| {
            sealed.manifest["recipients"][at]["fingerprint"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(named.join(","), list);
}

/// A fingerprint as people paste it.
#[test]
fn forms_of_a_fingerprint() {
    let test = Test::of("CREATE TABLE t (a int)");
    let good = &keys().good;
    let spaced: Vec<&str> = (0..10).map(|at| &good[at * 4..at * 4 + 4]).collect();
    each(
        [good.to_lowercase(), format!("0x{good}"), spaced.join(" ")],
        |form| {
            let ran = test
                .backup(&["public.t"])
                .unset("BACKUP_GPG_FPR")
                .arg(format!("--recipient={form}"))
                .run();
            assert_eq!(ran.envelope()["gpg_fpr"], *good);
        },
    );
}

/// A key that is about to expire is told, and used.
#[test]
fn a_key_that_expires_soon_is_a_warning() {
    let test = Test::of("CREATE TABLE t (a int)");
    let ran = test
        .backup(&["public.t"])
        .env("BACKUP_GPG_FPR", &keys().expires_soon)
        .run()
        .exits(0);
    // Nine days from when it was made, which may have been in this very second.
    let told = |days: u8| {
        let key = &keys().expires_soon;
        format!("warning: the key {key} expires in {days} days")
    };
    let told = [told(8), told(9)]
        .iter()
        .any(|text| ran.stderr.starts_with(text));
    assert!(told, "{}", ran.stderr);
}
