//! The schemas of `fixtures/schemas`: each comes back equal, or is named at backup.

use super::header::{KnownFault, Outcome, Reference, Schema, SkipExternal};
use super::round::{Failure, Round, run};
use super::workers;
use crate::restore::forge::Target;
use crate::support::{Test, cluster, names, tool};
use serde_json::Value;
use std::path::Path;

#[test]
fn every_schema_comes_back_or_is_named_at_backup() {
    let only = std::env::var("PGSEAL_SCHEMAS").unwrap_or_default();
    let mut all = schemas();
    all.retain(|schema| schema.name.contains(&only));
    let major: u32 = cluster()
        .sql("postgres", "SHOW server_version_num")
        .parse::<u32>()
        .unwrap()
        / 10_000;
    let (ours, newer): (Vec<Schema>, Vec<Schema>) =
        all.into_iter().partition(|schema| schema.server <= major);
    println!("{} schemas", ours.len());
    for Schema { name, server, .. } in &newer {
        println!("left out: {name} needs a server of {server}, this one is {major}");
    }
    assert!(major != 15 || !only.is_empty() || ours.len() >= 100);
    make_roles(&ours);

    let done = workers::each(ours, tried);
    let wrong: Vec<String> = done
        .iter()
        .filter_map(|(schema, came)| Some(format!("=== {}\n{}", schema.name, wrong(schema, came)?)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} schemas:\n{}",
        wrong.len(),
        done.len(),
        wrong.join("\n")
    );
}

fn schemas() -> Vec<Schema> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schemas");
    let all = names(&folder).into_iter();
    let all = all.filter(|name| name.ends_with(".sql"));
    all.map(|name| Schema::read(&folder.join(name))).collect()
}

/// A fault that is known must be there, and be the one that is known.
fn wrong(schema: &Schema, came: &Result<(), Failure>) -> Option<String> {
    match (&schema.known_fault, came) {
        (None, Ok(())) => None,
        (None, Err(failure)) => Some(failure.clone()),
        (Some(_), Ok(())) => Some("it is mended: take its `known-fault:` away".into()),
        (Some(KnownFault { step, words }), Err(failure)) => {
            let known = failure.starts_with(&format!("{step}: ")) && failure.contains(words);
            (!known).then(|| format!("known is another fault, {step}: {words}\n{failure}"))
        }
    }
}

/// Roles and tablespaces are the server's, so all of them are made once.
fn make_roles(schemas: &[Schema]) {
    let each = |list: fn(&Schema) -> &Vec<String>| {
        let mut all: Vec<&String> = schemas.iter().flat_map(list).collect();
        all.sort();
        all.dedup();
        all
    };
    let mut sql: Vec<String> = each(|schema| &schema.roles)
        .iter()
        .map(|role| format!("CREATE ROLE {role};"))
        .collect();
    for space in each(|schema| &schema.tablespaces) {
        sql.push("SET allow_in_place_tablespaces = on;".into());
        sql.push(format!("CREATE TABLESPACE {space} LOCATION '';"));
    }
    cluster().sql("postgres", &sql.join("\n"));
}

fn tried(schema: &Schema) -> Result<(), Failure> {
    let test = Test::with("template0", &schema.database);
    tool(cluster().psql(&test.db).arg("-f").arg(&schema.path), b"");
    let target = Target::with(&schema.database);
    if let Outcome::Refused { code } = &schema.outcome {
        return refused(&test, schema, code);
    }
    let round = Round::backup(&test, &schema.tables)?;
    round.verify()?;
    match &schema.outcome {
        Outcome::Refused { .. } => Ok(()),
        Outcome::Restored | Outcome::RestoredWithout(_) => {
            run("restore", round.restore(&target, &[]), 0)?;
            round.compare_content(&target)?;
            round.compare_structure(&target)?;
            round.prove()?;
            told_of(&round, &schema.outcome)
        }
        Outcome::Told {
            reference,
            skip_external,
        } => {
            named(&round, reference)?;
            // Which objects its rows name is seen when they come.
            let code = if reference.kind == "object_names" {
                4
            } else {
                3
            };
            let ran = run("restore", round.restore(&target, &[]), code)?;
            if !ran.stderr.contains(reference.name.as_str()) {
                return Err(format!("restore: does not name it\n{}", ran.stderr));
            }
            target.is_empty();
            let skip = round.restore(&target, &["--skip-external"]);
            match skip_external {
                SkipExternal::Refused => run("skip-external", skip, code).map(drop),
                SkipExternal::RolledBack => {
                    run("skip-external", skip, 4)?;
                    target.is_empty();
                    Ok(())
                }
                SkipExternal::Restored => {
                    run("skip-external", skip, 0)?;
                    round.compare_content(&target)?;
                    round.prove()
                }
            }
        }
    }
}

fn refused(test: &Test, schema: &Schema, code: &str) -> Result<(), Failure> {
    let tables: Vec<&str> = schema.tables.iter().map(String::as_str).collect();
    let ran = run("backup", test.backup(&tables).arg("--json"), 3)?;
    let last = ran.stderr.lines().last().unwrap_or_default();
    let said: Value = serde_json::from_str(last).unwrap_or_default();
    if said["error"]["code"] == code {
        return Ok(());
    }
    Err(format!("backup: not {code}\n{}", ran.stderr))
}

fn named(round: &Round<'_>, Reference { kind, name }: &Reference) -> Result<(), Failure> {
    let told = round.told();
    if told.iter().any(|[k, n, _]| k == kind && n == name) {
        return Ok(());
    }
    Err(format!("told: not {kind} {name}, but {told:?}"))
}

/// Where all comes back, nothing is told that does not.
fn told_of(round: &Round<'_>, outcome: &Outcome) -> Result<(), Failure> {
    match (outcome, &round.told()[..]) {
        (Outcome::RestoredWithout(reference), _) => named(round, reference),
        (_, []) => Ok(()),
        (_, told) => Err(format!("told: {told:?}")),
    }
}
