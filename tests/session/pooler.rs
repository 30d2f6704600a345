//! A pooler that gives a server's session to whoever begins a transaction, and drops PGOPTIONS.

use crate::restore::forge::{Target, restore, secret};
use crate::support::{Ran, Test, as_owner, cluster, each, eventually, install, tool};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const PORT: &str = "6432";

/// pgbouncer, with one server session a database.
struct Pooler {
    dir: TempDir,
    server: Child,
}

impl Pooler {
    fn start() -> Pooler {
        // Debian keeps it where only root looks.
        let search = Some("/usr/sbin:/usr/bin:/usr/local/bin");
        let program = which::which_in("pgbouncer", search, "/")
            .unwrap_or_else(|err| panic!("pgbouncer: {err}; {}", install("pgbouncer")));
        let dir = TempDir::with_prefix_in("pgs-pool-", "/tmp").unwrap();
        let path = dir.path();
        // The socket's maker is another user where we are root.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(path, mode).unwrap();
        std::fs::write(path.join("users"), "\"postgres\" \"\"\n").unwrap();
        let settings = format!(
            "[databases]\n* = host={server} port=5432 pool_size=1\n\
             [pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\nunix_socket_dir = {dir}\n\
             auth_type = trust\nauth_file = {dir}/users\npool_mode = transaction\n\
             ignore_startup_parameters = options,extra_float_digits\n",
            server = cluster().dir.display(),
            dir = path.display(),
        );
        let config = path.join("pgbouncer.ini");
        std::fs::write(&config, settings).unwrap();
        // It ends with the test, however that ends.
        let server = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(as_owner())
            .arg(program)
            .arg("--quiet")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|err| panic!("setpriv: {err}; {}", install("setpriv")));
        let pooler = Pooler { dir, server };
        let socket = pooler.host().join(format!(".s.PGSQL.{PORT}"));
        eventually("the pooler listens", || socket.exists());
        pooler
    }

    fn host(&self) -> &Path {
        self.dir.path()
    }

    fn to(&self, db: &str) -> String {
        format!(
            "host={} port={PORT} user=postgres dbname={db}",
            self.host().display()
        )
    }

    /// What the next client finds: the server's session, and all of its settings.
    fn session(&self, db: &str) -> String {
        let mut psql = cluster().psql(db);
        psql.env("PGHOST", self.host()).env("PGPORT", PORT);
        let ask = "SELECT pg_backend_pid(), current_user;
                   SELECT name || '=' || setting FROM pg_settings ORDER BY name;
                   SELECT current_setting('pgseal.options', true) IS NULL";
        let out = tool(psql.args(["-1", "-c", ask]), b"");
        String::from_utf8(out).unwrap()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Every question is asked in a transaction that takes its settings along.
#[test]
fn a_refused_run_leaves_the_session_as_it_was() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
    let pooler = Pooler::start();
    let dbname = format!("--dbname={}", pooler.to(&test.db));
    let refused = |ran: Ran| ran.fails(3, &["not read-only", "Connect past the pooler"]);
    let before = pooler.session(&test.db);
    each(["--no-prelude", "--dry-run"], |option| {
        let backup = test.backup(&["public.t"]).args([option, &dbname]);
        refused(backup.run());
        assert_eq!(pooler.session(&test.db), before, "backup {option}");
    });
    let prove = test.pgseal("prove-backup").table("public.t").arg(&dbname);
    refused(prove.run());
    assert_eq!(pooler.session(&test.db), before, "prove-backup");
    let preflight = test.pgseal("preflight").table("public.t").arg(&dbname);
    preflight.run().exits(1);
    assert_eq!(pooler.session(&test.db), before, "preflight");
    test.store_is_empty();
}

/// A role that may only read anyway says nothing of PGOPTIONS.
#[test]
fn a_pooler_is_refused_where_all_is_read_only() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
    let set = format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        test.db
    );
    cluster().sql("postgres", &set);
    let pooler = Pooler::start();
    let before = pooler.session(&test.db);
    let backup = test.backup(&["public.t"]);
    let backup = backup.arg(format!("--dbname={}", pooler.to(&test.db)));
    let said = [
        "PGOPTIONS did not reach the server",
        "Connect past the pooler",
    ];
    backup.run().fails(3, &said);
    assert_eq!(pooler.session(&test.db), before);
}

/// Its transaction could be kept, but not the settings that pg_dump writes around it.
#[test]
fn a_restore_refuses_a_pooler() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    let target = Target::new();
    let pooler = Pooler::start();
    let before = pooler.session(&target.db);
    let run = test
        .pgseal("restore")
        .args(["--origin-unproved".as_ref(), sealed.path.as_os_str()])
        .arg(format!("--dbname={}", pooler.to(&target.db)))
        .env("GNUPGHOME", secret());
    let said = [
        "PGOPTIONS did not reach the server",
        "Connect past the pooler",
    ];
    run.run().fails(3, &said);
    target.is_empty();
    assert_eq!(pooler.session(&target.db), before);
}

/// What was asked of one session need not hold in the next.
#[test]
fn a_restore_without_its_options_changes_nothing() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
    let sealed = test.sealed(&test.backup(&["public.t"]).run());
    let target = Target::new();
    test.shim("psql", "*AUTOCOMMIT=off*", "PGOPTIONS= exec $real \"$@\"");
    let ran = restore(&test, &sealed.path, &target).run();
    ran.fails(4, &["pgseal.options", "rolled back"]);
    target.is_empty();
}

/// Temporary tables of one transaction would not be there in the next.
#[test]
fn a_diff_refuses_a_pooler() {
    let test = Test::of("CREATE TABLE t AS SELECT 1 AS a");
    test.backup(&["public.t"])
        .arg("--run-id=run")
        .run()
        .exits(0);
    let pooler = Pooler::start();
    let before = pooler.session(&test.db);
    each(["--rows=1", "--counts"], |option| {
        let diff = test.pgseal("diff").args(["run", option]);
        let diff = diff.arg(format!("--dbname={}", pooler.to(&test.db)));
        let said = [
            "PGOPTIONS did not reach the server",
            "Connect past the pooler",
        ];
        diff.env("GNUPGHOME", secret()).run().fails(3, &said);
        assert_eq!(pooler.session(&test.db), before);
    });
}

/// The temporary tables would be another session's.
#[test]
fn an_undo_refuses_a_pooler() {
    let test = Test::of("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)");
    test.backup(&["public.t"])
        .arg("--run-id=run")
        .run()
        .exits(0);
    test.sql("DELETE FROM t");
    let pooler = Pooler::start();
    let before = pooler.session(&test.db);
    each(
        [&[][..], &["--rehearse"], &["--apply", "--later=overwrite"]],
        |more| {
            let run = test.pgseal("undo").args(["run", "--origin-unproved"]);
            let run = run.args(more.iter().copied());
            let run = run.arg(format!("--dbname={}", pooler.to(&test.db)));
            let said = [
                "PGOPTIONS did not reach the server",
                "Connect past the pooler",
            ];
            run.env("GNUPGHOME", secret()).run().fails(3, &said);
            assert_eq!(pooler.session(&test.db), before);
            assert_eq!(test.sql("SELECT count(*) FROM t"), "0");
        },
    );
    assert_eq!(test.files().len(), 3, "no backup before it");
}
