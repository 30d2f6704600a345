//! As whom a throw-away server runs: PostgreSQL refuses to run as root.

use crate::config::Env;
use crate::error::{Code, Error, Result};
use crate::spec::CommandSpec;
use crate::tools::{self, Tool};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

pub(crate) struct Owner {
    /// `setpriv`; an ordinary user can do without.
    setpriv: Option<String>,
    /// The user and the group, where we must step down.
    down: Option<(u32, u32)>,
}

/// Ourselves; as root, who called sudo, or else `nobody`. Never one who owns a running server:
/// that one could be read and signalled by ours.
pub(crate) fn choose(env: &Env) -> Result<Owner> {
    if !rustix::process::geteuid().is_root() {
        return Ok(Owner {
            setpriv: tools::find(Tool::Setpriv, env).ok(),
            down: None,
        });
    }
    let setpriv = tools::find(Tool::Setpriv, env)?;
    let number = |name: &str| env.get(name)?.to_str()?.parse::<u32>().ok();
    let sudo = number("SUDO_UID").zip(number("SUDO_GID"));
    let mut candidates = sudo.into_iter().chain(nobody());
    // One whose pgseal was killed needs a moment to end.
    let busy = |uid| {
        (0..50).all(|at| {
            std::thread::sleep(Duration::from_millis(if at == 0 { 0 } else { 100 }));
            owns_a_server(uid)
        })
    };
    let fits = |(uid, gid): &(u32, u32)| *uid != 0 && *gid != 0 && !busy(*uid);
    match candidates.find(fits) {
        down @ Some(_) => Ok(Owner {
            setpriv: Some(setpriv),
            down,
        }),
        None => Err(Error::new(
            Code::ToolUnfit,
            "no user to run the throw-away server as: `nobody` is missing, or runs a server",
        )
        .hint("Run it as an ordinary user, not as root.")),
    }
}

impl Owner {
    #[cfg(test)]
    pub(crate) fn us() -> Owner {
        Owner {
            setpriv: None,
            down: None,
        }
    }

    pub(crate) fn run_as(&self, stage: &'static str, program: &str) -> CommandSpec {
        let Some(setpriv) = &self.setpriv else {
            return CommandSpec::new(stage, program);
        };
        let spec = CommandSpec::new(stage, setpriv);
        let spec = match self.down {
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

    /// Whose folders are ours.
    pub(crate) fn is(&self, uid: u32) -> bool {
        let us = rustix::process::geteuid().as_raw();
        uid == us || self.down.is_some_and(|(down, _)| uid == down)
    }

    pub(crate) fn give(&self, dir: &Path) -> Result<()> {
        let Some((uid, gid)) = self.down else {
            return Ok(());
        };
        std::os::unix::fs::chown(dir, Some(uid), Some(gid))
            .map_err(|err| Error::io(Code::Store, "give away", dir, &err))
    }
}

/// Numbers of `nobody`, by /etc/passwd.
fn nobody() -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd
        .lines()
        .find_map(|line| line.strip_prefix("nobody:"))?;
    let mut fields = line.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A server of another proof of ours is no harm.
fn owns_a_server(uid: u32) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return true;
    };
    let pids = entries
        .flatten()
        .filter(|entry| entry.metadata().is_ok_and(|meta| meta.uid() == uid))
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut servers = pids.filter(|pid| is_server(&command_name(*pid)));
    servers.any(|pid| {
        let mut parents = std::iter::successors(Some(pid), |pid| parent(*pid));
        !parents.any(|pid| command_name(pid) == "pgseal")
    })
}

fn is_server(name: &str) -> bool {
    matches!(name, "postgres" | "postmaster")
}

fn command_name(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    name.unwrap_or_default().trim_end().to_string()
}

fn parent(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok().filter(|pid| *pid != 0)
}
