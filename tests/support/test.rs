//! One test with a database of its own, and no trace when it ends.

use super::{Pgseal, Place, Ran, cluster, decrypt, eventually, keys, place, put_down, sha256};
use serde_json::Value;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

pub struct Test {
    pub db: String,
    place: Place,
}

impl Deref for Test {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl DerefMut for Test {
    fn deref_mut(&mut self) -> &mut Place {
        &mut self.place
    }
}

impl Test {
    /// With an empty database.
    pub fn new() -> Test {
        Test::with("template0", "")
    }

    /// With a database made of this SQL.
    pub fn of(sql: &str) -> Test {
        let test = Test::new();
        test.sql(sql);
        test
    }

    /// With the nine tables.
    pub fn cutter() -> Test {
        Test::with(cluster().fixture(), "")
    }

    pub fn with(template: &str, options: &str) -> Test {
        let db = cluster().create(template, options);
        let mut place = Place::new();
        put_down(&keys().public, &place.path("gnupg"));
        place.set("PGHOST", &cluster().dir);
        place.set("PGUSER", "postgres");
        place.set("PGDATABASE", &db);
        place.set("PGPASSWORD", place::SECRET);
        place.set("BACKUP_GPG_FPR", &keys().good);
        Test { db, place }
    }

    pub fn sql(&self, sql: &str) -> String {
        cluster().sql(&self.db, sql)
    }

    /// A backup of these tables, as most tests want it.
    pub fn backup(&self, tables: &[&str]) -> Pgseal<'_> {
        let tables = tables.iter().map(|table| format!("--table={table}"));
        self.pgseal("backup").args(tables)
    }

    /// What a successful run left, each looked at: the artifact is what the envelope and the
    /// manifest say.
    #[track_caller]
    pub fn sealed(&self, ran: &Ran) -> Sealed {
        let envelope = ran.envelope();
        let path = PathBuf::from(envelope["artifact_ref"].as_str().unwrap());
        assert!(path.is_absolute());
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(envelope["sha256"], sha256(&bytes));
        assert_eq!(envelope["size_bytes"], bytes.len());
        let name = path.file_name().unwrap().to_str().unwrap();
        let endings = [".sql.gpg", ".sql.zst.gpg"];
        let run_id = endings.iter().find_map(|end| name.strip_suffix(end));
        let run_id = run_id.unwrap().to_string();
        let note = path.with_file_name(format!("{run_id}.manifest.json"));
        let manifest: Value = serde_json::from_slice(&std::fs::read(&note).unwrap()).unwrap();
        for file in [&path, &note] {
            let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file).unwrap());
            assert_eq!(mode & 0o7777, 0o600, "{}", file.display());
        }
        assert_eq!(manifest["envelope"], envelope);
        assert_eq!(manifest["run_id"], run_id);
        let mut plain = decrypt(&path);
        if name.ends_with(".zst.gpg") {
            plain = zstd::decode_all(&plain[..]).unwrap();
        }
        assert_eq!(manifest["plaintext"]["sha256"], sha256(&plain));
        assert_eq!(manifest["plaintext"]["size_bytes"], plain.len());
        Sealed {
            path,
            run_id,
            manifest,
            sql: String::from_utf8_lossy(&plain).into_owned(),
        }
    }

    /// The rows that a manifest names are those that the tables have.
    #[track_caller]
    pub fn rows_are_counted(&self, manifest: &Value) {
        for table in manifest["tables"].as_array().unwrap() {
            let quoted = |key: &str| {
                let part = table[key].as_str().unwrap();
                format!("\"{}\"", part.replace('"', "\"\""))
            };
            let name = format!("{}.{}", quoted("schema"), quoted("name"));
            let counted = match table["kind"].as_str().unwrap() {
                "partitioned table" => "0".into(),
                _ => self.sql(&format!("SELECT count(*) FROM ONLY {name}")),
            };
            assert_eq!(table["rows"].to_string(), counted, "{name}");
        }
    }
}

/// A backup that was looked at.
pub struct Sealed {
    pub path: PathBuf,
    pub run_id: String,
    pub manifest: Value,
    /// Decrypted; what is no UTF-8 is lost.
    pub sql: String,
}

impl Sealed {
    /// `schema.name=rows` of every relation, in the manifest's order.
    pub fn rows(&self) -> Vec<String> {
        let tables = self.manifest["tables"].as_array().unwrap().iter();
        let text = |table: &Value, key: &str| table[key].as_str().unwrap().to_string();
        tables
            .map(|table| {
                format!(
                    "{}.{}={}",
                    text(table, "schema"),
                    text(table, "name"),
                    table["rows"]
                )
            })
            .collect()
    }
}

/// After every test: no partial file and no session on its database.
impl Drop for Test {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // A test may have made something else of its store.
        for entry in std::fs::read_dir(self.store()).into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.ends_with(".partial"), "left in the store: {name}");
        }
        let sessions = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'",
            self.db
        );
        eventually("its sessions are gone", || {
            cluster().sql("postgres", &sessions) == "0"
        });
        cluster().discard(&self.db);
    }
}
