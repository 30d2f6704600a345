//! One test: a folder and a database of its own, and no trace when it ends.

use super::{Pgseal, Ran, cluster, decrypt, eventually, keys, names, processes};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Stands in the environment of every run, and may stand nowhere else.
const SECRET: &str = "hunter2-in-the-environment";

pub struct Test {
    /// HOME, TMPDIR, GNUPGHOME and the store are in it.
    pub dir: PathBuf,
    pub db: String,
    heard: RefCell<String>,
    _folder: TempDir,
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
        keys();
        let folder = tempfile::Builder::new()
            .prefix("pgs-it-")
            .tempdir_in("/tmp")
            .unwrap();
        let dir = folder.path().to_path_buf();
        for (name, mode) in [
            ("home", 0o700),
            ("tmp", 0o700),
            ("store", 0o700),
            ("gnupg", 0o700),
            ("bin", 0o755),
        ] {
            let path = dir.join(name);
            std::fs::create_dir(&path).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&path, mode).unwrap();
        }
        for file in ["pubring.kbx", "trustdb.gpg"] {
            let from = cluster().dir.join("public").join(file);
            std::fs::copy(from, dir.join("gnupg").join(file)).unwrap();
        }
        Test {
            dir,
            db: cluster().create(template, options),
            heard: RefCell::default(),
            _folder: folder,
        }
    }

    pub fn sql(&self, sql: &str) -> String {
        cluster().sql(&self.db, sql)
    }

    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// What is in the store.
    pub fn files(&self) -> Vec<String> {
        names(&self.store())
    }

    #[track_caller]
    pub fn store_is_empty(&self) {
        assert_eq!(self.files(), [""; 0]);
    }

    /// Writes a file into the test's folder, readable by us alone.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.join(name);
        std::fs::write(&path, text).unwrap();
        self.mode(&path, 0o600);
        path
    }

    pub fn mode(&self, path: &Path, mode: u32) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }

    /// Puts a script in front of a tool. `$real` is the tool itself; other calls than the one
    /// that `when` (a bash pattern over all arguments) names go to it unchanged.
    pub fn shim(&self, tool: &str, when: &str, script: &str) {
        let real = match tool {
            "pg_dump" | "psql" => super::bin().join(tool),
            _ => which::which_in(tool, Some("/usr/bin:/bin"), "/").unwrap(),
        };
        let real = real.display();
        let text = format!(
            "#!/bin/bash\nreal={real}\ncase \" $* \" in {when}) ;; *) exec $real \"$@\" ;; esac\n{script}\n"
        );
        let path = self.dir.join("bin").join(tool);
        // Written elsewhere and moved: a fork of another test may hold a file being written, and
        // running it then fails (ETXTBSY).
        let fresh = self.dir.join("bin.new");
        std::fs::write(&fresh, text).unwrap();
        self.mode(&fresh, 0o755);
        std::fs::rename(fresh, path).unwrap();
    }

    /// pg_dump, but for its version.
    pub fn shim_dump(&self, script: &str) {
        self.shim("pg_dump", "*--table=*", script);
    }

    /// gpg, when it encrypts.
    pub fn shim_encrypt(&self, script: &str) {
        self.shim("gpg", "*\\ --encrypt\\ *", script);
    }

    pub fn pgseal(&self, verb: &str) -> Pgseal<'_> {
        let path = |name: &str| self.dir.join(name).into_os_string();
        let mut search = path("bin");
        search.push(":/usr/bin:/bin");
        let env: BTreeMap<String, OsString> = [
            ("PATH", search),
            ("HOME", path("home")),
            ("TMPDIR", path("tmp")),
            ("GNUPGHOME", path("gnupg")),
            ("PGSEAL_STORE", path("store")),
            ("PGHOST", cluster().dir.clone().into_os_string()),
            ("PGUSER", "postgres".into()),
            ("PGDATABASE", self.db.clone().into()),
            ("PGPASSWORD", SECRET.into()),
            ("APP_SECRET", SECRET.into()),
            ("BACKUP_GPG_FPR", keys().good.clone().into()),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into();
        Pgseal::new(self, env).arg(verb)
    }

    /// A backup of these tables, as most tests want it.
    pub fn backup(&self, tables: &[&str]) -> Pgseal<'_> {
        let tables = tables.iter().map(|table| format!("--table={table}"));
        self.pgseal("backup").args(tables)
    }

    pub(super) fn heard(&self, ran: &Ran) {
        *self.heard.borrow_mut() += &format!("{}{}", ran.stdout, ran.stderr);
    }

    /// What a successful run left, each looked at: the artifact is what the envelope and the
    /// manifest say.
    #[track_caller]
    pub fn sealed(&self, ran: &Ran) -> Sealed {
        let envelope = ran.envelope();
        let path = PathBuf::from(envelope["artifact_ref"].as_str().unwrap());
        assert!(path.is_absolute());
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(envelope["sha256"], super::sha256(&bytes));
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
        assert_eq!(manifest["plaintext"]["sha256"], super::sha256(&plain));
        assert_eq!(manifest["plaintext"]["size_bytes"], plain.len());
        Sealed {
            path,
            run_id,
            manifest,
            sql: String::from_utf8(plain).unwrap(),
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
    /// Decrypted.
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

/// After every test: no partial file, no process of its own, no session on its database, no
/// secret in what was said.
impl Drop for Test {
    fn drop(&mut self) {
        let drop_db = || {
            let sql = format!("DROP DATABASE {} WITH (FORCE)", self.db);
            cluster().sql("postgres", &sql);
        };
        if std::thread::panicking() {
            return;
        }
        if let Ok(entries) = std::fs::read_dir(self.store()) {
            for entry in entries.flatten() {
                let name = entry.file_name().into_string().unwrap();
                assert!(!name.ends_with(".partial"), "left in the store: {name}");
            }
        }
        let mine = self.dir.display().to_string();
        eventually("its processes are gone", || processes(&mine).is_empty());
        let sessions = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'",
            self.db
        );
        eventually("its sessions are gone", || {
            cluster().sql("postgres", &sessions) == "0"
        });
        assert!(!self.heard.borrow().contains(SECRET), "a secret was told");
        drop_db();
    }
}
