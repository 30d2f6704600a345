//! Each kind of table and of damage, held against copies that were kept before it.

use super::{backup, diff, texts};
use crate::support::{Cases, Test};
use serde_json::Value;

struct Kind {
    table: &'static str,
    make: &'static str,
    damage: &'static str,
    /// Changed, gone, added.
    counts: [u64; 3],
}

const fn kind(
    table: &'static str,
    make: &'static str,
    damage: &'static str,
    counts: [u64; 3],
) -> Kind {
    Kind {
        table,
        make,
        damage,
        counts,
    }
}

const KINDS: &[Kind] = &[
    kind(
        "public.loose",
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN word AS varchar(9) COLLATE \"C\" CHECK (VALUE <> ''); CREATE DOMAIN words AS word;
         CREATE TABLE loose (m mood, w words, all_m mood[], all_w word[], v int, PRIMARY KEY (w, m));
         INSERT INTO loose SELECT 'sad', 'w' || g, '{ok,NULL}', '{a,b}', g FROM generate_series(1, 9) g",
        "UPDATE loose SET all_m[1] = 'sad' WHERE v = 1; UPDATE loose SET all_w[2] = 'B' WHERE v = 2; UPDATE loose SET m = 'ok' WHERE v = 3",
        [2, 1, 1],
    ),
    kind(
        "public.pgseal_left",
        "CREATE TABLE pgseal_left (pgseal_place int PRIMARY KEY, pgseal_action text, pgseal_gone_0 int, d text, l int UNIQUE, r int GENERATED ALWAYS AS (l + 1) STORED);
         INSERT INTO pgseal_left SELECT g, 'x', g, 'y', g FROM generate_series(1, 9) g",
        "UPDATE pgseal_left SET l = -l WHERE pgseal_place < 3; UPDATE pgseal_left SET l = 3 + l WHERE pgseal_place < 3; DELETE FROM pgseal_left WHERE pgseal_place = 9",
        [2, 1, 0],
    ),
    kind(
        "public.ints",
        "CREATE TABLE ints (id int PRIMARY KEY, t text);
         INSERT INTO ints SELECT g, 'x' FROM generate_series(1, 1000) g",
        "UPDATE ints SET t = 'y' WHERE id % 10 = 0; DELETE FROM ints WHERE id < 8;
         INSERT INTO ints SELECT g, 'n' FROM generate_series(2001, 2003) g; UPDATE ints SET t = 'x' WHERE id = 20",
        [99, 7, 3],
    ),
    kind(
        "public.\"We.ird \"\"T* ü\"",
        "CREATE TABLE \"We.ird \"\"T* ü\" (\"A b\" text PRIMARY KEY, \"select\" int, \"q\"\"\" int, \"ü\"\"'\\x\" text, E int);
         INSERT INTO \"We.ird \"\"T* ü\" SELECT 'k''' || g, g, 1, E'a\\tb\\nc\\\\', 1 FROM generate_series(1, 9) g",
        "UPDATE \"We.ird \"\"T* ü\" SET \"ü\"\"'\\x\" = E'a\\tb\\nc\\\\.' WHERE \"select\" = 3;
         UPDATE \"We.ird \"\"T* ü\" SET \"A b\" = E'\\\\.' WHERE \"select\" = 4",
        [1, 1, 1],
    ),
    kind(
        "public.composite",
        "CREATE TABLE composite (b text, a int, v int, PRIMARY KEY (a, b));
         INSERT INTO composite SELECT chr(65 + g % 3), g / 3, g FROM generate_series(0, 29) g",
        "UPDATE composite SET v = -v WHERE a = 2; UPDATE composite SET b = 'Z' WHERE a = 5 AND b = 'A'",
        [3, 1, 1],
    ),
    kind(
        "public.no_key",
        "CREATE TABLE no_key (a int, b text);
         INSERT INTO no_key SELECT 1, 'same' FROM generate_series(1, 5); INSERT INTO no_key VALUES (NULL, NULL), (2, '')",
        "DELETE FROM no_key WHERE ctid IN (SELECT ctid FROM no_key WHERE a = 1 LIMIT 2);
         UPDATE no_key SET b = NULL WHERE a = 2; INSERT INTO no_key VALUES (NULL, NULL)",
        [0, 3, 2],
    ),
    kind(
        "public.put_off",
        "CREATE TABLE put_off (id int PRIMARY KEY DEFERRABLE, v int); INSERT INTO put_off VALUES (1, 1), (2, 2)",
        "UPDATE put_off SET v = 3 WHERE id = 1",
        [0, 1, 1],
    ),
    kind(
        "public.by_unique",
        "CREATE TABLE by_unique (n int UNIQUE, u int NOT NULL, v text, w int NOT NULL);
         CREATE UNIQUE INDEX ON by_unique (w) WHERE u > 0; CREATE UNIQUE INDEX ON by_unique ((u + 1));
         CREATE UNIQUE INDEX ON by_unique (u) INCLUDE (v);
         INSERT INTO by_unique SELECT NULL, g, 'v', g FROM generate_series(1, 5) g",
        "UPDATE by_unique SET n = 1 WHERE u = 1; UPDATE by_unique SET v = NULL, w = 9 WHERE u = 2",
        [2, 0, 0],
    ),
    kind(
        "public.parted",
        "CREATE TABLE parted (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
         CREATE TABLE parted_a (gone int, v text, region text NOT NULL, id int NOT NULL);
         ALTER TABLE parted_a DROP COLUMN gone; ALTER TABLE parted ATTACH PARTITION parted_a FOR VALUES IN ('a');
         CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b', 'c') PARTITION BY RANGE (id);
         CREATE TABLE parted_b1 PARTITION OF parted_b FOR VALUES FROM (0) TO (50);
         CREATE TABLE parted_b2 PARTITION OF parted_b FOR VALUES FROM (50) TO (1000);
         INSERT INTO parted SELECT g, chr(97 + g % 3), 'v' FROM generate_series(0, 99) g",
        "UPDATE parted SET v = 'w' WHERE id IN (3, 4, 70); UPDATE parted SET region = 'c' WHERE id = 0;
         DELETE FROM parted WHERE id = 1; INSERT INTO parted VALUES (999, 'b', 'new')",
        [3, 2, 2],
    ),
    kind(
        "public.moved",
        "CREATE TABLE moved (id int, at int, PRIMARY KEY (id)) PARTITION BY HASH (id);
         CREATE TABLE moved_0 PARTITION OF moved FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE moved_1 PARTITION OF moved FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         INSERT INTO moved SELECT g, 0 FROM generate_series(1, 20) g",
        "UPDATE moved SET at = 1 WHERE id <= 10",
        [10, 0, 0],
    ),
    kind(
        "public.by_enum",
        "CREATE TYPE e AS ENUM ('one', 'two', 'three');
         CREATE TABLE by_enum (k e PRIMARY KEY, v int) PARTITION BY HASH (k);
         CREATE TABLE by_enum_0 PARTITION OF by_enum FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE by_enum_1 (v int, k e NOT NULL);
         ALTER TABLE by_enum ATTACH PARTITION by_enum_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         INSERT INTO by_enum VALUES ('one', 1), ('two', 2), ('three', 3)",
        "UPDATE by_enum SET v = 0 WHERE k = 'two'; DELETE FROM by_enum WHERE k = 'three'",
        [1, 1, 0],
    ),
    kind(
        "public.family",
        "CREATE TABLE family (id int PRIMARY KEY, v text);
         CREATE TABLE family_child (extra text, v text, id int PRIMARY KEY); ALTER TABLE family_child INHERIT family;
         INSERT INTO family SELECT g, 'p' FROM generate_series(1, 5) g;
         INSERT INTO family_child SELECT 'x', 'c', g FROM generate_series(1, 5) g",
        "UPDATE ONLY family SET v = 'q' WHERE id = 1",
        [1, 0, 0],
    ),
    kind(
        "public.family_child",
        "",
        "UPDATE family_child SET extra = 'y' WHERE id = 2; DELETE FROM family_child WHERE id = 3",
        [1, 1, 0],
    ),
    kind(
        "public.computed",
        "CREATE TABLE computed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int,
           twice int GENERATED ALWAYS AS (v * 2) STORED, s serial);
         INSERT INTO computed (v) SELECT g FROM generate_series(1, 5) g",
        "UPDATE computed SET v = 9 WHERE id = 1; INSERT INTO computed (v) VALUES (1)",
        [1, 0, 1],
    ),
    kind(
        "public.no_equality",
        "CREATE TYPE pair AS (a int, b text); CREATE DOMAIN small AS int CHECK (VALUE < 100);
         CREATE TABLE no_equality (id int PRIMARY KEY, j json, x xml, p point, b bytea, l text[], r int4range,
           c pair, d small, t timestamptz, i interval, m money, f float8, u uuid, jb jsonb, ts tsvector, inet inet);
         INSERT INTO no_equality SELECT g, '{\"a\": 1}', '<a>1</a>', '(1,2)', '\\x00ff', ARRAY['a', NULL, 'b\"c'],
           '[1,5)', ROW(1, 'x y')::pair, 7, '2020-01-01 00:00:00.123456+02', '1 mon -3 days 04:05:06', 12.34, 0.1::float8,
           '00000000-0000-0000-0000-000000000001', '{\"b\": [1.0, null]}', 'fat cats', '10.1.2.3/8'
         FROM generate_series(1, 6) g",
        "UPDATE no_equality SET j = '{\"a\":1}' WHERE id = 1; UPDATE no_equality SET x = '<a >1</a>' WHERE id = 2;
         UPDATE no_equality SET p = '(1,2.5)' WHERE id = 3; UPDATE no_equality SET i = '31 days' WHERE id = 4;
         UPDATE no_equality SET l[2] = '' WHERE id = 5; UPDATE no_equality SET j = j WHERE id = 6",
        [5, 0, 0],
    ),
    kind(
        "public.big",
        "CREATE TABLE big (id int PRIMARY KEY, t text, b bytea);
         INSERT INTO big SELECT g, repeat(md5(g::text), 40000), decode(repeat('ab', 300000), 'hex') FROM generate_series(1, 4) g",
        "UPDATE big SET t = t || '.' WHERE id = 1; UPDATE big SET b = set_byte(b, 299999, 0) WHERE id = 2",
        [2, 0, 0],
    ),
    kind(
        "public.empty",
        "CREATE TABLE empty (id int PRIMARY KEY)",
        "",
        [0, 0, 0],
    ),
    kind(
        "public.was_empty",
        "CREATE TABLE was_empty (id int PRIMARY KEY)",
        "INSERT INTO was_empty VALUES (1), (2)",
        [0, 0, 2],
    ),
    kind(
        "public.no_partition",
        "CREATE TABLE no_partition (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE no_partition_1 PARTITION OF no_partition DEFAULT; INSERT INTO no_partition VALUES (1)",
        [0, 0, 1],
    ),
    kind(
        "public.dropped_column",
        "CREATE TABLE dropped_column (id int PRIMARY KEY, v int, w text);
         INSERT INTO dropped_column SELECT g, g, 'w' FROM generate_series(1, 5) g",
        "ALTER TABLE dropped_column DROP COLUMN w; UPDATE dropped_column SET v = 0 WHERE id = 1",
        [1, 0, 0],
    ),
    kind(
        "public.new_column",
        "CREATE TABLE new_column (id int PRIMARY KEY, v int);
         INSERT INTO new_column SELECT g, g FROM generate_series(1, 5) g",
        "ALTER TABLE new_column ADD note text DEFAULT 'x'; UPDATE new_column SET v = 0, note = 'y' WHERE id = 1;
         UPDATE new_column SET note = 'z' WHERE id = 2",
        [1, 0, 0],
    ),
    kind(
        "public.other_type",
        "CREATE TABLE other_type (id int PRIMARY KEY, v text, n numeric(8,2));
         INSERT INTO other_type SELECT g, 'x' || g, g FROM generate_series(1, 5) g",
        "ALTER TABLE other_type ALTER id TYPE bigint, ALTER v TYPE int USING substr(v, 2)::int;
         ALTER TABLE other_type ALTER n TYPE numeric(9,2); DELETE FROM other_type WHERE id = 5",
        [4, 1, 0],
    ),
    kind(
        "public.other_key",
        "CREATE TABLE other_key (a int, b int, v int, PRIMARY KEY (a, b));
         INSERT INTO other_key VALUES (1, 1, 1), (1, 2, 2), (2, 1, 3)",
        "DELETE FROM other_key WHERE b = 2; ALTER TABLE other_key DROP CONSTRAINT other_key_pkey, ADD PRIMARY KEY (a)",
        [0, 1, 0],
    ),
    kind(
        "public.truncated",
        "CREATE TABLE truncated (id int PRIMARY KEY, v text); INSERT INTO truncated SELECT g FROM generate_series(1, 7) g",
        "TRUNCATE truncated",
        [0, 7, 0],
    ),
    kind(
        "public.nulls",
        "CREATE TABLE nulls (id int PRIMARY KEY, a text, b text); INSERT INTO nulls VALUES (1, NULL, ''), (2, '', NULL), (3, '\\N', '\\.'), (4, NULL, NULL)",
        "UPDATE nulls SET a = '' WHERE id = 1; UPDATE nulls SET a = NULL WHERE id = 2; UPDATE nulls SET a = NULL WHERE id = 3",
        [3, 0, 0],
    ),
    kind(
        "public.scale",
        "CREATE TABLE scale (n numeric PRIMARY KEY, f float8); INSERT INTO scale VALUES (1.0, 0), (2.0, 0), (3, 'NaN')",
        "UPDATE scale SET n = 1.00 WHERE n = 1; UPDATE scale SET f = '-0' WHERE n = 2",
        [2, 0, 0],
    ),
    kind(
        "public.columnless",
        "CREATE TABLE columnless (); INSERT INTO columnless DEFAULT VALUES; INSERT INTO columnless DEFAULT VALUES; INSERT INTO columnless DEFAULT VALUES",
        "DELETE FROM columnless WHERE ctid = '(0,1)'",
        [0, 1, 0],
    ),
    kind(
        "public.dropped",
        "CREATE TABLE dropped (id int PRIMARY KEY); INSERT INTO dropped VALUES (1), (2)",
        "DROP TABLE dropped",
        [0, 2, 0],
    ),
    kind(
        "public.made_again",
        "CREATE TABLE made_again (id int PRIMARY KEY, v int); INSERT INTO made_again VALUES (1, 1), (2, 2)",
        "DROP TABLE made_again; CREATE TABLE made_again (v int, id int PRIMARY KEY); INSERT INTO made_again VALUES (1, 1), (3, 2)",
        [1, 0, 0],
    ),
    kind(
        "public.frozen_same",
        "CREATE TABLE frozen_same (id int PRIMARY KEY, v text); INSERT INTO frozen_same SELECT g, g FROM generate_series(1, 50) g",
        "UPDATE frozen_same SET v = v; VACUUM (FULL, FREEZE) frozen_same",
        [0, 0, 0],
    ),
];

/// A copy of each table, in a schema of its own.
const KEEP: &str = "CREATE SCHEMA kept;
DO $$ DECLARE t record; BEGIN
  FOR t IN SELECT oid, relname, relkind FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
  LOOP EXECUTE format('CREATE TABLE kept.%I AS SELECT * FROM %s %I', t.relname,
    CASE WHEN t.relkind = 'r' THEN 'ONLY' END, t.relname);
  END LOOP; END $$";

/// By whole rows as text, of the columns that both have: rows that only the copy has, and rows that
/// only the live table has.
fn oracle(test: &Test, table: &str) -> (u64, u64) {
    let bare = table.strip_prefix("public.").unwrap();
    let ask = |sql: &str| test.sql(sql);
    let literal = table.replace('\'', "''");
    if ask(&format!("SELECT to_regclass('{literal}') IS NULL")) == "t" {
        return (
            ask(&format!("SELECT count(*) FROM kept.{bare}"))
                .parse()
                .unwrap(),
            0,
        );
    }
    let kept = format!("kept.{literal}").replace("kept.public.", "kept.");
    let columns = ask(&format!(
        "SELECT coalesce(string_agg(quote_ident(attname) || '::text', ', ' ORDER BY attname), '') FROM pg_attribute a
         WHERE attrelid = '{literal}'::regclass AND attnum > 0 AND NOT attisdropped AND EXISTS (
           SELECT FROM pg_attribute k WHERE k.attrelid = '{kept}'::regclass AND k.attname = a.attname AND NOT k.attisdropped)"
    ));
    let only = match &*ask(&format!(
        "SELECT relkind FROM pg_class WHERE oid = '{literal}'::regclass"
    )) {
        "r" => "ONLY ",
        _ => "",
    };
    let less = |a: &str, b: &str| {
        let sql = format!(
            "SELECT count(*) FROM (SELECT ROW({columns})::text FROM {a} EXCEPT ALL SELECT ROW({columns})::text FROM {b}) AS x"
        );
        ask(&sql).parse().unwrap()
    };
    let (live, kept) = (format!("{only}{table}"), format!("kept.{bare}"));
    (less(&kept, &live), less(&live, &kept))
}

#[test]
fn each_kind_is_counted_as_by_a_kept_copy() {
    let made: Vec<&str> = KINDS.iter().map(|kind| kind.make).collect();
    let test = Test::of(&made.join(";\n"));
    let children = ["public.family_child"];
    let tables = KINDS
        .iter()
        .map(|kind| kind.table)
        .filter(|table| !children.contains(table));
    let tables: Vec<&str> = tables.collect();
    backup(&test, &tables);
    let told = diff(&test).arg("--json").run().exits(0).json();
    assert_eq!(told["result"], "SAME");
    assert_eq!(told["rows"], 0);
    test.sql(KEEP);
    for kind in KINDS {
        test.sql(kind.damage);
    }
    let told = diff(&test).args(["--json", "--values", "--rows=3"]);
    let told = told.run().exits(1).json();
    let mut cases = Cases::new();
    for kind in KINDS {
        cases.check(kind.table, || {
            let tables = told["tables"].as_array().unwrap().iter();
            let found: Vec<&Value> = tables
                .filter(|table| table["table"] == kind.table)
                .collect();
            let [found] = found[..] else {
                panic!("{found:?}")
            };
            let count = |key: &str| found[key].as_u64().unwrap();
            let [changed, gone, added] = ["changed", "gone", "added"].map(count);
            assert_eq!([changed, gone, added], kind.counts);
            assert_eq!(count("then") - gone, count("now") - added);
            assert_eq!(oracle(&test, kind.table), (changed + gone, changed + added));
            let shown = found["rows"].as_array().unwrap().len() as u64;
            let dropped = kind.table == "public.dropped";
            let most = kind.counts.map(|n| n.min(3)).iter().sum::<u64>();
            assert_eq!(shown, if dropped { 0 } else { most });
        });
    }
    drop(cases);
    let structure = &told["structure"];
    let structure = texts(structure, "object")
        .into_iter()
        .zip(texts(structure, "what"));
    let structure: Vec<String> = structure
        .map(|(object, what)| format!("{object} {what}"))
        .collect();
    assert_eq!(
        structure,
        [
            "public.no_partition_1 the partition is new since the backup",
            "public.dropped the table is gone since the backup",
            "public.made_again the table was dropped and created again since the backup",
            "public.dropped_column.w column is gone since the backup (undo refuses the table)",
            "public.new_column.note column is new since the backup (undo leaves it alone)",
            "public.other_type.id column was integer and is bigint: compared as text (undo refuses the table)",
            "public.other_type.v column was text and is integer: compared as text (undo refuses the table)",
            "public.other_type.n column was numeric(8,2) and is numeric(9,2): compared as text (undo refuses the table)",
            "public.other_key other_key_pkey the constraint is defined otherwise than in the backup",
        ]
    );
}

/// Statements that make some of the tables, and that damage them.
pub struct Made {
    pub made: String,
    pub damage: String,
}

pub fn kinds_of(tables: &[&str]) -> Made {
    let of = |part: fn(&Kind) -> &'static str| {
        let kinds = KINDS.iter().filter(|kind| tables.contains(&kind.table));
        kinds.map(part).collect::<Vec<_>>().join(";\n")
    };
    Made {
        made: of(|kind| kind.make),
        damage: of(|kind| kind.damage),
    }
}

/// The statements that are to be read would bring the rows back: here, where nothing is in the way.
#[test]
fn the_sql_that_is_shown_brings_rows_back() {
    let tables = [
        "public.ints",
        "public.composite",
        "public.by_unique",
        "public.parted",
        "public.nulls",
    ];
    let more = [
        "public.no_equality",
        "public.computed",
        "public.family",
        "public.family_child",
        "public.\"We.ird \"\"T* ü\"",
        "public.loose",
    ];
    let all = [&tables[..], &more[..]].concat();
    let kinds = kinds_of(&all);
    let test = Test::of(&kinds.made);
    let scope: Vec<&str> = all
        .iter()
        .copied()
        .filter(|table| *table != "public.family_child")
        .collect();
    backup(&test, &scope);
    test.sql(&kinds.damage);
    // An identity that is GENERATED ALWAYS and a key take no other value in an UPDATE.
    let ran = diff(&test)
        .args(["--format=sql", "--rows=1000"])
        .run()
        .exits(1);
    test.sql(&ran.stdout);
    diff(&test).run().exits(0);
}
