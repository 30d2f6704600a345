//! What was sealed comes back equal.

use super::forge::{Prints, Target, content, prove, restore, restore_proved};
use crate::support::{Test, cluster, each};

fn round_trip(test: &Test, tables: &[&str], options: &[&str], prepare: &str) {
    let ran = test
        .backup(tables)
        .args(options.iter().copied())
        .run()
        .exits(0);
    let artifact = ran.envelope()["artifact_ref"].as_str().unwrap().to_string();
    let target = Target::new();
    target.sql(prepare);
    let report = restore(test, artifact.as_ref(), &target)
        .arg("--json")
        .run()
        .exits(0)
        .json();
    assert_eq!(report["schema"], "pgseal/restore/1");
    assert_eq!(report["result"], "PASS");
    assert_eq!(content(&test.db), content(&target.db));
}

#[test]
fn the_nine_tables() {
    let test = Test::cutter();
    let all = cluster().sql(
        &test.db,
        "SELECT n.nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
         WHERE relkind IN ('r', 'p') AND c.oid >= 16384 AND NOT relispartition ORDER BY 1",
    );
    let tables: Vec<&str> = all.lines().collect();
    each(["deflate", "zstd", "gpg", "none"], |method| {
        let option = format!("--compress={method}");
        round_trip(&test, &tables, &[&option], "");
    });
}

/// One column of every type that ships with PostgreSQL, and its array, with a few values.
const TYPES: &str = "
CREATE DOMAIN short AS varchar(5) CHECK (value <> 'x');
CREATE TYPE mood AS ENUM ('sad', 'it''s \\ ok');
CREATE TYPE pair AS (a int, \"B c\" text);
";

#[test]
fn every_type() {
    let test = Test::of(TYPES);
    test.sql(r#"
        DO $$
        DECLARE columns text; BEGIN
          SELECT string_agg(format('%I %s', 'c_' || oid, format_type(oid, NULL)), ', ') INTO columns
          FROM pg_type
          WHERE typtype IN ('b', 'r', 'm') AND oid < 16384 AND typname !~ '^(pg_|_pg_)|^_?(gtsvector|refcursor|cstring)$'
            AND typnamespace = 'pg_catalog'::regnamespace AND typname <> 'unknown';
          EXECUTE 'CREATE TABLE types (' || columns || ')';
        END $$;
        INSERT INTO types DEFAULT VALUES;
        CREATE TABLE "values" (
          b boolean, i2 smallint, i4 int, i8 bigint, n numeric, f4 real, f8 float8, t text, c char(9), by bytea,
          d date, ts timestamp, tz timestamptz, ti time, tiz timetz, iv interval, u uuid, j json, jb jsonb, x xml,
          ip inet, ci cidr, m macaddr, m8 macaddr8, bt bit(5), vb varbit, p point, l line, ls lseg, bo box, pa path,
          po polygon, ci2 circle, r int4range, nr numrange, mr int4multirange, tv tsvector, tq tsquery,
          a int[], aa text[][], sh short, mo mood, pr pair, prs pair[],
          g text GENERATED ALWAYS AS (t || 'ü') STORED, id bigint GENERATED ALWAYS AS IDENTITY);
        INSERT INTO "values" VALUES (
          true, -1, 2, 3, 'NaN', '-Infinity', 0.1, E'tab\t nl\n cr\r bs\\ q'' \\. "', 'x', '\x00ff5c',
          'infinity', '2024-02-29 12:00', '2024-02-29 12:00+02', '24:00', '10:00+03', '1 mon -2 days', gen_random_uuid(),
          '{"a" : 1}', '{"a": "\\"}', '<a/>', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
          B'10101', B'1', '(1,2)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '((0,0),(1,1))', '((0,0),(1,1),(2,0))',
          '<(0,0),1>', '[1,5)', '(,1.5]', '{[1,2),[5,)}', 'a:1 b', 'a & !b', '{1,NULL,3}', '{{"a","b\\c"},{"d,","\""}}',
          'ab', 'it''s \ ok', '(1,"x y")', ARRAY['(1,a)'::pair, NULL]);
        INSERT INTO "values" (t) VALUES (NULL), (''), ('\.'), (repeat('long ', 100000));
        CREATE TABLE nothing ();
        INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES;
        CREATE TABLE empty (a int, b text DEFAULT E'it''s \\ here', CHECK (a > 0), UNIQUE (b));
        COMMENT ON TABLE empty IS E'a \\ comment; with ''quotes'' -- and\n\\. lines /* so */';
        ALTER TABLE empty ADD CHECK (b ~ '^\\[a-z]:x$');
        CREATE INDEX ON empty ((b || ':x'));
        CREATE RULE twice AS ON UPDATE TO empty DO ALSO (DELETE FROM nothing; DELETE FROM nothing);
        CREATE TABLE slice (a int[] CHECK (a[1:2] = '{1,2}'), n int, CHECK (a[1:n] IS NOT NULL),
          "N" int, "HOST" int, "DBNAME" int,
          x int[] GENERATED ALWAYS AS (a[1: "N"]) STORED,
          y int[] GENERATED ALWAYS AS (a["HOST": "DBNAME"]) STORED, z text DEFAULT ':HOST');
        INSERT INTO slice VALUES ('{1,2}', 1, 1, 2, 2);
    "#);
    let tables = [
        "public.types",
        "public.values",
        "public.nothing",
        "public.empty",
        "public.slice",
    ];
    each(["deflate", "zstd:1", "none"], |method| {
        let option = format!("--compress={method}");
        round_trip(&test, &tables, &[&option], "");
    });
}

#[test]
fn partitions_inheritance_sequences_and_policies() {
    let test = Test::of(
        "CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY LIST (b);
         CREATE TABLE p21 PARTITION OF p2 FOR VALUES IN (1); CREATE TABLE p2d PARTITION OF p2 DEFAULT;
         CREATE INDEX ON p (b); ALTER TABLE p ADD PRIMARY KEY (a, b);
         INSERT INTO p SELECT n, n % 3 FROM generate_series(0, 19) n;
         CREATE TABLE base (id serial PRIMARY KEY, a int); CREATE TABLE child (b int) INHERITS (base);
         INSERT INTO base (a) VALUES (1); INSERT INTO child VALUES (7, 2, 2);
         CREATE TABLE refers (id int PRIMARY KEY, base int REFERENCES base, self int REFERENCES refers);
         INSERT INTO refers VALUES (1, 1, 1);
         ALTER TABLE refers ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON refers USING (id > 0);
         CREATE STATISTICS st ON a, b FROM p; GRANT SELECT ON refers TO PUBLIC;",
    );
    round_trip(
        &test,
        &["public.p", "public.base", "public.refers"],
        &[],
        "",
    );
}

/// One of everything that pg_dump writes for a table.
#[test]
fn every_statement() {
    let test = Test::of(
        r#"CREATE TYPE shape AS (a int, b text);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
         CREATE TABLE typed OF shape (a WITH OPTIONS NOT NULL, PRIMARY KEY (a));
         CREATE TABLE typed_parts OF shape PARTITION BY LIST (a);
         CREATE UNLOGGED TABLE quick (id bigint GENERATED BY DEFAULT AS IDENTITY (START -5 INCREMENT -1 CYCLE));
         CREATE TABLE "Full" (
           id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n serial, "r:x" int4range DEFAULT '[1,5)',
           t text COMPRESSION pglz CHECK (t <> E'\\'), a int[] DEFAULT ARRAY[1, 2], d date,
           CONSTRAINT one UNIQUE NULLS NOT DISTINCT (t) INCLUDE (n) DEFERRABLE,
           EXCLUDE USING gist ("r:x" WITH &&) WHERE (n > 0), FOREIGN KEY (id) REFERENCES typed
         ) WITH (fillfactor = 50, toast.autovacuum_enabled = off);
         ALTER TABLE "Full" ADD CHECK (n > 0) NOT VALID,
           ALTER n SET STATISTICS 7, ALTER t SET STORAGE EXTERNAL, ALTER t SET (n_distinct = -0.5);
         CREATE UNIQUE INDEX "By:N" ON "Full" (n); CREATE INDEX expr ON "Full" (n, (n + 1), lower(t)) WHERE n > 0;
         ALTER INDEX expr ALTER COLUMN 2 SET STATISTICS 50; ALTER TABLE "Full" CLUSTER ON "By:N";
         ALTER TABLE "Full" REPLICA IDENTITY USING INDEX "By:N"; ALTER TABLE typed REPLICA IDENTITY FULL;
         CREATE TRIGGER g BEFORE INSERT OR UPDATE OF n, t ON "Full" FOR EACH ROW WHEN (new.n > 0) EXECUTE FUNCTION f('a', 'b');
         CREATE CONSTRAINT TRIGGER h AFTER INSERT ON "Full" FROM typed DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f();
         CREATE TRIGGER old AFTER UPDATE ON "Full" REFERENCING OLD TABLE AS o NEW TABLE AS w EXECUTE FUNCTION f();
         ALTER TABLE "Full" DISABLE TRIGGER g, ENABLE ALWAYS TRIGGER h, ENABLE REPLICA TRIGGER old;
         CREATE RULE r AS ON UPDATE TO quick DO INSTEAD UPDATE typed SET a = 1, b = 'x' WHERE NOT EXISTS (SELECT 1);
         CREATE RULE s AS ON DELETE TO quick DO INSTEAD NOTHING; ALTER TABLE quick DISABLE RULE r, ENABLE ALWAYS RULE s;
         CREATE POLICY p ON "Full" AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (n > 0) WITH CHECK (true);
         ALTER TABLE "Full" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         CREATE STATISTICS st (mcv) ON n, EXTRACT(year FROM d) FROM "Full"; ALTER STATISTICS st SET STATISTICS 9;
         COMMENT ON TABLE "Full" IS 'a \ b'; COMMENT ON COLUMN "Full"."r:x" IS ':x'; COMMENT ON INDEX expr IS 'e';
         COMMENT ON SEQUENCE "Full_n_seq" IS 's'; COMMENT ON CONSTRAINT one ON "Full" IS 'o'; COMMENT ON RULE r ON quick IS 'r';
         COMMENT ON TRIGGER g ON "Full" IS 'g'; COMMENT ON POLICY p ON "Full" IS 'p'; COMMENT ON STATISTICS st IS 'st';
         GRANT SELECT, INSERT (n, t), UPDATE (n) ON "Full" TO PUBLIC; GRANT SELECT ON typed TO pg_monitor WITH GRANT OPTION;
         GRANT USAGE ON SEQUENCE "Full_n_seq" TO PUBLIC; REVOKE ALL ON quick FROM postgres; ALTER TABLE quick OWNER TO pg_monitor;
         CREATE PUBLICATION pub FOR TABLE typed (a) WHERE (a > 0), TABLE "Full";
         INSERT INTO typed VALUES (1, 'b'); INSERT INTO quick DEFAULT VALUES; INSERT INTO "Full" (t, d) VALUES ('x', 'now');"#,
    );
    round_trip(
        &test,
        &[
            "public.Full",
            "public.typed",
            "public.typed_parts",
            "public.quick",
        ],
        &[],
        "",
    );
}

#[test]
fn hostile_names() {
    let test = Test::of(
        r#"CREATE SCHEMA "a ""b"" c.d"; CREATE SCHEMA "größe";
        CREATE TABLE "a ""b"" c.d"."T; DROP TABLE x; --" ("COPY x FROM stdin;" text, "\." int, ":HOST" int DEFAULT 1);
        INSERT INTO "a ""b"" c.d"."T; DROP TABLE x; --" VALUES ('\.', 1), (E'\\.\r', 2);
        CREATE TABLE "größe"."$$ it's" ("/* ü" serial PRIMARY KEY, "$1" text DEFAULT ':HOST');
        INSERT INTO "größe"."$$ it's" DEFAULT VALUES;"#,
    );
    let tables = [
        r#""a ""b"" c.d"."T; DROP TABLE x; --""#,
        r#""größe"."$$ it's""#,
    ];
    round_trip(&test, &tables, &[], "");
}

#[test]
fn origin_is_proved_only_by_what_was_kept() {
    let test = Test::of("CREATE TABLE a (x int); INSERT INTO a VALUES (1)");
    let ran = test.backup(&["public.a"]).run().exits(0);
    let envelope = ran.envelope();
    let artifact = envelope["artifact_ref"].as_str().unwrap();
    let origin = |options: &[String]| {
        let target = Target::new();
        let report = restore_proved(&test, artifact.as_ref(), &target)
            .args(options.to_vec())
            .arg("--json")
            .run()
            .exits(0)
            .json();
        let checks = report["checks"].as_array().unwrap().clone();
        let check = checks
            .into_iter()
            .find(|check| check["check"] == "origin")
            .unwrap();
        check["standing"].as_str().unwrap().to_string()
    };
    assert_eq!(origin(&["--origin-unproved".into()]), "NOT_PROVED");
    let sha = format!("--sha256={}", envelope["sha256"].as_str().unwrap());
    assert_eq!(origin(&[sha]), "PROVED");
    let kept = test.write("envelope.json", &envelope.to_string());
    assert_eq!(
        origin(&[format!("--envelope={}", kept.display())]),
        "PROVED"
    );
    let target = Target::new();
    restore_proved(&test, artifact.as_ref(), &target)
        .run()
        .fails(
            1,
            &[
                "nothing proves who sealed",
                "--envelope FILE, or --sha256 HEX",
                "--origin-unproved",
                "neither gpg nor psql was started",
            ],
        );
    target.is_empty();
    restore(&test, artifact.as_ref(), &target)
        .arg(format!("--sha256={}", "0".repeat(64)))
        .run()
        .fails(
            1,
            &[
                "does not verify: origin",
                "neither gpg nor psql was started",
            ],
        );
    target.is_empty();
}

/// What bob was given and gave on takes a superuser to give again in his name.
#[test]
fn grants_of_others_are_left_out_and_told() {
    let test = Test::of("CREATE TABLE a (x int); INSERT INTO a VALUES (1)");
    let role = |name: &str| format!("{name}_{}", test.db);
    let [bob, carol] = ["bob", "carol"].map(role);
    test.sql(&format!(
        "CREATE ROLE {bob}; CREATE ROLE {carol};
         GRANT SELECT ON a TO {bob} WITH GRANT OPTION;
         SET ROLE {bob}; GRANT SELECT ON a TO {carol}"
    ));
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    assert!(sealed.sql.contains("SET SESSION AUTHORIZATION"));
    let target = Target::new();
    restore(&test, &sealed.path, &target)
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS", &format!("by {bob}")]);
    let may = |role: &str| {
        target.sql(&format!(
            "SELECT has_table_privilege('{role}', 'a', 'SELECT')"
        ))
    };
    assert_eq!([may(&bob), may(&carol)], ["t", "f"]);
    drop(target);
    test.sql(&format!(
        "DROP OWNED BY {bob}, {carol} CASCADE; DROP ROLE {bob}, {carol}"
    ));
}

/// Of a parent that is out of scope, so is the parent's index.
#[test]
fn one_leaf_comes_back_without_its_parent() {
    let test = Test::of(
        "CREATE TABLE pt (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE leaf PARTITION OF pt FOR VALUES FROM (0) TO (10);
         INSERT INTO pt VALUES (7)",
    );
    let sealed = test.sealed(&test.backup(&["public.leaf"]).run());
    let target = Target::new();
    restore(&test, &sealed.path, &target)
        .arg("--skip-external")
        .run()
        .exits(0)
        .prints(&[
            "needs table public.pt: ALTER TABLE",
            "needs table public.pt: ALTER INDEX public.pt_pkey",
        ]);
    assert_eq!(target.sql("SELECT id FROM leaf"), "7");
    prove(&test, &sealed.path).run().exits(0);
}

/// The names of many partitions are longer than one argument of a command may be.
#[test]
fn many_partitions_with_long_names() {
    let schema = "\\'".repeat(31);
    let test = Test::of(&format!(
        r#"CREATE SCHEMA "{schema}"; CREATE TABLE p (a int) PARTITION BY LIST (a);
        DO $$ BEGIN FOR n IN 100..750 LOOP
          EXECUTE format('CREATE TABLE %I.%I PARTITION OF p FOR VALUES IN (%s)',
            '{}', n || repeat('\''', 29), n);
        END LOOP; END $$;
        INSERT INTO p SELECT generate_series(100, 750);"#,
        schema.replace('\'', "''")
    ));
    let names = test.sql(
        "SELECT length(json_agg(json_build_object('schema', nspname, 'name', relname))::text)
         FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relispartition",
    );
    assert!(names.parse::<usize>().unwrap() > 128 * 1024, "{names}");
    let sealed = test.sealed(&test.backup(&["public.p"]).run());
    let target = Target::new();
    restore(&test, &sealed.path, &target).run().exits(0);
    let rows = "SELECT count(DISTINCT tableoid), sum(a) FROM p";
    assert_eq!(test.sql(rows), target.sql(rows));
}

/// What a database sets for its sessions changes neither the dump nor how names are compared.
#[test]
fn settings_of_the_database() {
    let test = Test::of(
        r#"CREATE TABLE a (x text DEFAULT E'\\', "order" int); INSERT INTO a VALUES ('it''s \', 1)"#,
    );
    let set = |db: &str, setting: &str| {
        let sql = format!("ALTER DATABASE {db} RESET ALL; ALTER DATABASE {db} SET {setting}");
        cluster().sql("postgres", &sql);
    };
    let quotes = "quote_all_identifiers = on";
    let strings = "standard_conforming_strings = off";
    each(
        [(quotes, strings), (strings, quotes)],
        |(source, target)| {
            set(&test.db, source);
            let sealed = test.sealed(&test.backup(&["public.a"]).run());
            prove(&test, &sealed.path).run().exits(0);
            let place = Target::new();
            set(&place.db, target);
            restore(&test, &sealed.path, &place).run().exits(0);
            let rows = "BEGIN; INSERT INTO a DEFAULT VALUES; TABLE a; ROLLBACK";
            assert_eq!(test.sql(rows), place.sql(rows));
        },
    );
}

/// It hangs on two tables that were named, and is one relation.
#[test]
fn a_child_of_two_tables() {
    let test = Test::of(
        "CREATE TABLE i1 (a int); CREATE TABLE i2 (b int); CREATE TABLE i3 () INHERITS (i1, i2);
         CREATE TABLE i4 () INHERITS (i3); INSERT INTO i1 VALUES (1); INSERT INTO i3 VALUES (2, 3), (4, 5)",
    );
    let tables = ["public.i2", "public.i1"];
    let sealed = test.sealed(&test.backup(&tables).run());
    assert_eq!(
        sealed.rows(),
        ["public.i2=0", "public.i3=2", "public.i4=0", "public.i1=1"]
    );
    assert_eq!(sealed.manifest["tables"][1]["target"], "public.i2");
    test.pgseal("verify").arg(&sealed.run_id).run().exits(0);
    round_trip(&test, &tables, &[], "");
    test.backup(&["public.i1", "public.i2", "public.i3"])
        .run()
        .fails(3, &["`public.i3` is named twice"]);
}
