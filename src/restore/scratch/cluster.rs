//! A throw-away PostgreSQL cluster: a private folder, a socket in it, a server that is our child.

use crate::base::error::{Code, Error, Result};
use crate::base::leftovers::lock;
use crate::base::names::literal;
use crate::pg;
use crate::pg::connection::Connection;
use crate::pg::locks::{SCRATCH_TRANSACTIONS, suffices};
use crate::pg::restrict;
use crate::process::ask;
use crate::process::cancel::Cancel;
use crate::process::child::ExitKind;
use crate::process::command::{CommandSpec, Quit};
use crate::process::find::ServerTools;
use crate::process::run::{Input, run};
use crate::process::service::Service;
use crate::restore::scratch::bounded::Bounds;
use crate::restore::scratch::connection::{conninfo, without_postgres};
use crate::restore::scratch::leftovers;
use crate::restore::scratch::limits::{Limits, MemoryLimit};
use crate::restore::scratch::owner::{self, Owner};
use crate::restore::scratch::roles::{Names, Rights};
use crate::restore::scratch::room;
use crate::store::manifest::{Manifest, Server};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const DATABASE: &str = "pgseal_scratch";

const PREPARE: &str = "cannot prepare the throw-away database";

/// How long one look at a server that starts may take: one that hangs is not the last.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) struct ScratchCluster {
    /// How its database is reached, by the role that restores.
    pub connection: Connection,
    tools: ServerTools,
    /// What is not as on the server that was backed up.
    pub notes: Vec<String>,
    /// How its superuser reaches it.
    admin: Connection,
    names: Names,
    server: Option<Service>,
    dir: Option<TempDir>,
    path: PathBuf,
    /// None where somebody vouches for what is restored into it.
    limits: Option<Limits>,
    _memory: Option<MemoryLimit>,
    /// Held while we live.
    _lock: Option<File>,
}

impl ScratchCluster {
    /// Starts one in `root`, with an empty database that has the encoding and the collation of
    /// the server that was backed up. Without limits, the role that restores is a superuser.
    pub(crate) fn start(
        tools: ServerTools,
        root: &Path,
        like: &Manifest,
        limits: Option<Limits>,
        connection: &Connection,
        cancel: &Cancel,
    ) -> Result<ScratchCluster> {
        let owner = owner::choose(&connection.env)?;
        let left = leftovers::sweep(root, &owner);
        let dir = tempfile::Builder::new()
            .prefix(leftovers::PREFIX)
            .tempdir_in(root);
        let dir = dir.map_err(|err| Error::io(Code::Store, "make a folder in", root, &err))?;
        let path = dir.path().to_path_buf();
        let lock = lock(&path);
        let env = without_postgres(&connection.env);
        let names = Names::random()?;
        let memory = limits
            .as_ref()
            .map(|limits| MemoryLimit::set(limits.memory));
        let reaching = |user: &str, database: &str| {
            let conninfo = conninfo(&path, user, database)?;
            Ok(connection.to(conninfo, env.clone(), &tools.psql))
        };
        let mut cluster = ScratchCluster {
            connection: reaching(&names.restorer, DATABASE)?,
            admin: reaching(&names.superuser, "postgres")?,
            names,
            tools,
            notes: left
                .iter()
                .map(|path| format!("removed what a killed proof left: `{}`", path.display()))
                .collect(),
            server: None,
            dir: Some(dir),
            path,
            _memory: memory.transpose()?,
            limits,
            _lock: lock,
        };
        cluster.init(&owner, cancel)?;
        cluster.serve(&owner, like.restore_locks(), cancel)?;
        let rights = match cluster.limits {
            None => Rights::Superuser,
            Some(_) => Rights::Ordinary,
        };
        cluster.sql(&cluster.names.restorer(rights), cancel)?;
        cluster.create(&like.server, cancel)?;
        let conninfo = conninfo(&cluster.path, &cluster.names.superuser, DATABASE)?;
        cluster.admin.conninfo = Some(conninfo);
        Ok(cluster)
    }

    fn init(&self, owner: &Owner, cancel: &Cancel) -> Result<()> {
        owner.prepare(&self.path, &self.path.join("data"))?;
        let data = format!("--pgdata={}/data", self.path.display());
        let user = format!("--username={}", self.names.superuser);
        let spec = self.command(owner.run_initdb(&self.tools.initdb)).args([
            &data,
            &user,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        let what = "cannot make a throw-away cluster";
        let made = ask::ask(&spec, Input::Null, cancel, Code::StageFailed, what);
        made.map_err(room::explained)?;
        owner.hand_over(&self.path)
    }

    /// In the foreground: it is ours, and ends with us.
    fn serve(&mut self, owner: &Owner, locks: u64, cancel: &Cancel) -> Result<()> {
        let dir = self.path.display();
        let spec = self.command(owner.run_server(&self.tools.postgres));
        let spec = spec.arg("-D").arg(format!("{dir}/data")).args(
            [
                "listen_addresses=".into(),
                format!("unix_socket_directories={dir}"),
                "unix_socket_permissions=0700".into(),
                "fsync=off".into(),
                "synchronous_commit=off".into(),
                "full_page_writes=off".into(),
                "wal_level=minimal".into(),
                "max_wal_senders=0".into(),
                "autovacuum=off".into(),
                "max_wal_size=128MB".into(),
                "shared_buffers=32MB".into(),
                format!("max_connections={SCRATCH_TRANSACTIONS}"),
                format!(
                    "max_locks_per_transaction={}",
                    suffices(locks, SCRATCH_TRANSACTIONS)
                ),
                "dynamic_shared_memory_type=mmap".into(),
                "logging_collector=off".into(),
                "log_statement=none".into(),
                // A statement that failed would be told with the row that it failed on.
                "log_min_error_statement=panic".into(),
            ]
            .map(|setting: String| format!("--{setting}")),
        );
        // The limit of memory is one of each process.
        let alone = ["max_worker_processes", "max_logical_replication_workers"];
        let alone = alone.map(|setting| format!("--{setting}=0"));
        let spec = spec.args(alone.into_iter().filter(|_| self.limits.is_some()));
        // Fast, then immediate shutdown.
        let spec = spec.stop_with(Quit::Signals(&[
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGQUIT,
        ]));
        let what = "cannot start the throw-away server";
        self.server = Some(Service::start(&spec).map_err(|error| error.while_doing(what))?);
        let since = Instant::now();
        let look = pg::command::writer(&self.tools.psql, &self.admin);
        loop {
            let script = Input::Bytes("SELECT 1;".into());
            if run(&look, script, &cancel.with_timeout(LOOK)).ok() {
                return Ok(());
            }
            cancel.check()?;
            if let Some(ended) = self.server.as_mut().and_then(Service::ended) {
                let what = format!("the throw-away server did not start: {}", ended.end);
                return Err(Error::new(Code::StageFailed, what).stages(vec![ended.report()]));
            }
            if since.elapsed() > Duration::from_secs(60) {
                let what = "the throw-away server did not answer within a minute";
                return Err(Error::new(Code::StageFailed, what));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn create(&mut self, like: &Server, cancel: &Cancel) -> Result<()> {
        let owner = self.names.restorer.clone();
        let create = |collate: &str, ctype: &str| {
            format!(
                "CREATE DATABASE {DATABASE} OWNER {owner} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {};",
                literal(&like.encoding),
                literal(collate),
                literal(ctype)
            )
        };
        let collate = like.lc_collate.as_deref().unwrap_or("C");
        let ctype = like.lc_ctype.as_deref().unwrap_or("C");
        if self.ask(&create(collate, ctype), cancel)?.is_none() {
            self.notes.push(format!(
                "this host has no locale {collate}: the throw-away database sorts as C does"
            ));
            self.sql(&create("C", "C"), cancel)?;
        }
        // For the dump that is compared, too. Whether amounts need a locale that this host does
        // not have is asked later.
        if let Some(locale) = like.lc_monetary.as_deref().filter(|locale| *locale != "C") {
            let locale = literal(locale);
            let set = format!("ALTER DATABASE {DATABASE} SET lc_monetary = {locale};");
            self.ask(&set, cancel)?;
        }
        Ok(())
    }

    /// Roles that the dump names, without rights and without a login.
    pub(crate) fn create_roles(&self, names: &[String], cancel: &Cancel) -> Result<()> {
        self.sql(&self.names.roles(names, DATABASE), cancel)
    }

    fn sql(&self, script: &str, cancel: &Cancel) -> Result<()> {
        let spec = pg::command::writer(&self.tools.psql, &self.admin);
        let input = Input::Bytes(self.names.restricted(script).into());
        let asked = ask::ask(&spec, input, cancel, Code::StageFailed, PREPARE);
        asked.map_err(|error| restrict::explained(error, &self.tools.psql))?;
        Ok(())
    }

    /// None where the server says no: psql ends with 3 then. A psql that ended otherwise was killed,
    /// not started, or lost the server.
    fn ask(&self, script: &str, cancel: &Cancel) -> Result<Option<String>> {
        let spec = pg::command::writer(&self.tools.psql, &self.admin);
        let script = self.names.restricted(script);
        let ran = run(&spec, Input::Bytes(script.into()), cancel);
        if ran.stop.is_none() && ran.outcome.end == ExitKind::Code(3) {
            return Ok(None);
        }
        ask::answered(ran, Code::StageFailed, PREPARE).map(|ran| Some(ran.text()))
    }

    /// With nothing of our environment but the path, and in a folder that every user may enter.
    fn command(&self, spec: CommandSpec) -> CommandSpec {
        spec.in_dir("/")
            .inherit(&self.connection.env, &["PATH"])
            .env("LC_ALL", "C")
    }

    /// Runs `work` on it, and ends both where it takes more than it may.
    pub(crate) fn bounded<T>(
        &self,
        cancel: &Cancel,
        work: impl FnOnce(&Cancel) -> Result<T>,
    ) -> Result<T> {
        let bounds = Bounds {
            folder: &self.path,
            limits: self.limits.as_ref(),
        };
        let signal = self.server.as_ref().map(Service::signaller);
        let end = || {
            if let Some(signal) = &signal {
                signal(signal_hook::consts::SIGQUIT);
            }
        };
        bounds.run(end, cancel, work)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Stops the server, removes the folder, and says whether it is gone.
    pub(crate) fn remove(mut self) -> bool {
        self.clean();
        !self.path.exists()
    }

    fn clean(&mut self) {
        // Its drop waits until it is gone.
        self.server = None;
        let Some(dir) = self.dir.take() else { return };
        let path = dir.keep();
        for _ in 0..3 {
            if std::fs::remove_dir_all(&path).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for ScratchCluster {
    fn drop(&mut self) {
        self.clean();
    }
}
