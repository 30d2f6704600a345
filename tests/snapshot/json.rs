//! Every JSON document, held against `docs/json.md`: what is printed is documented, with its type, and
//! what is documented is printed.

use super::store::SQL;
use crate::readiness::Host;
use crate::restore::forge::{Target, prove, restore_proved, secret};
use crate::signing::site::Site;
use crate::support::{Cases, Pgseal, Test};
use crate::undo::{apply, backup_kept, undo};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The types of the keys of each object, by the page's headings.
struct Page {
    objects: BTreeMap<String, BTreeMap<String, String>>,
    seen: BTreeSet<(String, String)>,
}

impl Page {
    fn read() -> Page {
        let text = include_str!("../../docs/json.md");
        let mut objects: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut heading = String::new();
        for line in text.lines() {
            if let Some((_, name)) = line.strip_prefix('#').and_then(|l| l.split_once(' ')) {
                heading = name.into();
            }
            if let Some(row) = line.strip_prefix("| `") {
                let mut cells = row.split(" | ");
                let key = cells.next().unwrap().trim_end_matches('`');
                let object = objects.entry(heading.clone()).or_default();
                let known = object.insert(key.into(), cells.next().unwrap().into());
                assert_eq!(known, None, "{heading}: {key} stands twice");
            }
        }
        Page {
            objects,
            seen: BTreeSet::new(),
        }
    }

    /// All that is wrong with a document.
    fn against(&mut self, heading: &str, value: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        self.object(heading, value, &mut wrong);
        wrong
    }

    fn object(&mut self, heading: &str, value: &Value, wrong: &mut Vec<String>) {
        let Some(keys) = self.objects.get(heading).cloned() else {
            return wrong.push(format!("there is no {heading}"));
        };
        let Value::Object(object) = value else {
            return wrong.push(format!("{heading} is {value}"));
        };
        for (key, value) in object {
            match keys.get(key) {
                None => wrong.push(format!("{heading}: {key} is not documented")),
                Some(kind) => {
                    self.seen.insert((heading.into(), key.clone()));
                    self.value(&format!("{heading}: {key}"), kind, value, wrong);
                }
            }
        }
    }

    fn value(&mut self, at: &str, kind: &str, value: &Value, wrong: &mut Vec<String>) {
        let (kind, nullable) = match kind.strip_suffix(" or null") {
            Some(kind) => (kind, true),
            None => (kind, false),
        };
        match (kind.strip_prefix("list of "), value) {
            (_, Value::Null) if nullable => {}
            (Some(kind), Value::Array(items)) => {
                for item in items {
                    self.value(at, kind, item, wrong);
                }
            }
            (None, value) => match (kind.strip_prefix('['), value) {
                (Some(link), value) => {
                    let (heading, _) = link.split_once(']').unwrap();
                    self.object(heading, value, wrong);
                }
                (None, Value::String(_)) if kind == "string" => {}
                (None, Value::Bool(_)) if kind == "boolean" => {}
                (None, Value::Number(n)) if kind == "integer" && !n.is_f64() => {}
                (None, Value::Number(_)) if kind == "number" => {}
                (None, value) => wrong.push(format!("{at} is {value}, and no {kind}")),
            },
            (Some(_), value) => wrong.push(format!("{at} is {value}, and no {kind}")),
        }
    }

    /// What is documented, and was in no document. The names of tables' columns are not keys.
    fn never_seen(&self) -> Vec<String> {
        let keys = |(heading, keys): (&String, &BTreeMap<String, String>)| {
            let heading = heading.clone();
            let keys: Vec<String> = keys.keys().cloned().collect();
            keys.into_iter().map(move |key| (heading.clone(), key))
        };
        let documented: BTreeSet<_> = self.objects.iter().flat_map(keys).collect();
        let unseen = documented.difference(&self.seen);
        unseen
            .map(|(heading, key)| format!("{heading}: {key}"))
            .collect()
    }
}

/// The last line of standard error.
fn error(run: Pgseal<'_>) -> Value {
    let ran = run.arg("--json").run();
    let line = ran.stderr.lines().last().unwrap();
    serde_json::from_str(line).unwrap()
}

fn json(run: Pgseal<'_>) -> Value {
    run.arg("--json").run().json()
}

/// An undo that is planned, one that is refused, and what is left of one that was applied.
fn undone(documents: &mut Vec<(&'static str, Value)>) {
    let test = Test::of(
        "CREATE TABLE a (id serial PRIMARY KEY, t text); INSERT INTO a (t) VALUES ('x'), ('y');
         CREATE TABLE beyond (a int REFERENCES a ON DELETE CASCADE);
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
         CREATE TRIGGER one AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION nothing()",
    );
    backup_kept(&test, &["public.a"]);
    test.sql("DELETE FROM a; INSERT INTO a VALUES (3, 'z'); INSERT INTO beyond VALUES (3); SELECT setval('a_id_seq', 1, false)");
    for undo in [
        undo(&test),
        undo(&test).arg("--allow-cascade"),
        apply(&test).arg("--allow-cascade"),
    ] {
        documents.push(("pgseal/undo/1", json(undo)));
    }
    let list = json(test.pgseal("list"));
    let runs = list["runs"].as_array().unwrap().iter();
    let mut runs = runs.filter(|run| run["before_undo_of"] == "run");
    let safety = runs.next().unwrap()["run_id"].as_str().unwrap();
    let manifest = std::fs::read(test.store().join(format!("{safety}.manifest.json"))).unwrap();
    documents.push((
        "pgseal/manifest/1",
        serde_json::from_slice(&manifest).unwrap(),
    ));
    documents.push(("pgseal/list/1", list));
}

#[test]
fn every_document_is_as_documented() {
    let mut documents: Vec<(&str, Value)> = Vec::new();
    let test = Test::of(&format!(
        "{SQL}; ALTER TYPE mood OWNER TO postgres; CREATE TYPE pair AS (x int, y int);
         CREATE TABLE c (p pair); INSERT INTO c VALUES ('(1,2)')"
    ));
    let tables = ["public.a", "public.b", "public.c"];
    let backup = |run_id: &str| test.backup(&tables).arg(format!("--run-id={run_id}"));
    documents.push(("dry run", backup("x").arg("--dry-run").run().json()));
    for run_id in ["r1", "r2", "r3", "r4"] {
        let sealed = test.sealed(&backup(run_id).run());
        documents.push(("envelope", sealed.manifest["envelope"].clone()));
        documents.push(("pgseal/manifest/1", sealed.manifest));
    }
    let verify = |run_id: &str| test.pgseal("verify").arg(run_id);
    documents.push(("pgseal/verify/1", json(verify("r1"))));
    let decrypt = verify("r1").arg("--decrypt");
    documents.push(("pgseal/verify/1", json(decrypt.env("GNUPGHOME", secret()))));
    let guard = test
        .pgseal("guard")
        .args(tables.map(|t| format!("--table={t}")));
    let guard = guard.args(["--run-id=g1", "--", "true"]).run().exits(0);
    guard.says(&["it verifies"]);
    let after = std::fs::read(test.store().join("g1.after.json")).unwrap();
    documents.push(("pgseal/after/1", serde_json::from_slice(&after).unwrap()));
    let diff = || test.pgseal("diff").arg("g1").env("GNUPGHOME", secret());
    test.sql(
        "BEGIN; INSERT INTO c VALUES ('(3,4)'); UPDATE a SET u = 1 WHERE u IS NULL;
         ALTER TABLE a ADD extra int; COMMIT",
    );
    documents.push(("pgseal/diff/1", json(diff())));
    documents.push(("pgseal/diff/1", json(diff().arg("--values"))));
    documents.push(("pgseal/diff-counts/1", json(diff().arg("--counts"))));
    let target = Target::new();
    let restore = || restore_proved(&test, "r1".as_ref(), &target).arg("--origin-unproved");
    documents.push(("error", error(restore())));
    let report = json(restore().arg("--skip-external"));
    documents.push(("pgseal/restore/1", report));
    documents.push(("pgseal/prove-restore/1", json(prove(&test, "r1"))));
    let proof = test
        .pgseal("prove-backup")
        .args(tables.map(|t| format!("--table={t}")));
    documents.push(("pgseal/prove-backup/1", json(proof)));
    test.shim_dump("echo 'pg_dump: error: no luck' >&2; exit 3");
    documents.push(("error", error(backup("broken"))));

    // One that is orphaned, one that is broken, one that does not verify.
    std::fs::remove_file(test.store().join("r1.manifest.json")).unwrap();
    std::fs::remove_file(test.store().join("r2.sql.gpg")).unwrap();
    documents.push(("pgseal/list/1", json(test.pgseal("list"))));
    let prune = || test.pgseal("prune").arg("--keep-last=1");
    documents.push(("pgseal/prune/1", json(prune())));
    for run_id in ["r3", "r4"] {
        let artifact = test.store().join(format!("{run_id}.sql.gpg"));
        let mut bytes = std::fs::read(&artifact).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&artifact, bytes).unwrap();
    }
    for run in std::fs::read_dir(test.store()).unwrap() {
        let path = run.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Of prove-backup.
        if !name.starts_with('r') {
            std::fs::remove_file(path).unwrap();
        }
    }
    documents.push(("pgseal/prune/1", json(prune())));

    undone(&mut documents);
    let host = Host::new();
    documents.push((
        "pgseal/readiness/1",
        host.run(&["readiness", "--json"]).json(),
    ));
    documents.push((
        "pgseal/readiness/1",
        host.run(&["preflight", "--json"]).json(),
    ));
    let proof = host.run(&["prove-mechanism", "--json"]).json();
    documents.push(("pgseal/prove-mechanism/1", proof));

    let site = Site::new();
    let envelope = site.envelope(&site.signed("s"));
    let sign = site.pgseal("sign").args(["s", &envelope]);
    documents.push(("pgseal/sign/1", json(sign)));

    let mut page = Page::read();
    let mut cases = Cases::new();
    for (at, (heading, document)) in documents.iter().enumerate() {
        let wrong = page.against(heading, document);
        cases.check((at, heading), || {
            assert_eq!(wrong, [""; 0], "{document:#}");
        });
    }
    cases.check("documented, and in no document", || {
        assert_eq!(page.never_seen(), [""; 0]);
    });
}

/// What earlier versions wrote has no key that a reader would not find there.
#[test]
fn frozen_manifests_are_as_documented() {
    let mut cases = Cases::new();
    for name in ["frozen-v1", "frozen-bond", "frozen-gpg-2.4"] {
        cases.check(name, || {
            let file = format!(
                "{}/fixtures/{name}/{name}.manifest.json",
                env!("CARGO_MANIFEST_DIR")
            );
            let manifest = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let wrong = Page::read().against("pgseal/manifest/1", &manifest);
            assert_eq!(wrong, [""; 0]);
        });
    }
}
