//! Random schemas by seed, and random parts of them: all comes back equal, or the backup told of
//! what a restore would miss.

use super::dice::Dice;
use super::generator;
use super::round::{Failure, Round, failure};
use super::workers;
use crate::restore::forge::Target;
use crate::support::{Test, cluster};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// So many fit into a test run; `scripts/soak` tries thousands.
const SEEDS: std::ops::Range<u64> = 0..150;

#[test]
fn random_schemas_come_back_or_the_backup_told() {
    let done = workers::each(seeds(), |seed| tried(*seed));
    let (mut wrong, mut told, mut said, mut failed) = (Vec::new(), 0, 0, 0);
    for (seed, came) in &done {
        match came {
            Ok(came) => {
                told += usize::from(came.told);
                said += came.statements;
                failed += came.failed;
            }
            Err(failure) => {
                let sql = generator::statements(*seed).join(";\n");
                let kept = keep(*seed, &sql);
                wrong.push(format!("=== seed {seed}: {}\n{failure}", kept.display()));
            }
        }
    }
    println!(
        "{} seeds: {} equal, {told} told, {} others",
        done.len(),
        done.len() - told - wrong.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let few = done.len() < 30;
    assert!(
        few || failed * 10 < said,
        "{failed} of {said} statements failed"
    );
}

/// `$PGSEAL_SEEDS`, as `START:COUNT`.
fn seeds() -> Vec<u64> {
    match std::env::var("PGSEAL_SEEDS") {
        Err(_) => SEEDS.collect(),
        Ok(asked) => {
            let (start, count) = asked.split_once(':').unwrap();
            let start: u64 = start.parse().unwrap();
            let count: u64 = count.parse().unwrap();
            (start..start + count).collect()
        }
    }
}

fn keep(seed: u64, sql: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("seeds");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{seed}.sql"));
    std::fs::write(&file, format!("{sql};\n")).unwrap();
    file
}

struct Came {
    told: bool,
    statements: usize,
    failed: usize,
}

fn tried(seed: u64) -> Result<Came, Failure> {
    let test = Test::new();
    let statements = generator::statements(seed);
    let failed = load(&test.db, &statements);
    let tables = scope(&test.db, &mut Dice::new(!seed));
    let round = Round::backup(&test, &tables)?;
    round.verify()?;
    let target = Target::new();
    let ran = round.restore(&target, &[]).run();
    let told = match ran.code() {
        0 => false,
        3 => true,
        _ => return Err(failure("restore", &ran)),
    };
    if told {
        let names = round.told();
        if !names.iter().any(|[_, name, _]| ran.stderr.contains(name)) {
            return Err(format!("restore: it was not told\n{}", ran.stderr));
        }
        let ran = round.restore(&target, &["--skip-external"]).run();
        match ran.code() {
            0 => round.compare_content(&target)?,
            3 => {}
            // What only the text of a body names, and it was needed.
            4 if names.iter().any(|[_, _, by]| by.starts_with("function ")) => {}
            _ => return Err(failure("skip-external", &ran)),
        }
    } else {
        round.compare_content(&target)?;
        round.compare_structure(&target)?;
    }
    Ok(Came {
        told,
        statements: statements.len(),
        failed,
    })
}

/// How many statements the server refused; each is as if it had not been there.
fn load(db: &str, statements: &[String]) -> usize {
    let mut psql = cluster().psql(db);
    let mut psql = psql
        .args(["-v", "ON_ERROR_STOP=0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = psql.stdin.take().unwrap();
    stdin
        .write_all((statements.join(";\n") + ";\n").as_bytes())
        .unwrap();
    drop(stdin);
    let said = psql.wait_with_output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    let refused = said.lines().filter(|line| line.starts_with("ERROR: "));
    refused.count()
}

/// At least one of the tables.
fn scope(db: &str, dice: &mut Dice) -> Vec<String> {
    let all = cluster().sql(
        db,
        "SELECT quote_ident(nspname) || '.' || quote_ident(relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
         WHERE relkind IN ('r', 'p') AND c.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) ORDER BY 1",
    );
    let all: Vec<&str> = all.lines().collect();
    let first = dice.below(all.len());
    let whole = dice.one_in(2);
    let chosen = all
        .iter()
        .enumerate()
        .filter(|(at, _)| whole || dice.below(3) > 0 || *at == first);
    chosen.map(|(_, table)| (*table).to_string()).collect()
}
