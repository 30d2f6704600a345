//! What all tests of restore use: a target database, and artifacts that anybody with the public
//! key can make.

use crate::support::{Pgseal, Ran, Test, cluster, gpg, keys, sha256, tool};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// An empty database, dropped when it goes.
pub struct Target {
    pub db: String,
}

impl Target {
    pub fn new() -> Target {
        Target::with("")
    }

    pub fn with(options: &str) -> Target {
        Target {
            db: cluster().create("template0", options),
        }
    }

    pub fn sql(&self, sql: &str) -> String {
        cluster().sql(&self.db, sql)
    }

    /// Everything that is not the system's.
    pub fn objects(&self) -> String {
        self.sql(
            "SELECT count(*) FROM pg_depend d WHERE d.objid >= 16384 OR d.refobjid >= 16384;
             SELECT count(*) FROM pg_class WHERE oid >= 16384;
             SELECT count(*) FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_';",
        )
    }

    #[track_caller]
    pub fn is_empty(&self) {
        assert_eq!(self.objects(), "0\n0\n0");
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            cluster().discard(&self.db);
        }
    }
}

/// Where the secret keys are.
pub fn secret() -> PathBuf {
    keys().secret.path.clone()
}

pub trait Prints {
    fn prints(self, words: &[&str]) -> Ran;
}

impl Prints for Ran {
    #[track_caller]
    fn prints(self, words: &[&str]) -> Ran {
        for word in words {
            self.check(self.stdout.contains(word), word);
        }
        self
    }
}

/// For tests of what a restore does; who sealed it is asked elsewhere.
pub fn restore<'t>(test: &'t Test, what: &Path, target: &Target) -> Pgseal<'t> {
    restore_proved(test, what, target).arg("--origin-unproved")
}

/// As a user types it, with the secret key at hand.
pub fn restore_proved<'t>(test: &'t Test, what: &Path, target: &Target) -> Pgseal<'t> {
    test.pgseal("restore")
        .arg(what)
        .arg(format!(
            "--dbname={}",
            cluster().conninfo(&target.db, "postgres")
        ))
        .unset("PGDATABASE")
        .env("GNUPGHOME", secret())
}

pub fn prove<'t>(test: &'t Test, what: impl AsRef<OsStr>) -> Pgseal<'t> {
    let prove = test.pgseal("prove-restore").arg(what.as_ref());
    prove.env("GNUPGHOME", secret())
}

/// The rows of every ordinary table, without their order.
pub fn content(db: &str) -> String {
    let tables = cluster().sql(
        db,
        "SELECT quote_ident(nspname) || '.' || quote_ident(relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
         WHERE relkind = 'r' AND relpersistence <> 't' AND c.oid >= 16384 ORDER BY 1",
    );
    let mut out = String::new();
    for table in tables.lines() {
        let sql = format!(
            "SELECT '{}', count(*), md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM ONLY {table} t",
            table.replace('\'', "''")
        );
        out += &(cluster().sql(db, &sql) + "\n");
    }
    out
}

/// Puts an artifact of this SQL into the store, with a manifest that vouches for it in all but
/// what `lie` changes.
pub fn forge(
    test: &Test,
    honest: &Value,
    sql: &[u8],
    run_id: &str,
    lie: impl FnOnce(&mut Value),
) -> PathBuf {
    let sealed = seal(test, sql);
    let path = test.store().join(format!("{run_id}.sql.gpg"));
    std::fs::write(&path, &sealed).unwrap();
    test.mode(&path, 0o600);
    let mut manifest = honest.clone();
    manifest["run_id"] = json!(run_id);
    manifest["compression"] = json!("gpg:6");
    manifest["envelope"]["sha256"] = json!(sha256(&sealed));
    manifest["envelope"]["size_bytes"] = json!(sealed.len());
    manifest["envelope"]["artifact_ref"] = json!(path);
    manifest["plaintext"]["sha256"] = json!(sha256(sql));
    manifest["plaintext"]["size_bytes"] = json!(sql.len());
    if let Some(file) = honest["prelude"]["file"].as_str() {
        let name = format!("{run_id}.prelude.sql.gpg");
        std::fs::copy(test.store().join(file), test.store().join(&name)).unwrap();
        manifest["prelude"]["file"] = json!(name);
    }
    lie(&mut manifest);
    let note = test.store().join(format!("{run_id}.manifest.json"));
    std::fs::write(&note, serde_json::to_string(&manifest).unwrap()).unwrap();
    test.mode(&note, 0o600);
    path
}

/// Puts this SQL in the place of a forged run's prelude.
pub fn forge_prelude(test: &Test, sql: &[u8], run_id: &str) {
    let sealed = seal(test, sql);
    let name = format!("{run_id}.prelude.sql.gpg");
    std::fs::write(test.store().join(&name), &sealed).unwrap();
    test.mode(&test.store().join(&name), 0o600);
    let note = test.store().join(format!("{run_id}.manifest.json"));
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&note).unwrap()).unwrap();
    manifest["prelude"] = json!({
        "file": name, "sha256": sha256(&sealed), "size_bytes": sealed.len()
    });
    std::fs::write(&note, manifest.to_string()).unwrap();
}

/// As anybody with the public key can.
fn seal(test: &Test, sql: &[u8]) -> Vec<u8> {
    let mut gpg = gpg(&test.path("gnupg"));
    gpg.args(["--quiet", "--trust-model=always", "--encrypt"])
        .arg(format!("--recipient={}", keys().good));
    tool(&mut gpg, sql)
}
