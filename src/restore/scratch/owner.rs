//! The user that a throw-away server runs as: PostgreSQL refuses to run as root.
//!
//! As root it is a number that nobody has: with a daemon's user, the daemon could read the rows
//! and signal the server, and the server could do the same to the daemon. `initdb` alone insists
//! on a user that has a name. It runs as `nobody`, in a folder that is open to a group of that
//! number only, and what it made is handed over before any row comes.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::process::command::CommandSpec;
use crate::process::find::{self, Tool};
use crate::restore::scratch::ids;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, lchown};
use std::os::unix::net::UnixListener;
use std::path::Path;

pub(crate) struct Owner {
    /// `setpriv`; an ordinary user can do without.
    setpriv: Option<String>,
    /// Whom root steps down to.
    down: Option<Down>,
}

struct Down {
    /// User and group of the server.
    id: u32,
    /// The user that runs `initdb`.
    nobody: u32,
    /// While it is held, no other pgseal takes the number; once the server runs, it is seen.
    _claim: UnixListener,
}

/// Ourselves, or as root a number that nobody has.
pub(crate) fn choose(env: &Env) -> Result<Owner> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Owner {
            setpriv: find::find(Tool::Setpriv, env).ok(),
            down: None,
        });
    }
    let setpriv = find::find(Tool::Setpriv, env)?;
    let nobody = ids::nobody().ok_or_else(|| refused("/etc/passwd has no user `nobody`"))?;
    let range = ids::PRIVATE;
    let free = ids::claim().map_err(|err| refused(&err.to_string()))?;
    let (id, claim) = free.ok_or_else(|| {
        let (first, last) = (range.start(), range.end());
        refused(&format!("all user ids from {first} to {last} are taken"))
    })?;
    Ok(Owner {
        setpriv: Some(setpriv),
        down: Some(Down {
            id,
            nobody,
            _claim: claim,
        }),
    })
}

fn refused(why: &str) -> Error {
    let what = format!("root cannot run the throw-away server as another user: {why}");
    Error::new(Code::ToolUnfit, what).hint(
        "Run it as an ordinary user who can read the artifact and has the secret key: sudo -u USER pgseal prove-restore …",
    )
}

impl Owner {
    #[cfg(test)]
    pub(crate) fn us() -> Owner {
        Owner {
            setpriv: None,
            down: None,
        }
    }

    /// `initdb`, which runs before there is anything to protect.
    pub(crate) fn run_initdb(&self, program: &str) -> CommandSpec {
        let ids = self.down.as_ref().map(|down| (down.nobody, down.id));
        self.run_as(ids, "initdb", program)
    }

    pub(crate) fn run_server(&self, program: &str) -> CommandSpec {
        let ids = self.down.as_ref().map(|down| (down.id, down.id));
        self.run_as(ids, "server", program)
    }

    fn run_as(&self, ids: Option<(u32, u32)>, stage: &'static str, program: &str) -> CommandSpec {
        let Some(setpriv) = &self.setpriv else {
            return CommandSpec::new(stage, program);
        };
        let spec = CommandSpec::new(stage, setpriv);
        let spec = match ids {
            None => spec,
            Some((uid, gid)) => spec
                .arg(format!("--reuid={uid}"))
                .arg(format!("--regid={gid}"))
                .arg("--clear-groups"),
        };
        // It dies with us, even where we are killed.
        spec.args(["--no-new-privs", "--pdeathsig=QUIT", "--"])
            .arg(program)
    }

    /// Whether a folder of this user may be a throw-away cluster of ours.
    pub(crate) fn is(&self, uid: u32) -> bool {
        let us = rustix::process::geteuid().as_raw();
        uid == us || self.down.is_some() && ids::PRIVATE.contains(&uid)
    }

    /// Makes `data` for `initdb`, in a folder that other processes of its user cannot enter.
    pub(crate) fn prepare(&self, folder: &Path, data: &Path) -> Result<()> {
        let Some(down) = &self.down else {
            return Ok(());
        };
        let prepare = || {
            chown(folder, Some(0), Some(down.id))?;
            std::fs::set_permissions(folder, PermissionsExt::from_mode(0o710))?;
            std::fs::DirBuilder::new().mode(0o700).create(data)?;
            chown(data, Some(down.nobody), Some(down.id))
        };
        prepare().map_err(|err| self.not_given(folder, &err))
    }

    /// Gives all that `initdb` made, and the folder, to the server.
    pub(crate) fn hand_over(&self, folder: &Path) -> Result<()> {
        let Some(down) = &self.down else {
            return Ok(());
        };
        let hand_over = || {
            give_all(folder, down.id)?;
            std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))
        };
        hand_over().map_err(|err| self.not_given(folder, &err))
    }

    /// In a user namespace that has no such number, above all.
    fn not_given(&self, folder: &Path, err: &io::Error) -> Error {
        match err.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => refused(&format!(
                "`{}` cannot be given away: {err}",
                folder.display()
            )),
            _ => Error::io(Code::Store, "give away", folder, err),
        }
    }
}

fn give_all(path: &Path, id: u32) -> io::Result<()> {
    lchown(path, Some(id), Some(id))?;
    if path.symlink_metadata()?.is_dir() {
        for entry in path.read_dir()? {
            give_all(&entry?.path(), id)?;
        }
    }
    Ok(())
}
