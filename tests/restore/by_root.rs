//! Hash partitions by an enumeration: pg_dump loads them through their root, and another server may
//! put a row into another partition.

use super::forge::{Prints, Target, prove, restore};
use crate::support::{Sealed, Test};
use serde_json::Value;

/// The three come down to 12, 6 and 6 rows of 8 values, or to another split.
fn hashed() -> Test {
    Test::of(
        "CREATE TYPE mood AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
         CREATE TABLE moods (m mood, n int) PARTITION BY HASH (m);
         CREATE TABLE moods_0 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 0);
         CREATE TABLE moods_1 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 1);
         CREATE TABLE moods_2 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 2);
         INSERT INTO moods SELECT m, n FROM unnest(enum_range(NULL::mood)) m, generate_series(1, 3) n",
    )
}

fn sealed(test: &Test) -> Sealed {
    test.sealed(&test.backup(&["public.moods"]).run())
}

#[test]
fn rows_are_counted_for_the_partition_that_they_were_in() {
    let test = hashed();
    let sealed = sealed(&test);
    let rows = |table: &Value| (table["name"].clone(), table["rows"].as_u64());
    let tables = sealed.manifest["tables"].as_array().unwrap();
    for (name, told) in tables.iter().map(rows) {
        let name = name.as_str().unwrap();
        let here = test.sql(&format!("SELECT count(*) FROM ONLY {name}"));
        assert_eq!(told, here.parse().ok(), "{name}");
    }
    test.pgseal("prove-backup")
        .arg("--table=public.moods")
        .run()
        .exits(0)
        .prints(&["0 rows changed in 3 tables"]);
    prove(&test, &sealed.path)
        .run()
        .exits(0)
        .prints(&["24 rows in 1 table, each equal", "public.moods "]);
}

/// In the target a trigger changes one value; or takes a row from one partition, and none is added.
#[test]
fn a_row_that_differs_is_seen_in_whatever_partition() {
    let test = hashed();
    let sealed = sealed(&test);
    for (action, words) in [
        (
            "NEW.n := NEW.n + 1; RETURN NEW",
            "has 24 rows as sealed, and other values",
        ),
        ("RETURN NULL", "has 21 rows in the target, 24 were sealed"),
    ] {
        let target = Target::new();
        target.sql(&format!(
            "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF NEW.m::text <> 'c' THEN RETURN NEW; END IF; {action}; END $$;
             CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
               IF to_regclass('public.moods_2') IS NULL OR tg_tag <> 'CREATE TABLE' THEN RETURN; END IF;
               CREATE TRIGGER change BEFORE INSERT ON public.moods FOR EACH ROW EXECUTE FUNCTION public.change(); END $$;
             CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()"
        ));
        let ran = restore(&test, &sealed.path, &target).run();
        ran.fails(1, &["`public.moods`", words, "rolled back"]);
        assert_eq!(
            target.sql("SELECT to_regclass('public.moods') IS NULL"),
            "t"
        );
    }
}

#[test]
fn a_partition_without_its_root_is_refused() {
    let test = hashed();
    test.backup(&["public.moods_1"]).run().fails(
        4,
        &["can only be loaded through its root `public.moods`, which is not in the backup"],
    );
}
