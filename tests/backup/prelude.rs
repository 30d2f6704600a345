//! Prelude and artifact into an empty database: what comes back, and what is said not to.

use crate::support::{Cases, Sealed, Test, cluster, decrypt, each, tool};
use serde_json::Value;
use std::process::Command;

/// Nothing in it depends on anything beyond it but roles and an extension.
const SCHEMA: &str = r#"
CREATE SCHEMA app; CREATE SCHEMA types; CREATE SCHEMA ext; CREATE SCHEMA "Sch.""e
ma é"; CREATE SCHEMA unused;
COMMENT ON SCHEMA app IS 'the app''s
schema; \connect nowhere';
CREATE EXTENSION btree_gist WITH SCHEMA ext;
CREATE TYPE types.state AS ENUM ('a', 'b''x', 'c;
d', '$pgseal$', '$q$');
CREATE TYPE types."State" AS ENUM ('A');
COMMENT ON TYPE types."State" IS 'quoted';
CREATE TYPE types.unneeded AS ENUM ('x');
CREATE TYPE types.inner_c AS (st types.state, "co l" numeric(10,2));
CREATE TYPE types.outer_c AS (i types.inner_c, arr types.inner_c[], n int);
COMMENT ON COLUMN types.outer_c.n IS 'column comment';
CREATE FUNCTION types.is_pos(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
GRANT EXECUTE ON FUNCTION types.is_pos(int) TO pg_monitor;
REVOKE EXECUTE ON FUNCTION types.is_pos(int) FROM PUBLIC;
CREATE FUNCTION types.twice(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
  BEGIN ATOMIC SELECT CASE WHEN n IS NULL THEN 0 ELSE n * 2 END; END;
CREATE DOMAIN types.pos AS int CONSTRAINT "is pos" CHECK (types.is_pos(VALUE));
CREATE DOMAIN types.word AS text;
ALTER DOMAIN types.word ADD CONSTRAINT nv CHECK (length(VALUE) <> 77) NOT VALID;
COMMENT ON CONSTRAINT nv ON DOMAIN types.word IS 'domain constraint comment';
CREATE FUNCTION types.fdiff(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE TYPE types.frange AS RANGE (subtype = float8, subtype_diff = types.fdiff);
CREATE COLLATION types."C copy" FROM "C";
CREATE TEXT SEARCH CONFIGURATION types.conf (COPY = simple);
CREATE SEQUENCE app.free START 100;
CREATE SEQUENCE "Sch.""e
ma é"."Free ""S" AS smallint MAXVALUE 999;
CREATE FUNCTION "Sch.""e
ma é"."F'u$$n
c;"("a rg" text DEFAULT E'x\\y''') RETURNS text LANGUAGE plpgsql IMMUTABLE AS $pgseal$
BEGIN -- ; 'quote " $$ \. /*
  RETURN $q$;
--
-- TOC entry 1 (class 2615 OID 1)
-- Name: x; Type: SCHEMA; Schema: -; Owner: y
--
$q$ || "a rg";
END $pgseal$;
CREATE FUNCTION app.log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO elsewhere.audit VALUES (1); RETURN NEW; END $$;
CREATE FUNCTION app.may_see(types.state) RETURNS bool LANGUAGE sql STABLE AS 'SELECT true';
CREATE TABLE app.unit (
  id serial PRIMARY KEY,
  ident int GENERATED ALWAYS AS IDENTITY,
  free bigint DEFAULT nextval('app.free') NOT NULL,
  free2 smallint DEFAULT nextval('"Sch.""e
ma é"."Free ""S"'),
  st types.state DEFAULT 'c;
d', sts types.state[] DEFAULT '{a}', st2 types."State" DEFAULT 'A',
  comp types.outer_c, comps types.outer_c[],
  p types.pos DEFAULT 1, w types.word, fr types.frange,
  t text COLLATE types."C copy" DEFAULT "Sch.""e
ma é"."F'u$$n
c;"('q'),
  ts tsvector GENERATED ALWAYS AS (to_tsvector('types.conf'::regconfig, 'x y')) STORED,
  g numeric GENERATED ALWAYS AS (types.twice(4)) STORED,
  during int4range DEFAULT '[1,3)',
  CONSTRAINT ch CHECK (types.is_pos(p)),
  CONSTRAINT ex EXCLUDE USING gist (ident WITH =, during WITH &&)
);
CREATE INDEX ON app.unit (types.twice(ident::numeric)) WHERE types.is_pos(p);
CREATE TRIGGER log BEFORE UPDATE ON app.unit FOR EACH ROW EXECUTE FUNCTION app.log();
ALTER TABLE app.unit ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON app.unit FOR SELECT TO pg_monitor USING (app.may_see(st));
CREATE TABLE app.ev (k types.state, at date) PARTITION BY RANGE (at);
CREATE SCHEMA parts;
CREATE TABLE parts.ev_1 PARTITION OF app.ev FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE app.base (st types.state); CREATE TABLE app.child (x int) INHERITS (app.base);
CREATE TABLE "Sch.""e
ma é"."Ta;b'le ""x"".y" ("Co l
umn" types.state DEFAULT 'a', "é%s{}" int CHECK (types.is_pos("é%s{}")));
INSERT INTO app.unit (comp, comps, w, fr)
  VALUES (ROW(ROW('a', 1.5), ARRAY[ROW('b''x', 2)::types.inner_c], 3), '{}', 'w', '[1,2.5)');
INSERT INTO app.unit DEFAULT VALUES;
INSERT INTO app.ev VALUES ('a', '2020-05-05'); INSERT INTO app.child VALUES ('a', 1);
INSERT INTO "Sch.""e
ma é"."Ta;b'le ""x"".y" VALUES ('$q$', 1);
"#;

const TABLES: [&str; 4] = [
    "app.unit",
    "app.ev",
    "app.base",
    "\"Sch.\"\"e\nma é\".\"Ta;b'le \"\"x\"\".y\"",
];

pub fn prelude(sealed: &Sealed) -> String {
    let said = &sealed.manifest["prelude"];
    assert_eq!(said["file"], format!("{}.prelude.sql.gpg", sealed.run_id));
    let path = sealed.path.with_file_name(said["file"].as_str().unwrap());
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(said["sha256"], crate::support::sha256(&bytes));
    assert_eq!(said["size_bytes"], bytes.len());
    String::from_utf8(decrypt(&path)).unwrap()
}

fn restore(db: &str, sql: &str) {
    let mut psql = cluster().psql(db);
    let psql = psql.args(["--single-transaction", "-o", "/dev/null", "-f", "-"]);
    tool(psql, sql.as_bytes());
}

/// What pg_dump writes of the artifact's relations, or of the whole schema.
fn dumped(db: &str, argv: &[&str]) -> String {
    let mut dump = Command::new(crate::support::bin().join("pg_dump"));
    dump.env_clear().env("PGHOST", &cluster().dir);
    dump.args(["--username=postgres", "--dbname", db])
        .args(argv);
    let text = String::from_utf8(tool(&mut dump, b"")).unwrap();
    let lines = text.lines().filter(|line| !line.contains("restrict "));
    lines.collect::<Vec<_>>().join("\n")
}

fn comes_back(test: &Test, sealed: &Sealed) {
    let prelude = prelude(sealed);
    let empty = cluster().create("template0", "");
    restore(&empty, &prelude);
    restore(&empty, &sealed.sql);
    let argv = sealed.manifest["tools"]["pg_dump"]["argv"].as_array();
    let argv = argv.unwrap().iter().map(|word| word.as_str().unwrap());
    let tables: Vec<&str> = argv.filter(|word| word.starts_with("--table=")).collect();
    assert_eq!(dumped(&empty, &tables), dumped(&test.db, &tables));
    // Where all is there already, nothing fails and nothing changes.
    let before = dumped(&test.db, &["--schema-only"]);
    restore(&test.db, &prelude);
    assert_eq!(dumped(&test.db, &["--schema-only"]), before);
    cluster().sql("postgres", &format!("DROP DATABASE {empty}"));
}

#[test]
fn the_nine_tables_come_back_into_an_empty_database() {
    let test = Test::cutter();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cutter/pgseal.toml");
    let tables = std::fs::read_to_string(config).unwrap();
    let tables = tables
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"'));
    let tables: Vec<&str> = tables.map(|line| line.trim_end_matches("\",")).collect();
    assert_eq!(tables.len(), 9);
    let sealed = test.sealed(&test.backup(&tables).run());
    comes_back(&test, &sealed);
}

#[test]
fn hostile_schemas_come_back_with_every_compression() {
    let test = Test::of(SCHEMA);
    each(["deflate", "zstd", "gpg", "none"], |method| {
        let ran = test.backup(&TABLES).arg("--compress").arg(method).run();
        let sealed = test.sealed(&ran);
        comes_back(&test, &sealed);
        let prelude = prelude(&sealed);
        each(["types.unneeded", "SCHEMA unused"], |unneeded| {
            assert!(!prelude.contains(unneeded), "{unneeded}");
        });
        let sequences = sealed.manifest["tables"].as_array().unwrap();
        let sequences = sequences.iter().filter(|table| table["kind"] == "sequence");
        let told: Vec<_> = sequences
            .map(|s| (&s["name"], &s["target"], &s["rows"]))
            .collect();
        let (free, unit) = (Value::from("free"), Value::from("app.unit"));
        let (other, none) = (Value::from("Free \"S"), Value::from(0));
        assert_eq!(told, [(&other, &unit, &none), (&free, &unit, &none)]);
    });
}

#[test]
fn what_exists_is_left_as_it_is() {
    let test = Test::of(SCHEMA);
    let sealed = test.sealed(&test.backup(&TABLES).run());
    let db = cluster().create("template0", "");
    cluster().sql(
        &db,
        "CREATE SCHEMA app; COMMENT ON SCHEMA app IS 'mine'; CREATE SCHEMA types;
         CREATE DOMAIN types.word AS text; CREATE TYPE types.state AS ENUM ('mine');",
    );
    restore(&db, &prelude(&sealed));
    let told = cluster().sql(
        &db,
        "SELECT obj_description('app'::regnamespace), enum_range(NULL::types.state),
           (SELECT count(*) FROM pg_constraint WHERE contypid = 'types.word'::regtype)",
    );
    assert_eq!(told, "mine|{mine}|0");
    cluster().sql("postgres", &format!("DROP DATABASE {db}"));
}

const BEYOND: &str = "
CREATE TABLE customer (id int PRIMARY KEY); CREATE TYPE mood AS ENUM ('x');
CREATE TABLE t (id int PRIMARY KEY, c int CONSTRAINT fk REFERENCES customer, lob oid, m mood);
CREATE FUNCTION n_t() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;
ALTER TABLE t ADD n bigint DEFAULT n_t();
CREATE EXTENSION btree_gist; CREATE INDEX ix ON t USING gist (c);
CREATE VIEW v AS SELECT * FROM t; CREATE STATISTICS st ON id, c FROM t;
CREATE SEQUENCE of_customer OWNED BY customer.id; ALTER TABLE t ADD s int DEFAULT nextval('of_customer');
SELECT lo_create(0);
";

#[test]
fn what_does_not_come_along_is_said() {
    let test = Test::of(BEYOND);
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    let told = |sealed: &Sealed| {
        let references = sealed.manifest["external_references"].as_array().unwrap();
        let word = |r: &Value, key: &str| r[key].as_str().unwrap().to_string();
        let told = references.iter().map(|r| {
            let (kind, name) = (word(r, "kind"), word(r, "name"));
            format!("{kind} {name}: {}", word(r, "needed_by"))
        });
        told.collect::<Vec<String>>()
    };
    let with = told(&sealed);
    assert_eq!(
        with,
        [
            "dependent_view public.v: table public.t",
            "extension btree_gist: index public.ix",
            "foreign_key public.customer: table constraint fk on public.t",
            "large_object public.t.lob: table public.t",
            "role postgres: owner of function public.n_t()",
            "role postgres: owner of sequence public.of_customer",
            "role postgres: owner of table public.t",
            "role postgres: owner of type public.mood",
        ]
    );
    assert!(!prelude(&sealed).contains("n_t"));

    let config = test.write("pgseal.toml", "[scope]\nprelude = false\n");
    each(
        [
            vec!["--no-prelude".to_string()],
            vec!["--config".into(), config.display().to_string()],
        ],
        |argv| {
            let sealed = test.sealed(&test.backup(&["public.t"]).args(argv).run());
            assert_eq!(sealed.manifest["prelude"], Value::Null);
            let file = format!("{}.prelude.sql.gpg", sealed.run_id);
            assert!(!sealed.path.with_file_name(file).exists());
            assert_eq!(sealed.manifest["late"], Value::Null);
            let mut without = told(&sealed);
            without.retain(|told| !with.contains(told));
            assert_eq!(
                without,
                [
                    "dependent_function public.n_t(): table public.t",
                    "function public.n_t(): default value for public.t.n",
                    "statistics public.st: table public.t",
                    "type public.mood: table public.t",
                ]
            );
        },
    );
}

#[test]
fn a_role_without_privileges_elsewhere_gets_the_same_prelude() {
    let test = Test::of(&format!(
        "{SCHEMA} CREATE ROLE prelude_low LOGIN; GRANT USAGE ON SCHEMA app TO prelude_low;
         GRANT SELECT ON app.base, app.child TO prelude_low;"
    ));
    let ours = prelude(&test.sealed(&test.backup(&["app.base"]).run()));
    let ran = test
        .backup(&["app.base"])
        .env("PGUSER", "prelude_low")
        .run();
    let sealed = test.sealed(&ran);
    assert_eq!(prelude(&sealed), ours);
    test.sql("DROP OWNED BY prelude_low; DROP ROLE prelude_low;");
}

#[test]
fn a_prelude_that_fails_leaves_nothing_and_stops_the_dump() {
    let test = Test::of("CREATE TYPE mood AS ENUM ('x'); CREATE TABLE t (a mood)");
    let mut cases = Cases::new();
    for (script, said) in [
        ("exit 3", "pg_dump ended with status 3"),
        (
            "$real \"$@\" | head -c 500",
            "no prelude can be made of the schema's dump",
        ),
    ] {
        cases.check(script, || {
            test.shim("pg_dump", "*--no-publications*", script);
            test.backup(&["public.t"])
                .run()
                .fails(4, &["cannot back up `public.t`", said, "prelude: "]);
            assert!(crate::support::names(&test.store()).is_empty());
        });
    }
    // The main dump would take a minute; the prelude's failure ends it.
    test.shim(
        "pg_dump",
        "*table=*",
        "case \"$*\" in *--no-publications*) exit 3 ;; *) exec sleep 55 ;; esac",
    );
    let since = std::time::Instant::now();
    test.backup(&["public.t"])
        .run()
        .fails(4, &["pg_dump ended with status 3"]);
    assert!(since.elapsed().as_secs() < 30);
    assert!(crate::support::names(&test.store()).is_empty());
}

/// What could never be restored is not sealed.
#[test]
fn a_prelude_that_is_too_large_is_refused() {
    let test = Test::of(
        "CREATE TABLE a (x int);
         DO $$ BEGIN EXECUTE format('CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS %L',
           'BEGIN RETURN NEW; -- ' || repeat('x', 17000000) || E'\\n' || 'END') ; END $$;
         CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
    );
    let ran = test.backup(&["public.a"]).run();
    ran.fails(4, &["more than 16777216 bytes", "--no-prelude"]);
    test.store_is_empty();
}

/// For each table of a schema that it dumps, pg_dump walks the list of those that it leaves out.
#[test]
fn only_the_schemas_that_hold_what_is_needed_are_dumped() {
    let test = Test::of(
        "CREATE SCHEMA types; CREATE SCHEMA \"Ten.ant\"; CREATE EXTENSION citext SCHEMA \"Ten.ant\";
         CREATE TYPE types.mood AS ENUM ('x'); CREATE TABLE \"Ten.ant\".t (a int);
         CREATE TABLE a (m types.mood); CREATE TABLE b (c \"Ten.ant\".citext); CREATE TABLE c (x int);
         CREATE FUNCTION types.of(types.mood) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
         CREATE CAST (types.mood AS int) WITH FUNCTION types.of;
         CREATE TABLE d (m types.mood CHECK (m::int = 1))",
    );
    let log = test.path("argv");
    let script = format!("echo \"$*\" >>'{}'; exec $real \"$@\"", log.display());
    test.shim("pg_dump", "*--no-publications*", &script);
    each(
        [
            (
                vec!["public.a"],
                "--schema=\"types\" --exclude-table=\"types\".*",
            ),
            (
                vec!["public.a", "public.b"],
                "--schema=\"Ten.ant\" --exclude-table=\"Ten.ant\".* --schema=\"types\" \
                 --exclude-table=\"types\".* --extension=\"citext\"",
            ),
            (vec!["public.d"], "--exclude-table=*.*"),
            (vec!["public.c"], ""),
        ],
        |(tables, extent)| {
            let sealed = test.sealed(&test.backup(&tables).run());
            comes_back(&test, &sealed);
            let ran = std::fs::read_to_string(&log).unwrap_or_default();
            let _ = std::fs::remove_file(&log);
            assert_eq!(
                ran.lines().count(),
                usize::from(!extent.is_empty()),
                "{ran}"
            );
            let words = format!("--verbose {extent}\n");
            assert!(extent.is_empty() || ran.ends_with(&words), "{words}{ran}");
        },
    );
}
