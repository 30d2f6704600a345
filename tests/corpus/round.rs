//! One backup, all proofs of it, and its way back into an empty database.

use super::content::content;
use super::structure::{self, Grants};
use crate::restore::forge::{Target, prove, restore_proved, secret};
use crate::support::{Pgseal, Ran, Test};
use serde_json::Value;

/// A failed step, with what was said: `restore: …`.
pub type Failure = String;

/// A backup of these tables, and what its manifest says.
pub struct Round<'t> {
    test: &'t Test,
    run_id: String,
    pub manifest: Value,
}

/// Kinds of external references that a cluster or a host serves, and no database.
const OF_THE_HOST: &[&str] = &["role", "tablespace", "library", "extension", "locale"];

pub fn run(step: &str, command: Pgseal<'_>, code: i32) -> Result<Ran, Failure> {
    let ran = command.run();
    if ran.code() == code {
        return Ok(ran);
    }
    Err(failure(step, &ran))
}

pub fn failure(step: &str, ran: &Ran) -> Failure {
    format!("{step}: exit {}\n{}{}", ran.code(), ran.stderr, ran.stdout)
}

impl<'t> Round<'t> {
    pub fn backup(test: &'t Test, tables: &[String]) -> Result<Round<'t>, Failure> {
        let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
        let ran = run("backup", test.backup(&tables), 0)?;
        let sealed = ran.envelope();
        let artifact = sealed["artifact_ref"].as_str().unwrap();
        let run_id = artifact.rsplit('/').next().unwrap();
        let run_id = run_id.strip_suffix(".sql.gpg").unwrap().to_string();
        let note = test.store().join(format!("{run_id}.manifest.json"));
        let manifest = serde_json::from_slice(&std::fs::read(note).unwrap()).unwrap();
        Ok(Round {
            test,
            run_id,
            manifest,
        })
    }

    /// Of the database: kind, name, and what needs it.
    pub fn told(&self) -> Vec<[&str; 3]> {
        let all = self.manifest["external_references"].as_array().unwrap();
        let fields = all
            .iter()
            .map(|r| ["kind", "name", "needed_by"].map(|key| r[key].as_str().unwrap()));
        fields
            .filter(|[kind, ..]| !OF_THE_HOST.contains(kind))
            .collect()
    }

    pub fn verify(&self) -> Result<(), Failure> {
        let verify = self.test.pgseal("verify").arg("--decrypt");
        let verify = verify.arg(&self.run_id).env("GNUPGHOME", secret());
        run("verify", verify, 0).map(drop)
    }

    pub fn restore(&self, target: &Target, options: &[&str]) -> Pgseal<'t> {
        let restore = restore_proved(self.test, self.run_id.as_ref(), target);
        restore.arg(self.origin()).args(options.iter().copied())
    }

    pub fn prove(&self) -> Result<(), Failure> {
        let prove = prove(self.test, &self.run_id).arg(self.origin());
        run("prove-restore", prove, 0).map(drop)
    }

    fn origin(&self) -> String {
        let sha256 = self.manifest["envelope"]["sha256"].as_str().unwrap();
        format!("--sha256={sha256}")
    }

    pub fn compare_content(&self, target: &Target) -> Result<(), Failure> {
        let [sealed, restored] = [&self.test.db, &target.db].map(|db| content(db, &self.manifest));
        let count = self.manifest["tables"].as_array().unwrap().len();
        assert_eq!(sealed.lines().count(), count, "each is looked at");
        if sealed == restored {
            return Ok(());
        }
        let differs = sealed.lines().filter(|line| !restored.contains(line));
        let differs: Vec<&str> = differs.collect();
        Err(format!(
            "content: differs:\n{}\n--- restored\n{restored}",
            differs.join("\n")
        ))
    }

    pub fn compare_structure(&self, target: &Target) -> Result<(), Failure> {
        let tables = self.manifest["tables"].as_array().unwrap().iter();
        let quoted = |part: &Value| format!("\"{}\"", part.as_str().unwrap().replace('"', "\"\""));
        let relations: Vec<String> = tables
            .map(|table| format!("{}.{}", quoted(&table["schema"]), quoted(&table["name"])))
            .collect();
        let mut told = self.told().into_iter();
        let grants = if told.any(|[kind, ..]| kind == "dependent_privileges") {
            Grants::OfOwners
        } else {
            Grants::All
        };
        let found = structure::differences(&self.test.db, &target.db, &relations, grants);
        match &found[..] {
            [] => Ok(()),
            found => Err(format!("structure: {}", found.join("\n"))),
        }
    }
}
