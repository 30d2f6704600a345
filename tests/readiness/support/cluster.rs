//! One throw-away cluster for all tests of this binary.

use super::done;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const BIN: &str = "/usr/lib/postgresql/15/bin";
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

pub struct Cluster {
    pub socket: PathBuf,
    /// Ends the server when this process ends, however it ends.
    _watchdog: Child,
}

fn as_postgres(program: &str) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        command.arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C");
    command.current_dir("/");
    command
}

pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let socket = tempfile::Builder::new()
            .prefix("pgsr")
            .tempdir_in("/tmp")
            .unwrap()
            .keep();
        if rustix::process::geteuid().is_root() {
            done(Command::new("chown").arg("postgres").arg(&socket));
        }
        let data = socket.join("data");
        done(
            as_postgres(&format!("{BIN}/initdb"))
                .arg("-D")
                .arg(&data)
                .args([
                    "-U",
                    "postgres",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C",
                    "--no-sync",
                ]),
        );
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off",
            socket.display()
        );
        let mut start = as_postgres(&format!("{BIN}/pg_ctl"));
        start
            .args(["start", "-s", "-w", "-o", &options, "-D"])
            .arg(&data);
        // The server must not hold our pipes.
        start.arg("-l").arg(socket.join("log"));
        start.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(start.status().unwrap().success());
        let mut watchdog = as_postgres("bash");
        watchdog.arg("-c").arg(format!(
            "read -r _; {BIN}/pg_ctl stop -s -m immediate -D {0}/data; rm -rf {0}/*; rmdir {0}",
            socket.display()
        ));
        watchdog
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let cluster = Cluster {
            socket,
            _watchdog: watchdog.spawn().unwrap(),
        };
        let sql = std::fs::read_to_string(format!("{ROOT}/fixtures/cutter/schema.sql")).unwrap();
        psql_to(&cluster.socket, "postgres", "CREATE DATABASE cutter");
        psql_to(&cluster.socket, "cutter", &sql);
        cluster
    })
}

pub fn psql_to(socket: &Path, database: &str, sql: &str) -> String {
    done(&mut psql_command(socket, database, sql))
}

pub fn psql_command(socket: &Path, database: &str, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql]);
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command.env("PGHOST", socket).env("PGUSER", "postgres");
    command.env("PGDATABASE", database);
    command
}
