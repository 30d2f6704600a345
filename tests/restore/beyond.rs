//! Policies, rules and defaults that lead beyond the backup, or back into it by way of something else.

use super::forge::{Target, prove, restore};
use crate::support::{Cases, Sealed, Test, cluster, tool};
use std::process::Command;

const SCHEMA: &str = "
CREATE TABLE members (id int PRIMARY KEY, who name); CREATE SCHEMA far; CREATE TABLE far.\"T t\" (id int);
CREATE VIEW seen AS SELECT * FROM members; CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM members;
CREATE TABLE docs (id int PRIMARY KEY, who name); INSERT INTO docs VALUES (1, 'a'), (2, 'b');
CREATE VIEW mine AS SELECT docs.* FROM docs LEFT JOIN members USING (id);
CREATE FUNCTION may(docs) RETURNS bool LANGUAGE sql STABLE
  BEGIN ATOMIC SELECT EXISTS (SELECT FROM members m WHERE m.id = $1.id); END;
CREATE FUNCTION has(int) RETURNS bool LANGUAGE sql STABLE
  BEGIN ATOMIC SELECT EXISTS (SELECT FROM members m WHERE m.id = $1); END;
CREATE VIEW far.older AS SELECT * FROM mine;
";

fn policed(policies: &str) -> Test {
    Test::of(&format!(
        "{SCHEMA} {policies}; ALTER TABLE docs ENABLE ROW LEVEL SECURITY"
    ))
}

#[track_caller]
fn is_refused(test: &Test, sealed: &Sealed, words: &[&str]) {
    let target = Target::new();
    restore(test, &sealed.path, &target).run().fails(3, words);
    target.is_empty();
}

/// Whole, each with what is said of it; the table is there with all rows, and denies.
#[test]
fn what_leads_beyond_is_left_out_whole() {
    const LEFT_OUT: [(&str, &str); 13] = [
        (
            "POLICY {} ON docs USING (id IN (SELECT id FROM members))",
            "table public.members",
        ),
        (
            "POLICY {} ON docs USING (id IN (SELECT id FROM far.\"T t\"))",
            "table far.\"T t\"",
        ),
        (
            "POLICY {} ON docs USING (id IN (SELECT id FROM seen))",
            "view public.seen",
        ),
        (
            "POLICY {} ON docs USING (id < (SELECT count FROM counted))",
            "materialized view public.counted",
        ),
        (
            "POLICY {} ON docs USING (id IN (SELECT id FROM mine))",
            "view public.mine",
        ),
        (
            "POLICY {} ON docs USING (id IN (SELECT id FROM far.older))",
            "view far.older",
        ),
        (
            "POLICY {} ON docs FOR INSERT WITH CHECK (may(docs))",
            "function public.may(public.docs)",
        ),
        (
            "POLICY {} ON docs USING (has(id))",
            "function public.has(integer)",
        ),
        (
            "POLICY {} ON docs USING ((SELECT m FROM members m LIMIT 1) IS NOT NULL)",
            "table public.members",
        ),
        (
            "RULE {} AS ON INSERT TO docs DO ALSO INSERT INTO members VALUES (new.id)",
            "table public.members",
        ),
        (
            "RULE {} AS ON DELETE TO docs DO INSTEAD SELECT * FROM mine",
            "view public.mine",
        ),
        (
            "RULE {} AS ON UPDATE TO docs WHERE may(old) DO NOTHING",
            "function public.may(public.docs)",
        ),
        (
            "TRIGGER {} BEFORE UPDATE ON docs FOR EACH ROW WHEN (has(new.id)) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "function public.has(integer)",
        ),
    ];
    let named = |what: &str, at: usize| what.replacen("{}", &format!("p{at}"), 1);
    let created = |(at, (what, _)): (usize, &(&str, &str))| {
        let (kind, _) = what.split_once(' ').unwrap();
        let what = named(what, at);
        format!("CREATE {what}; COMMENT ON {kind} p{at} ON docs IS 'said';")
    };
    let test = policed(&LEFT_OUT.iter().enumerate().map(created).collect::<String>());
    let sealed = test.sealed(&test.backup(&["public.docs"]).run());
    is_refused(&test, &sealed, &["the target has no", "or leave out"]);
    let target = Target::new();
    let run = restore(&test, &sealed.path, &target).arg("--skip-external");
    let ran = run.run().exits(0);
    let proved = prove(&test, &sealed.path).run().exits(0);
    let mut cases = Cases::new();
    for (at, (what, needs)) in LEFT_OUT.iter().enumerate() {
        cases.check(what, || {
            let (kind, _) = what.split_once(' ').unwrap();
            let left_out = format!("needs {needs}: CREATE {kind} p{at} ");
            let about = format!("needs {needs}: COMMENT ON {kind} p{at} ON public.docs");
            for ran in [&ran, &proved] {
                assert!(ran.stdout.contains(&left_out), "{left_out}");
                assert!(ran.stdout.contains(&about), "{about}");
            }
        });
    }
    let all =
        "SELECT count(*), bool_and(relrowsecurity) FROM docs, pg_class WHERE relname = 'docs'";
    assert_eq!(target.sql(all), "2|t");
    let none = "SELECT (SELECT count(*) FROM pg_policy), (SELECT count(*) FROM pg_rewrite WHERE ev_class = 'docs'::regclass), (SELECT count(*) FROM pg_trigger)";
    assert_eq!(target.sql(none), "0|0|0");
}

#[test]
fn a_hint_names_what_helps() {
    let test = policed("CREATE POLICY p ON docs USING (id IN (SELECT id FROM far.\"T t\"))");
    let sealed = test.sealed(&test.backup(&["public.docs"]).run());
    let command = "pg_dump --schema-only --table='\"far\".\"T t\"'";
    is_refused(
        &test,
        &sealed,
        &["bring the table far.\"T t\" first", command],
    );
    // It does.
    let target = Target::new();
    target.sql("CREATE SCHEMA far");
    let pipe = format!("{command} {} | psql -qX {}", test.db, target.db);
    let mut shell = Command::new("bash");
    shell.args(["-c", &pipe]).env("PGHOST", &cluster().dir);
    tool(shell.env("PGUSER", "postgres"), b"");
    restore(&test, &sealed.path, &target).run().exits(0);
    assert_eq!(target.sql("SELECT count(*) FROM pg_policy"), "1");
}

/// What the tables need, and what needs them: neither can be there before the other.
#[test]
fn a_circle_is_told_as_one() {
    let test = policed("CREATE POLICY p ON docs USING (id IN (SELECT id FROM mine))");
    let ran = test.backup(&["public.docs"]).run();
    let told = "a restore will need: view public.mine; it cannot bring back: \
                function public.may(public.docs), policy p on public.docs\n";
    let sealed = test.sealed(&ran.says(&[told]));
    let hint = "the view public.mine itself needs these tables: create it behind them and before the policy p on public.docs";
    is_refused(&test, &sealed, &[hint, "or leave out"]);
    let known = "[scope]\nrequire_restorable = true\nknown_external = [\"view public.mine\", \"function public.may(public.docs)\"]\n";
    let backup = |config: &str| {
        let file = test.write("pgseal.toml", config);
        test.backup(&["public.docs"])
            .arg("--config")
            .arg(file)
            .run()
    };
    backup(known)
        .exits(0)
        .says(&["2 external references are known"]);
    // All that is told, as the hint of a refusal spells it.
    let all = known.replace("\"]\n", "\", \"policy p on public.docs\"]\n");
    backup(&all)
        .exits(0)
        .says(&["3 external references are known"]);
    let view = "[scope]\nrequire_restorable = true\nknown_external = [\"view public.mine\"]\n";
    let told = "come back: a restore cannot bring back: function public.may(public.docs)\n";
    backup(view).fails(3, &[told]);
}

/// Without a late file: what cannot be left out is created by hand, as the hint says.
#[test]
fn a_default_that_reads_its_own_table() {
    let function = "CREATE FUNCTION n_t() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;";
    let test = Test::of(&format!(
        "CREATE TABLE t (id int); {function} ALTER TABLE t ADD n bigint DEFAULT n_t(); INSERT INTO t VALUES (7)"
    ));
    let ran = test.backup(&["public.t"]).arg("--no-prelude").run();
    let told = "a restore will need: function public.n_t(); it cannot bring back: default value for public.t.n\n";
    let sealed = test.sealed(&ran.says(&[told]));
    let hint = "create it behind them and before the default value for public.t.n, by hand";
    let target = Target::new();
    for more in [&[][..], &["--skip-external"]] {
        let run = restore(&test, &sealed.path, &target).args(more.iter().copied());
        let ran = run.run().fails(3, &[hint]);
        assert!(!ran.stderr.contains("or leave out"), "{}", ran.stderr);
    }
    target.is_empty();
    let before = "ALTER TABLE ONLY public.t ALTER COLUMN n SET DEFAULT";
    let whole = format!("SET search_path = public; {function} SET search_path = '';\n{before}");
    assert_eq!(sealed.sql.matches(before).count(), 1);
    target.sql(&sealed.sql.replace(before, &whole));
    assert_eq!(target.sql("TABLE t"), test.sql("TABLE t"));
}

/// LIKE copies the default of a serial column, not its sequence.
#[test]
fn a_sequence_that_another_table_owns_comes_along() {
    let test = Test::of(
        "CREATE SCHEMA app; CREATE SCHEMA \"ar ch\";
         CREATE TABLE app.a (id serial PRIMARY KEY, i int GENERATED ALWAYS AS IDENTITY, x text);
         CREATE TABLE \"ar ch\".b (LIKE app.a INCLUDING ALL);
         INSERT INTO app.a (x) VALUES ('one'), ('two'); INSERT INTO \"ar ch\".b (x) VALUES ('three')",
    );
    let run = test.backup(&["\"ar ch\".b"]).arg("--require-restorable");
    let sealed = test.sealed(&run.run());
    assert!(
        !sealed.manifest["external_references"]
            .to_string()
            .contains("app.a\"")
    );
    let target = Target::new();
    restore(&test, &sealed.path, &target).run().exits(0);
    let next = "INSERT INTO \"ar ch\".b (x) VALUES ('four'); SELECT string_agg(b::text, ' ' ORDER BY id) FROM \"ar ch\".b b";
    assert_eq!(target.sql(next), "(3,1,three) (4,2,four)");
    prove(&test, &sealed.path).run().exits(0);
    // With both tables it is its owner's again.
    let sealed = test.sealed(&test.backup(&["\"ar ch\".b", "app.a"]).run());
    let target = Target::new();
    restore(&test, &sealed.path, &target).run().exits(0);
    let owner = "SELECT pg_get_serial_sequence('app.a', 'id')";
    assert_eq!(target.sql(owner), "app.a_id_seq");
}
