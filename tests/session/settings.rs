//! Settings that a database or a role brings into our sessions.

use crate::restore::forge::{Prints, Target, content, prove, restore};
use crate::support::{Session, Test, cluster, each};

/// What somebody could have set, with a value that changes how rows are written, read or compared,
/// or that ends a session which takes its time. Those that the server does not know are left out.
const ADVERSE: &[(&str, &str)] = &[
    ("statement_timeout", "1"),
    ("lock_timeout", "1"),
    ("idle_in_transaction_session_timeout", "300"),
    ("idle_session_timeout", "300"),
    ("transaction_timeout", "300"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_read_only", "on"),
    ("default_transaction_deferrable", "on"),
    ("client_min_messages", "debug5"),
    ("standard_conforming_strings", "off"),
    ("quote_all_identifiers", "on"),
    ("backslash_quote", "off"),
    ("escape_string_warning", "on"),
    ("transform_null_equals", "on"),
    ("client_encoding", "LATIN1"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-15"),
    ("DateStyle", "SQL, DMY"),
    ("IntervalStyle", "sql_standard"),
    ("TimeZone", "Asia/Kathmandu"),
    ("xmlbinary", "hex"),
    ("timezone_abbreviations", "India"),
    ("array_nulls", "off"),
    ("xmloption", "document"),
    ("row_security", "on"),
    ("restrict_nonsystem_relation_kind", "view"),
    ("session_replication_role", "replica"),
    ("check_function_bodies", "on"),
    ("default_tablespace", "pg_global"),
    ("search_path", "trap, public, pg_catalog"),
    ("synchronize_seqscans", "on"),
    ("default_text_search_config", "german"),
    ("lc_monetary", "C.utf8"),
];

/// Values that would come back as others, or not at all; and constraints that hold only where
/// they are looked at as they were here.
const ROWS: &str = r#"
SET check_function_bodies = off;
CREATE FUNCTION later() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.v';
CREATE TABLE other (id int PRIMARY KEY DEFAULT later());
INSERT INTO other VALUES (1);
CREATE TABLE v (
  id int PRIMARY KEY REFERENCES other,
  by bytea, f8 float8, f4 real, iv interval, tz timestamptz, d date, a text[], x xml, said text DEFAULT E'it''s \\',
  rc regclass, r tstzrange, js jsonb,
  by_text text GENERATED ALWAYS AS (by::text) STORED,
  f_text text GENERATED ALWAYS AS (f8::text) STORED,
  CHECK (xmlelement(name a, by)::text = '<a>/wBc</a>'),
  CHECK (extract(timezone FROM tz) = 0 AND d::text = '2024-02-01'),
  CHECK (iv::text = '-1 mons +2 days -03:04:05'),
  CHECK ((('2024-01-01 12:00 IST'::text)::timestamptz) = '2024-01-01 10:00+00'::timestamptz),
  CHECK (said ~ 'ü\\''' AND (said = NULL) IS NULL));
INSERT INTO v VALUES (1, '\xff005c', 0.1::float8 + 0.2, 1.1, '-1 mons +2 days -03:04:05', '2024-02-01 03:04:05.678901+00',
  '2024-02-01', '{NULL,"b\\c"}', 'a <b>c</b>', 'ü\''x', 'other', '[2024-02-01,2024-03-01)', '"\\"');
"#;

const TABLES: &[&str] = &["public.v", "public.other"];

/// Sets them for the database and for the role by turns, so that both ways are tried.
fn set(db: &str, settings: &[(&str, &str)]) {
    let sql = settings.iter().enumerate().map(|(at, (name, value))| {
        let whose = match at % 2 {
            0 => format!("DATABASE {db}"),
            _ => format!("ROLE postgres IN DATABASE {db}"),
        };
        // A list is not one name.
        let value = match *name {
            "search_path" => value.to_string(),
            _ => format!("'{value}'"),
        };
        format!("ALTER {whose} SET {name} = {value};\n")
    });
    cluster().sql("postgres", &sql.collect::<String>());
}

fn reset(db: &str) {
    let sql =
        format!("ALTER DATABASE {db} RESET ALL; ALTER ROLE postgres IN DATABASE {db} RESET ALL");
    cluster().sql("postgres", &sql);
}

fn known() -> Vec<(&'static str, &'static str)> {
    let known = cluster().sql("postgres", "SELECT name FROM pg_settings");
    let known: Vec<&str> = known.lines().collect();
    let of_server = ADVERSE.iter().filter(|(name, _)| known.contains(name));
    of_server.copied().collect()
}

/// Tries all at once; where that fails, each by itself, and tells which.
fn try_all(attempt: impl Fn(&[(&str, &str)]) -> Result<(), String>) {
    let all = known();
    let Err(why) = attempt(&all) else { return };
    let failed = all.iter().filter_map(|one| {
        let why = attempt(&[*one]).err()?;
        Some(format!("{} = {}: {why}", one.0, one.1))
    });
    let failed: Vec<String> = failed.collect();
    panic!("not pinned:\n{}\nall at once: {why}", failed.join("\n"));
}

#[test]
fn a_backup_does_not_depend_on_the_source() {
    let test = Test::of(ROWS);
    try_all(|settings| {
        set(&test.db, settings);
        let ran = test.backup(TABLES).run();
        reset(&test.db);
        if ran.code() != 0 {
            return Err(ran.whole());
        }
        let sealed = test.sealed(&ran);
        assert!(sealed.sql.contains("\t\\\\xff005c\t0.30000000000000004\t"));
        let verify = test.pgseal("verify").arg(&sealed.path).arg("--decrypt");
        for ran in [
            verify
                .env("GNUPGHOME", crate::restore::forge::secret())
                .run(),
            prove(&test, &sealed.path).run(),
        ] {
            if ran.code() != 0 {
                return Err(ran.whole());
            }
        }
        Ok(())
    });
}

#[test]
fn a_restore_does_not_depend_on_the_target() {
    let test = Test::of(ROWS);
    let sealed = test.sealed(&test.backup(TABLES).run());
    let equal = content(&test.db);
    // Long enough for every timeout.
    test.shim("gpg", "*--decrypt*", "sleep 0.5; exec $real \"$@\"");
    try_all(|settings| {
        let target = Target::new();
        set(&target.db, settings);
        let ran = restore(&test, &sealed.path, &target).run();
        reset(&target.db);
        match ran.code() {
            0 if content(&target.db) == equal => Ok(()),
            0 => Err("other rows".into()),
            _ => Err(ran.whole()),
        }
    });
}

/// Triggers of the target that a replica does not fire.
#[test]
fn a_restore_is_no_replica() {
    let test = Test::of("CREATE TABLE a AS SELECT 1 AS x");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    let target = Target::new();
    target.sql(
        "CREATE TABLE seen (tag text);
         CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO public.seen VALUES (tg_tag); END $$;
         CREATE EVENT TRIGGER look ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
           EXECUTE FUNCTION look()",
    );
    let replica = [("session_replication_role", "replica")];
    set(&target.db, &replica);
    restore(&test, &sealed.path, &target)
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS"]);
    assert_ne!(target.sql("SELECT count(*) FROM seen"), "0");
}

/// What only a superuser may set refuses nobody who only reads.
#[test]
fn an_ordinary_role_reads_whatever_a_superuser_set() {
    let test = Test::of(ROWS);
    let role = format!("reader_{}", test.db);
    test.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    for (name, value) in known() {
        if name != "search_path" {
            test.sql(&format!(
                "ALTER ROLE {role} IN DATABASE {} SET {name} = '{value}'",
                test.db
            ));
        }
    }
    let backup = test.backup(TABLES).env("PGUSER", &role);
    test.sealed(&backup.run());
    test.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// Only a superuser may set them, so that they cannot be pinned.
#[test]
fn a_server_that_passes_over_damage_is_refused() {
    let test = Test::of("CREATE TABLE a AS SELECT 1 AS x");
    each(
        ["zero_damaged_pages", "ignore_checksum_failure"],
        |setting| {
            set(&test.db, &[(setting, "on")]);
            let ran = test.backup(&["public.a"]).run();
            ran.fails(
                3,
                &[&format!(
                    "rows may be missing without an error: {setting} is on"
                )],
            );
            reset(&test.db);
        },
    );
    test.store_is_empty();
}

/// A session does not wait for a moment without writers, which may never come.
#[test]
fn a_backup_does_not_wait_for_a_safe_snapshot() {
    let test = Test::of("CREATE TABLE a AS SELECT 1 AS x");
    let settings = [
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_deferrable", "on"),
    ];
    set(&test.db, &settings);
    let mut writer = Session::open(&test.db);
    writer.sql(
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE NOT DEFERRABLE; INSERT INTO a VALUES (2)",
    );
    let backup = test.backup(&["public.a"]).arg("--timeout=20s");
    assert_eq!(test.sealed(&backup.run()).rows(), ["public.a=1"]);
}
