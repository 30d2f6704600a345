//! A standby: it may lag, so its rows may be older than what a write is about to change.

use crate::support::{Test, as_owner, bin, cluster, eventually, tool};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A primary and its standby, which end with the test.
pub struct Pair {
    dir: TempDir,
    servers: Vec<Child>,
}

fn owned(program: &str) -> Command {
    let words = as_owner();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(bin().join(program));
    command.current_dir("/");
    command
}

impl Pair {
    /// A primary without a standby.
    pub fn alone() -> Pair {
        let dir = TempDir::with_prefix_in("pgs-pair-", "/tmp").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(dir.path(), mode).unwrap();
        let mut pair = Pair {
            dir,
            servers: Vec::new(),
        };
        let primary = pair.data("primary");
        let options = ["-U", "postgres", "--auth=trust", "--locale=C", "--no-sync"];
        tool(owned("initdb").arg("-D").arg(&primary).args(options), b"");
        pair.serve(&primary, "5432");
        pair
    }

    fn start() -> Pair {
        let mut pair = Pair::alone();
        let standby = pair.data("standby");
        let from = format!("host={} port=5432 user=postgres", pair.host().display());
        let options = ["-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", &from];
        let copy = &mut owned("pg_basebackup");
        tool(copy.arg("-D").arg(&standby).args(options), b"");
        pair.serve(&standby, "5433");
        pair
    }

    fn end(&mut self, signal: rustix::process::Signal) {
        for mut server in self.servers.drain(..).rev() {
            let pid = rustix::process::Pid::from_child(&server);
            let _ = rustix::process::kill_process(pid, signal);
            let _ = server.wait();
        }
    }

    fn data(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn host(&self) -> &Path {
        self.dir.path()
    }

    fn serve(&mut self, data: &Path, port: &str) {
        let sockets = format!("unix_socket_directories={}", self.host().display());
        let words = as_owner();
        let server = Command::new("setpriv")
            .args(["--pdeathsig", "QUIT"])
            .args(&words)
            .arg(bin().join("postgres"))
            .arg("-D")
            .arg(data)
            .args(["-p", port, "-c", "listen_addresses=", "-c", "fsync=off"])
            .args(["-c", "shared_buffers=16MB", "-c", &sockets])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.servers.push(server);
        eventually("the server answers", || {
            let mut ask = self.psql(port, "SELECT 1");
            let ask = ask.stdout(Stdio::null()).stderr(Stdio::null());
            ask.status().unwrap().success()
        });
    }

    /// Lets the primary's next transaction have this id.
    pub fn go_on(&mut self, to: u64) {
        self.end(rustix::process::Signal::INT);
        let primary = self.data("primary");
        // The commit status of its transactions.
        let segment = primary.join(format!("pg_xact/{:04X}", to / 1_048_576));
        let first = primary.join("pg_xact/0000");
        std::fs::copy(&first, &segment).unwrap();
        std::fs::OpenOptions::new()
            .write(true)
            .open(&segment)
            .and_then(|file| file.set_len(0).and(file.set_len(262_144)))
            .unwrap();
        let mode = std::fs::metadata(&first).unwrap();
        let owner = std::os::unix::fs::MetadataExt::uid(&mode);
        let group = std::os::unix::fs::MetadataExt::gid(&mode);
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&segment, Some(owner), Some(group)).unwrap();
        }
        let reset = &mut owned("pg_resetwal");
        let next = to.to_string();
        tool(reset.args(["-f", "-x", &next, "-D"]).arg(&primary), b"");
        self.serve(&primary, "5432");
    }

    fn psql(&self, port: &str, sql: &str) -> Command {
        let mut psql = cluster().psql("postgres");
        psql.env("PGHOST", self.host()).env("PGPORT", port);
        psql.args(["-c", sql]);
        psql
    }

    pub fn sql(&self, port: &str, sql: &str) -> String {
        let answer = tool(&mut self.psql(port, sql), b"");
        String::from_utf8(answer).unwrap().trim().to_string()
    }

    pub fn dbname(&self, ports: &str) -> String {
        let host = self.host().display().to_string();
        let hosts = vec![host; ports.split(',').count()].join(",");
        format!("--dbname=host={hosts} port={ports} user=postgres dbname=postgres")
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.end(rustix::process::Signal::QUIT);
    }
}

#[test]
fn a_standby_that_lags_is_told_and_guarded_against() {
    let pair = Pair::start();
    let (primary, standby) = ("5432", "5433");
    pair.sql(primary, "CREATE TABLE t AS SELECT 1 AS a");
    eventually("the standby has the table", || {
        pair.sql(standby, "SELECT to_regclass('public.t') IS NOT NULL") == "t"
    });
    pair.sql(standby, "SELECT pg_wal_replay_pause()");
    eventually("replay is paused", || {
        pair.sql(standby, "SELECT pg_get_wal_replay_pause_state()") == "paused"
    });
    pair.sql(primary, "INSERT INTO t VALUES (2)");

    let test = Test::new();
    let witness = test.path("witness").display().to_string();
    let guard = |ports: &str, more: &[&str]| {
        let guard = test.pgseal("guard").table("public.t");
        let guard = guard.arg(pair.dbname(ports)).args(more);
        guard.args(["--", "touch", &witness]).run()
    };
    // A list of hosts whose first is the standby is the standby.
    for ports in [standby, "5433,5432"] {
        let ran = guard(ports, &[]);
        let said = [
            "standby",
            "paused",
            "nothing was written",
            "--allow-standby",
        ];
        ran.fails(125, &said);
        assert!(!test.path("witness").exists());
        test.store_is_empty();
    }
    let ran = guard(standby, &["--allow-standby"]);
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: the server is a standby"));
    assert!(test.path("witness").exists());

    let mark = |ports: &str, run_id: &str| -> Value {
        let backup = test.backup(&["public.t"]).arg(pair.dbname(ports));
        let ran = backup.args(["--run-id", run_id]).run();
        assert_eq!(ran.code(), 0, "{}", ran.stderr);
        let told = ran.stderr.contains("warning: the server is a standby");
        assert_eq!(told, ports == standby, "{}", ran.stderr);
        let manifest = std::fs::read(test.store().join(format!("{run_id}.manifest.json")));
        let manifest: Value = serde_json::from_slice(&manifest.unwrap()).unwrap();
        manifest["mark"].clone()
    };
    let (here, there) = (mark(primary, "p"), mark(standby, "s"));
    let oid: u32 = pair
        .sql(
            primary,
            "SELECT oid FROM pg_database WHERE datname = 'postgres'",
        )
        .parse()
        .unwrap();
    let identifier = pair.sql(primary, "SELECT system_identifier FROM pg_control_system()");
    for (mark, in_recovery) in [(&here, false), (&there, true)] {
        assert_eq!(mark["in_recovery"], in_recovery, "{mark}");
        assert_eq!(mark["database_oid"], oid);
        assert_eq!(mark["system_identifier"], identifier.as_str());
        assert_eq!(mark["timeline"], 1);
    }
    let snapshot = |mark: &Value| {
        let text = mark["snapshot"].as_str().unwrap();
        let xmin = text.split(':').next().unwrap();
        xmin.parse::<u64>().unwrap()
    };
    assert!(snapshot(&there) < snapshot(&here), "{there} {here}");
    let lag = format!(
        "SELECT {}::pg_lsn > {}::pg_lsn",
        here["lsn"].to_string().replace('"', "'"),
        there["lsn"].to_string().replace('"', "'")
    );
    assert_eq!(pair.sql(primary, &lag), "t");

    // The dump is taken where the questions were answered, not where a list leads the next time.
    let backup = test.backup(&["public.t"]).arg(pair.dbname("5432,5433"));
    backup.args(["--run-id", "l"]).run().exits(0);
    let manifest = std::fs::read(test.store().join("l.manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let argv = manifest["tools"]["pg_dump"]["argv"].to_string();
    assert!(argv.contains("port=5432"), "{argv}");
    assert!(!argv.contains("5433"), "{argv}");

    // Promoted, it goes on under a timeline of its own, before any checkpoint.
    pair.sql(standby, "SELECT pg_wal_replay_resume()");
    pair.sql(standby, "SELECT pg_promote()");
    let backup = test.backup(&["public.t"]).arg(pair.dbname(standby));
    let ran = backup.args(["--run-id", "q"]).run();
    assert!(!ran.stderr.contains("standby"), "{}", ran.stderr);
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(test.store().join("q.manifest.json")).unwrap())
            .unwrap();
    assert_eq!(manifest["mark"]["timeline"], 2, "{}", manifest["mark"]);
}

/// No temporary table can be made there, and what it has replayed is behind what was written.
#[test]
fn a_diff_and_an_undo_refuse_a_standby() {
    let test = Test::new();
    let pair = Pair::start();
    pair.sql("5432", "CREATE TABLE t AS SELECT 1 AS a");
    let backup = test
        .backup(&["public.t"])
        .args(["--run-id=run", &pair.dbname("5432")]);
    backup.run().exits(0);
    eventually("it is replayed", || {
        pair.sql("5433", "SELECT to_regclass('t') IS NOT NULL") == "t"
    });
    for option in ["--rows=1", "--counts"] {
        let diff = |port: &str| {
            let diff = test
                .pgseal("diff")
                .args(["run", option, &pair.dbname(port)]);
            diff.env("GNUPGHOME", crate::restore::forge::secret()).run()
        };
        diff("5433").fails(3, &["is a standby", "port 5433", "side database"]);
        diff("5432").exits(0);
    }
    for more in [&[][..], &["--rehearse"], &["--apply", "--later=overwrite"]] {
        let undo = |port: &str| {
            let undo = test.pgseal("undo").args(["run", "--origin-unproved"]);
            let undo = undo.arg(pair.dbname(port)).args(more);
            undo.env("GNUPGHOME", crate::restore::forge::secret()).run()
        };
        undo("5433").fails(3, &["is a standby", "port 5433", "undo-by-hand.md"]);
        undo("5432").exits(0);
    }
}
