//! Random damage of random schemas: all of it is taken back, or a reason is told that is true.

use super::generator::{self, Schema};
use super::{damage, oracle};
use crate::corpus::dice::Dice;
use crate::corpus::workers;
use crate::restore::forge::secret;
use crate::support::{Pgseal, Ran, Test, cluster};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// So many fit into a test run; `scripts/soak --undo 1000` tries more.
const SEEDS: std::ops::Range<u64> = 0..300;

#[test]
fn random_damage_is_taken_back() {
    let seeds: Vec<u64> = match std::env::var("PGSEAL_SEEDS") {
        Err(_) => SEEDS.collect(),
        Ok(asked) => {
            let (start, count) = asked.split_once(':').unwrap();
            let start: u64 = start.parse().unwrap();
            (start..start + count.parse::<u64>().unwrap()).collect()
        }
    };
    let done = workers::each_in(seeds, Place::default, |place, seed| tried(place, *seed));
    let (mut wrong, mut undone, mut same, mut refused) = (Vec::new(), 0, 0, 0);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for (seed, came) in &done {
        match came {
            Ok(Came::Undone) => undone += 1,
            Ok(Came::Same) => same += 1,
            Ok(Came::Refused(why)) => {
                refused += 1;
                for reason in why {
                    *reasons.entry(reason.clone()).or_default() += 1;
                }
            }
            Err(failure) => wrong.push(format!(
                "=== seed {seed}: {}\n{failure}",
                kept(*seed).display()
            )),
        }
    }
    println!(
        "{undone} undone, {same} the same, {refused} refused {reasons:?}, {} wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(done.len() < 30 || undone > 2 * refused, "few were undone");
}

enum Came {
    Undone,
    /// No write did anything.
    Same,
    /// For which reasons, each once.
    Refused(BTreeSet<String>),
}

fn kept(seed: u64) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("undo");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{seed}.sql"))
}

/// A database in which one schema follows the other: to make one takes longer than all else.
#[derive(Default)]
struct Place {
    test: Option<Test>,
    schemas: usize,
}

/// Catalogs are never vacuumed here.
const SCHEMAS: usize = 25;

/// What the one before left.
const EMPTY: &str = "SET client_min_messages = error;
DROP SCHEMA IF EXISTS \"S s\", oracle, public CASCADE; CREATE SCHEMA public;
";

impl Place {
    fn next(&mut self) -> &Test {
        if self.schemas.is_multiple_of(SCHEMAS) {
            self.test = None;
        }
        self.schemas += 1;
        let test = self.test.get_or_insert_with(Test::new);
        for name in test.files() {
            std::fs::remove_file(test.store().join(name)).unwrap();
        }
        test
    }
}

fn tried(place: &mut Place, seed: u64) -> Result<Came, String> {
    let mut dice = Dice::new(seed);
    let schema = generator::schema(&mut dice);
    let writes = damage::damage(&schema, &mut dice);
    let made = schema.sql.join(";\n") + ";\n";
    let told = format!("{made}\n-- damage\n{};\n", writes.join(";\n"));
    std::fs::write(kept(seed), told).unwrap();
    let whole = dice.below(3) > 0;
    let mut scope: Vec<usize> = (0..schema.tables.len()).collect();
    if !whole {
        let first = dice.below(scope.len());
        scope.retain(|at| *at == first || dice.one_in(2));
    }
    let total = || schema.triggers.then(|| "public.total".to_string());
    let name = |at: &usize| schema.tables[*at].name.clone();
    let tables: Vec<String> = scope.iter().map(name).chain(total()).collect();
    let all = schema.tables.iter().map(|table| table.name.clone());
    let all: Vec<String> = all.chain(total()).collect();

    let test = place.next();
    // A prelude is for a restore; some have one.
    let prelude = if seed.is_multiple_of(4) {
        "true"
    } else {
        "false"
    };
    test.write("pgseal.toml", &format!("[scope]\nprelude = {prelude}\n"));
    let first = format!("{EMPTY}{made}{}", oracle::keep(&schema));
    let before = oracle::digests(test, &first, &all);
    let names: Vec<&str> = tables.iter().map(String::as_str).collect();
    let ran = test.backup(&names).args(["--run-id=before", CONFIG]).run();
    if ran.code() != 0 {
        return Err(format!("backup: {}", ran.whole()));
    }
    test.write("envelope.json", &ran.stdout);
    write(&test.db, &writes);
    let damaged = oracle::digests(test, "", &all);

    let ran = undo(test, &schema)
        .args(["--apply", "--later=overwrite"])
        .run();
    let after = oracle::digests(test, "", &all);
    if ran.code() != 0 {
        if after != damaged {
            return Err(format!(
                "refused, and changed all the same\n{}",
                ran.whole()
            ));
        }
        return reasons_are_true(test, &schema, &scope, &ran).map(Came::Refused);
    }
    for (name, digest) in &after {
        let (want, what) = if tables.contains(name) || name.is_empty() {
            (&before, "not as it was")
        } else {
            (&damaged, "changed beyond the tables")
        };
        if *digest != want[name] {
            return Err(format!(
                "{name}: {what}\n{before:?}\n{after:?}\n{}",
                ran.whole()
            ));
        }
    }
    if damaged == before {
        return Ok(Came::Same);
    }
    Ok(Came::Undone)
}

const CONFIG: &str = "--config=pgseal.toml";

fn undo<'t>(test: &'t Test, schema: &Schema) -> Pgseal<'t> {
    let undo = test
        .pgseal("undo")
        .args(["before", "--envelope=envelope.json", CONFIG])
        .env("GNUPGHOME", secret());
    if schema.triggers {
        return undo.arg("--triggers=off");
    }
    undo
}

fn reasons_are_true(
    test: &Test,
    schema: &Schema,
    scope: &[usize],
    ran: &Ran,
) -> Result<BTreeSet<String>, String> {
    let plan = undo(test, schema)
        .args(["--json", "--later=overwrite"])
        .run();
    if plan.code() != ran.code() {
        return Err(format!(
            "the plan did not see it: exit {}\n{}",
            plan.code(),
            ran.whole()
        ));
    }
    let plan_json = plan.json();
    let refusals = plan_json["refusals"].as_array().unwrap();
    if refusals.is_empty() {
        return Err(format!("refused without a reason\n{}", ran.whole()));
    }
    let whole = scope.len() == schema.tables.len();
    let of_definition = [
        "swap",
        "no_key",
        "dropped",
        "column_gone",
        "column_type",
        "column_required",
    ];
    let mut reasons = BTreeSet::new();
    for refusal in refusals {
        let (reason, table) = (
            refusal["reason"].as_str().unwrap(),
            refusal["table"].as_str().unwrap(),
        );
        if whole && !of_definition.contains(&reason) {
            return Err(format!("no reason for all tables: {refusal}"));
        }
        if !oracle::is_true(test, schema, scope, reason, table) {
            return Err(format!("not true: {refusal}"));
        }
        reasons.insert(reason.to_string());
    }
    Ok(reasons)
}

/// What the server refuses did nothing.
fn write(db: &str, writes: &[String]) {
    let file = writes.join(";\n") + ";\n";
    let mut psql = cluster().psql(db);
    let mut child = psql
        .args(["-v", "ON_ERROR_STOP=0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    use std::io::Write;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(file.as_bytes())
        .unwrap();
    child.wait().unwrap();
}
