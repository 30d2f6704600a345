//! What a restore into an empty database would miss: told with the backup, refused where that is asked
//! for, counted where it is known.

use crate::readiness::Host;
use crate::support::{Cases, Pgseal, Test};
use serde_json::Value;

/// `t` needs a table and a function that is beyond it, a view and a constraint rest on it.
const BEYOND: &str = "
CREATE TABLE customer (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, c int CONSTRAINT fk REFERENCES customer);
CREATE FUNCTION n_t() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM customer; END;
ALTER TABLE t ADD n bigint DEFAULT n_t();
CREATE VIEW \"V w\" AS SELECT * FROM t; CREATE TABLE child (t int CONSTRAINT to_t REFERENCES t);
CREATE TABLE alone (id int PRIMARY KEY); CREATE EXTENSION btree_gist; CREATE INDEX ON t USING gist (id);
";

/// As they are told, and as they are acknowledged.
const MISSED: [&str; 4] = [
    "function public.n_t()",
    "table public.customer",
    "table constraint to_t on public.child",
    "view public.\"V w\"",
];

/// Of a refusal, and of a backup that says so.
fn told() -> String {
    format!(
        "a restore will need: {}, {}; it cannot bring back: {}, {}",
        MISSED[0], MISSED[1], MISSED[2], MISSED[3]
    )
}

fn scope(required: bool, known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("{name:?}")).collect();
    let known = known.join(", ");
    format!("[scope]\nrequire_restorable = {required}\nknown_external = [{known}]\n")
}

fn kinds(manifest: &Value) -> Vec<&str> {
    let references = manifest["external_references"].as_array().unwrap();
    let kinds = references.iter().map(|r| r["kind"].as_str().unwrap());
    kinds.collect()
}

#[test]
fn a_backup_says_what_a_restore_would_miss() {
    let test = Test::of(BEYOND);
    let host = "a restore needs of its cluster or host: 1 extension, 1 role";
    let ran = test.backup(&["public.t"]).run().says(&[&told(), host]);
    let sealed = test.sealed(&ran);
    assert_eq!(
        kinds(&sealed.manifest),
        [
            "dependent_table_constraint",
            "dependent_view",
            "extension",
            "foreign_key",
            "function",
            "role",
            "table"
        ]
    );
    let lines = |stderr: &str| stderr.lines().filter(|l| l.contains("a restore")).count();
    assert_eq!(lines(&ran.stderr), 2, "{}", ran.stderr);
    let dry = test.backup(&["public.t"]).arg("--dry-run");
    dry.run().exits(0).says(&[&told(), host]);
    let guard = test.pgseal("guard").table("public.t").args(["--", "true"]);
    let ran = guard.run().exits(0).says(&[&told(), host]);
    ran.check(
        ran.stderr.contains("what was sealed\nCOMMAND wrote no row"),
        "in this order",
    );

    let ran = test.backup(&["public.alone"]).run().exits(0);
    assert_eq!(lines(&ran.stderr), 0, "{}", ran.stderr);
}

#[test]
fn a_long_list_is_cut_and_whole_in_the_manifest() {
    let test = Test::of(
        "CREATE TABLE t (id int);
         DO $$ BEGIN FOR n IN 1..9 LOOP
           EXECUTE format('CREATE VIEW v%s AS SELECT * FROM t', n);
         END LOOP; END $$",
    );
    let ran = test.backup(&["public.t"]).run();
    let sealed = test.sealed(&ran);
    assert_eq!(kinds(&sealed.manifest).len(), 10);
    ran.says(&["view public.v5 and 4 more (external_references in the manifest lists all)\n"]);
    let required = test.backup(&["public.t"]).arg("--require-restorable");
    required
        .run()
        .fails(3, &["view public.v5 and 4 more", "pgseal readiness"]);
}

#[test]
fn what_would_not_come_back_is_refused_before_the_dump() {
    let test = Test::of(BEYOND);
    test.shim("pg_dump", "*--table=*", "touch dumped; exit 9");
    let file = test.write("pgseal.toml", &scope(true, &[]));
    let config = format!("--config={}", file.display());
    let witness = test.path("witness").display().to_string();
    let verbs: [(&str, &[&str], i32); 4] = [
        ("backup", &[], 3),
        ("backup", &["--dry-run"], 3),
        ("prove-backup", &[], 3),
        ("guard", &["--", "touch", &witness], 125),
    ];
    let mut cases = Cases::new();
    for setting in ["--require-restorable", &config] {
        for (verb, rest, code) in verbs {
            cases.check((setting, verb, rest), || {
                let run = test.pgseal(verb).args([setting, "--table=public.t"]);
                let ran = run.args(rest).run();
                let known = MISSED.map(|name| serde_json::json!(name).to_string());
                let hint = format!("[scope] known_external = [{}]\n", known.join(", "));
                ran.fails(code, &["not all would come back", &told(), &hint]);
                test.store_is_empty();
                assert!(!test.path("witness").exists() && !test.path("dumped").exists());
            });
        }
    }
    let json = |run: Pgseal<'_>| run.args(["--json", "--require-restorable"]).run();
    let ran = json(test.backup(&["public.t"])).exits(3);
    let last: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "not_restorable");
}

#[test]
fn what_is_whole_is_not_refused() {
    let test = Test::of(BEYOND);
    let run = test.backup(&["public.alone"]).arg("--require-restorable");
    test.sealed(&run.run());
    // Nobody may think that a body of text was looked into.
    test.sql(
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
         CREATE TRIGGER stamp BEFORE INSERT ON alone FOR EACH ROW EXECUTE FUNCTION stamp()",
    );
    let run = test.backup(&["public.alone"]).arg("--require-restorable");
    let partly = "only partly known: what the text of a function's body names is found by that text alone: public.stamp()";
    let ran = run.run().exits(0).says(&[partly]);
    test.sealed(&ran);
    // Without its prelude it does not come back by itself.
    let run = test.backup(&["public.alone"]);
    run.args(["--require-restorable", "--no-prelude"])
        .run()
        .fails(3, &["a restore will need: function public.stamp()"]);
}

#[test]
fn what_is_known_is_counted() {
    let test = Test::of(BEYOND);
    let file = test.write("pgseal.toml", &scope(true, &MISSED));
    let run = test.backup(&["public.t"]).arg("--config").arg(&file);
    let ran = run
        .run()
        .says(&["4 external references are known, and not repeated"]);
    let sealed = test.sealed(&ran);
    assert_eq!(kinds(&sealed.manifest).len(), 7);
    assert!(!ran.stderr.contains("customer"), "{}", ran.stderr);

    // One that is new is refused, and told alone.
    test.sql("CREATE VIEW later AS SELECT * FROM t");
    let run = test.backup(&["public.t"]).arg("--config").arg(&file);
    let alone = "come back: a restore cannot bring back: view public.later\n";
    run.run().fails(3, &[alone]);
    // One that is gone does no harm.
    test.sql("DROP VIEW later; DROP VIEW \"V w\"");
    let run = test.backup(&["public.t"]).arg("--config").arg(&file);
    run.run()
        .exits(0)
        .says(&["3 external references are known"]);
}

#[test]
fn what_is_no_reference_is_no_setting() {
    let test = Test::of(BEYOND);
    let mut cases = Cases::new();
    for (known, said) in [
        (&["view"][..], "`view` is not a kind and a name"),
        (&["view "], "`view ` is not a kind and a name"),
        (&["view v", "view v"], "`view v` is named twice"),
    ] {
        cases.check(known, || {
            let file = test.write("pgseal.toml", &scope(false, known));
            let run = test.backup(&["public.t"]).arg("--config").arg(&file);
            run.run().fails(3, &["[scope] known_external", said]);
        });
    }
}

#[test]
fn readiness_says_what_backup_would() {
    let host = Host::ready();
    host.sql("CREATE VIEW public.units AS SELECT * FROM public.information_unit");
    let (from, known) = ("prelude = true", "known_external = [\"view public.units\"]");
    let file = std::fs::read_to_string(host.path("pgseal.toml")).unwrap();
    let with = |lines: &str| {
        let text = file.replace("[scope]\n", &format!("[scope]\n{lines}\n"));
        assert!(text.contains(lines), "{text}");
        host.write("pgseal.toml", &text);
        host.readiness()
    };
    let report = with(from);
    report.says(
        "restore_closure",
        "FAILED",
        &[
            "cannot bring back: view public.units (table public.information_unit)",
            known,
        ],
    );
    report.says("backup_runner", "READY", &[]);

    let report = with("require_restorable = true");
    report.says("restore_closure", "FAILED", &["stops every backup"]);
    report.says("backup_runner", "FAILED", &["not all would come back"]);
    assert_eq!(report.verdict(), "READY READY FAILED PARTIAL NONE PASS");

    let report = with(&format!("require_restorable = true\n{known}"));
    let beyond = "and 1 acknowledged external references";
    let words = [beyond, "acknowledged: view public.units"];
    report.says("restore_closure", "READY", &words);
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");

    host.sql("DROP VIEW public.units");
    let report = with(known);
    let stale = "known_external names view public.units, which no restore would miss";
    let words = [stale, "# Take out of known_external"];
    report.says("restore_closure", "READY", &words);
    assert_eq!(report.verdict(), "READY READY READY READY NONE PASS");

    let report = with("known_external = [\"units\"]");
    let words = ["`units` is not a kind and a name"];
    report.says("restore_closure", "FAILED", &words);
    report.says("backup_runner", "FAILED", &words);
}

/// What the prelude was to hold is known to be absent only behind the schema's dump.
#[test]
fn a_prelude_that_lacks_something_is_no_whole_backup() {
    let test = Test::of("CREATE TYPE mood AS ENUM ('x'); CREATE TABLE t (m mood)");
    let other = "$real \"$@\" | sed 's/(class 1247 OID/(class 9 OID/'";
    test.shim("pg_dump", "*--no-publications*", other);
    let need = "a restore will need: type public.mood\n";
    let run = test.backup(&["public.t"]).arg("--require-restorable");
    let ran = run.run();
    ran.fails(
        3,
        &[
            "cannot back up `public.t` (",
            "): not all would come back",
            need,
            "nothing was written",
        ],
    );
    test.store_is_empty();
    let sealed = test.sealed(&test.backup(&["public.t"]).run().says(&[need]));
    assert_eq!(kinds(&sealed.manifest), ["role", "role", "type"]);
}
