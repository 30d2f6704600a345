//! One throw-away server for the whole binary. It lives as long as this process does, however
//! that ends: a supervisor holds the other end of a pipe, and clears up when it closes.

use super::{install, is_root, tool};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct Cluster {
    /// Data, log, sockets and the shared keys.
    pub dir: PathBuf,
    /// Statics are never dropped, but the kernel closes its standard input.
    _supervisor: Child,
}

const SUPERVISOR: &str = r#"
dir=$1 bin=$2; shift 2; cd /
"$@" "$bin/postgres" -D "$dir/data" >"$dir/log" 2>&1 </dev/null &
server=$!
read -r _
kill -QUIT $server; wait $server
gpgconf --homedir "$dir/secret" --kill all
rm -rf "$dir"
"#;

const SETTINGS: &str = "
listen_addresses = ''
fsync = off
full_page_writes = off
shared_buffers = 64MB
autovacuum = off
max_connections = 60
max_prepared_transactions = 5
log_statement = none
";

/// The newest PostgreSQL, as Debian keeps it, else the one on PATH.
pub fn bin() -> PathBuf {
    let majors = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let newest = majors
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")));
    let on_path = || Some(which::which("initdb").ok()?.parent()?.to_path_buf());
    newest
        .filter(|bin| bin.join("initdb").exists())
        .or_else(on_path)
        .unwrap_or_else(|| panic!("no initdb: {}", install("initdb")))
}

pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(start)
}

/// Who runs initdb and postgres where we are root, which they refuse to be.
fn owner() -> Option<(u32, u32)> {
    let id = |flag: &str| {
        let out = Command::new("id").args([flag, "postgres"]).output();
        let text = String::from_utf8(out.unwrap().stdout).unwrap();
        text.trim().parse::<u32>().unwrap_or(65534)
    };
    is_root().then(|| (id("-u"), id("-g")))
}

/// In front of a server's command, with nothing of our environment: root steps down.
pub fn as_owner() -> Vec<String> {
    let mut words = Vec::new();
    if let Some((uid, gid)) = owner() {
        words.extend(["setpriv".to_string(), "--clear-groups".into()]);
        words.extend([format!("--reuid={uid}"), format!("--regid={gid}")]);
    }
    words.extend(["env", "-i", "LC_ALL=C"].map(String::from));
    words
}

fn start() -> Cluster {
    // Not below TMPDIR: a socket's path has 107 bytes at most.
    let dir = tempfile::Builder::new()
        .prefix("pgseal-test-")
        .tempdir_in("/tmp")
        .unwrap()
        .keep();
    let data = dir.join("data");
    std::fs::create_dir(&data).unwrap();
    if let Some((uid, gid)) = owner() {
        std::os::unix::fs::chown(&data, Some(uid), Some(gid)).unwrap();
        std::os::unix::fs::chown(&dir, Some(uid), Some(gid)).unwrap();
    }
    let as_owner = as_owner();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(&dir, mode).unwrap();
    let initdb = bin().join("initdb");
    tool(
        Command::new(&as_owner[0])
            .args(&as_owner[1..])
            .arg(&initdb)
            .arg("-D")
            .arg(&data)
            .args([
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .current_dir("/"),
        b"",
    );
    let append = |file: &str, text: &str| {
        let path = data.join(file);
        let old = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, old + text).unwrap();
    };
    append("postgresql.conf", SETTINGS);
    let sockets = format!("unix_socket_directories = '{}'\n", dir.display());
    append("postgresql.conf", &sockets);
    let hba = data.join("pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("local all locked_out scram-sha-256\n{rules}")).unwrap();

    let supervisor = Command::new("bash")
        .args(["-c", SUPERVISOR, "supervisor"])
        .arg(&dir)
        .arg(bin())
        .args(&as_owner)
        // Ctrl-C is for the tests; the supervisor clears up after them.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let cluster = Cluster {
        dir,
        _supervisor: supervisor,
    };
    super::eventually("the server answers", || {
        let mut ask = cluster.psql("postgres");
        let ask = ask.args(["-c", "SELECT 1"]);
        ask.stdout(Stdio::null()).stderr(Stdio::null());
        ask.status().unwrap().success()
    });
    cluster.sql(
        "postgres",
        "CREATE ROLE locked_out LOGIN PASSWORD 'the right one'",
    );
    cluster
}

impl Cluster {
    pub fn psql(&self, db: &str) -> Command {
        let mut psql = Command::new(bin().join("psql"));
        psql.env_clear()
            .env("PGHOST", &self.dir)
            .env("PGUSER", "postgres")
            .env("PGCLIENTENCODING", "UTF8")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", db]);
        psql
    }

    /// A connection string that leaves nothing to the environment but the port.
    pub fn conninfo(&self, db: &str, user: &str) -> String {
        format!("host={} user={user} dbname={db}", self.dir.display())
    }

    /// Answers without the last newline.
    pub fn sql(&self, db: &str, sql: &str) -> String {
        let out = tool(self.psql(db).args(["-f", "-"]), sql.as_bytes());
        String::from_utf8(out).unwrap().trim_end().to_string()
    }

    /// A new database, a copy of `template`.
    pub fn create(&self, template: &str, options: &str) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let db = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let sql = format!("CREATE DATABASE {db} TEMPLATE {template} {options}");
        self.sql("postgres", &sql);
        db
    }

    pub fn discard(&self, db: &str) {
        self.sql("postgres", &format!("DROP DATABASE {db} WITH (FORCE)"));
    }

    /// The nine tables with some rows.
    pub fn fixture(&self) -> &'static str {
        static FIXTURE: OnceLock<()> = OnceLock::new();
        FIXTURE.get_or_init(|| {
            self.sql("postgres", "CREATE DATABASE fixture TEMPLATE template0");
            let cutter = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cutter");
            for file in ["schema.sql", "data.sql"] {
                let mut psql = self.psql("fixture");
                tool(
                    psql.args(["-v", "rows=40", "-f"]).arg(cutter.join(file)),
                    b"",
                );
            }
        });
        "fixture"
    }
}

/// A session that stays: to hold a lock, or a transaction, while pgseal runs.
pub struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Session {
    pub fn open(db: &str) -> Session {
        let mut child = cluster()
            .psql(db)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Session {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Returns when it is done.
    pub fn sql(&mut self, sql: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{sql};\n\\echo 'done here'").unwrap();
        let mut line = String::new();
        while line.trim_end() != "done here" {
            line.clear();
            let read = self.stdout.read_line(&mut line).unwrap();
            assert!(read > 0, "the session ended in `{sql}`");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
