//! Random damage of random schemas: all of it is taken back, or a reason is told that is true.

use super::generator::{self, Schema};
use super::{damage, oracle};
use crate::corpus::dice::Dice;
use crate::corpus::workers;
use crate::restore::forge::secret;
use crate::support::{Pgseal, Ran, Test, cluster};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// So many fit into a test run; `PGSEAL_SEEDS=0:1000` tries more.
const SEEDS: std::ops::Range<u64> = 0..60;

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
    let done = workers::each(seeds, |seed| tried(*seed));
    let (mut wrong, mut undone, mut same, mut refused) = (Vec::new(), 0, 0, 0);
    for (seed, came) in &done {
        match came {
            Ok(Came::Undone) => undone += 1,
            Ok(Came::Same) => same += 1,
            Ok(Came::Refused) => refused += 1,
            Err(failure) => wrong.push(format!(
                "=== seed {seed}: {}\n{failure}",
                kept(*seed).display()
            )),
        }
    }
    println!(
        "{undone} undone, {same} the same, {refused} refused, {} wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(done.len() < 30 || undone > 2 * refused, "few were undone");
}

enum Came {
    Undone,
    /// No write did anything.
    Same,
    Refused,
}

fn kept(seed: u64) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("undo");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{seed}.sql"))
}

fn tried(seed: u64) -> Result<Came, String> {
    let mut dice = Dice::new(seed);
    let schema = generator::schema(&mut dice);
    let writes = damage::damage(&schema, &mut dice);
    let told = [schema.sql.join(";\n"), writes.join(";\n")].join(";\n\n-- damage\n") + ";\n";
    std::fs::write(kept(seed), told).unwrap();
    let test = Test::of(&schema.sql.join(";\n"));
    let whole = dice.below(3) > 0;
    let mut scope: Vec<usize> = (0..schema.tables.len()).collect();
    if !whole {
        let first = dice.below(scope.len());
        scope.retain(|at| *at == first || dice.one_in(2));
    }
    let mut tables: Vec<String> = scope
        .iter()
        .map(|at| schema.tables[*at].name.clone())
        .collect();
    if schema.triggers {
        tables.push("public.total".into());
    }
    let mut all: Vec<String> = schema
        .tables
        .iter()
        .map(|table| table.name.clone())
        .collect();
    all.extend(schema.triggers.then(|| "public.total".to_string()));
    let outside: Vec<String> = all
        .iter()
        .filter(|name| !tables.contains(name))
        .cloned()
        .collect();

    oracle::keep(&test, &schema);
    let before = oracle::digest(&test, &tables);
    let whole_before = oracle::digest(&test, &all);
    let names: Vec<&str> = tables.iter().map(String::as_str).collect();
    let ran = test.backup(&names).arg("--run-id=before").run();
    if ran.code() != 0 {
        return Err(format!("backup: {}", ran.whole()));
    }
    test.write("envelope.json", &ran.stdout);
    write(&test.db, &writes);
    let damaged = oracle::digest(&test, &all);
    let around = oracle::digest(&test, &outside);

    let ran = undo(&test, &schema)
        .args(["--apply", "--later=overwrite"])
        .run();
    if ran.code() == 0 {
        let after = oracle::digest(&test, &tables);
        if after != before {
            return Err(format!(
                "not as it was:\n{before}\n--- now\n{after}\n{}",
                ran.whole()
            ));
        }
        if oracle::digest(&test, &outside) != around {
            return Err(format!("changed beyond the tables\n{}", ran.whole()));
        }
        if damaged == whole_before {
            return Ok(Came::Same);
        }
        return Ok(Came::Undone);
    }
    if oracle::digest(&test, &all) != damaged {
        return Err(format!(
            "refused, and changed all the same\n{}",
            ran.whole()
        ));
    }
    reasons_are_true(&test, &schema, &scope, &ran)?;
    Ok(Came::Refused)
}

fn undo<'t>(test: &'t Test, schema: &Schema) -> Pgseal<'t> {
    let undo = test
        .pgseal("undo")
        .arg("before")
        .arg(format!(
            "--envelope={}",
            test.path("envelope.json").display()
        ))
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
) -> Result<(), String> {
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
    for refusal in refusals {
        let (reason, table) = (
            refusal["reason"].as_str().unwrap(),
            refusal["table"].as_str().unwrap(),
        );
        if whole && reason != "swap" {
            return Err(format!("no reason for all tables: {refusal}"));
        }
        if !oracle::is_true(test, schema, scope, reason, table) {
            return Err(format!("not true: {refusal}"));
        }
    }
    Ok(())
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
