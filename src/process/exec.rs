//! A program of the user's that is to be itself: looked up as a shell does, started with the
//! environment, the standard streams and the descriptors that we were started with.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use rustix::fs::{Access, access};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where execvp looks where no PATH is set.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A program that is there and may be run.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    /// As typed.
    name: OsString,
    args: Vec<OsString>,
}

impl Program {
    /// Looks on PATH, unless the name holds a slash.
    pub(crate) fn find(words: &[OsString], env: &Env) -> Result<Program> {
        let Some((name, args)) = words.split_first() else {
            return Err(Error::new(Code::Usage, "no COMMAND"));
        };
        let fit = |path: &Path| -> io::Result<()> {
            if path.metadata()?.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok(access(path, Access::EXEC_OK)?)
        };
        let found = if name.as_bytes().contains(&b'/') {
            let path = PathBuf::from(name);
            fit(&path).map(|()| path).map_err(|err| {
                let what = format!("`{}` cannot be run: {err}", name.display());
                Error::new(Code::ToolUnfit, what)
            })
        } else {
            let search = env.get("PATH").unwrap_or(DEFAULT_PATH.as_ref());
            let mut folders = std::env::split_paths(search);
            let found = folders.find_map(|folder| {
                // An empty one is the working directory.
                let path = Path::new(".").join(folder).join(name);
                fit(&path).ok().map(|()| path)
            });
            found.ok_or_else(|| {
                let (name, search) = (name.display(), search.display());
                let what = format!("`{name}` is not on PATH ({search})");
                Error::new(Code::ToolMissing, what)
            })
        };
        let path = found
            .map_err(|error| error.hint("Nothing was run: check the command's name and PATH."))?;
        Ok(Program {
            path,
            name: name.clone(),
            args: args.to_vec(),
        })
    }

    /// With the environment that we were started with, and `more`.
    pub(crate) fn command(&self, env: &Env, more: [(&str, &str); 3]) -> Command {
        let mut command = Command::new(&self.path);
        command.arg0(&self.name).args(&self.args);
        command.env_clear().envs(env.iter()).envs(more);
        command
    }

    /// The same by way of env, whose execvp knows what to do where the kernel does not know a
    /// program's format: a script without its first line.
    pub(crate) fn by_env(&self, env: &Env, more: [(&str, &str); 3]) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command.arg(&self.path).args(&self.args);
        command.env_clear().envs(env.iter()).envs(more);
        command
    }

    /// Becomes the program. Returns only where that failed. The kernel resets the signals that we
    /// handle and closes our files (all are close-on-exec, so the store's lock goes too); `exec`
    /// itself resets SIGPIPE, which Rust ignores, and the mask. What was ignored when we started stays
    /// ignored.
    pub(crate) fn hand_over(&self, env: &Env, more: [(&str, &str); 3]) -> Error {
        let err = self.command(env, more).exec();
        self.not_started(&err)
    }

    pub(crate) fn not_started(&self, err: &io::Error) -> Error {
        let what = format!("`{}` could not be started", self.name.display());
        let error = Error::not_started(&what, err);
        if error.code == Code::ToolUnfit {
            return error.hint("Nothing was run: check the command's name and PATH.");
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn looked_up_as_a_shell_does() {
        let env = |path: &str| Env::new([("PATH".into(), path.into())]);
        let find = |name: &str, path: &str| Program::find(&[name.into()], &env(path));
        let found = find("sh", "/nonexistent::/bin").unwrap();
        assert_eq!(found.path, Path::new("/bin/sh"));
        assert_eq!(find("/bin/sh", "").unwrap().path, Path::new("/bin/sh"));
        let bare = Program::find(&["sh".into()], &Env::new([])).unwrap();
        assert_eq!(bare.path, Path::new("/bin/sh"));
        each(
            [
                ("sh", "/nonexistent", "is not on PATH (/nonexistent)"),
                ("bin", "/", "is not on PATH"),
                ("", "/bin", "is not on PATH"),
                ("/etc/passwd", "", "cannot be run: Permission denied"),
                ("/bin/", "", "cannot be run: is a directory"),
                ("./nope", "/bin", "cannot be run: No such file"),
            ],
            |(name, path, words)| {
                let told = find(name, path).unwrap_err().message;
                assert!(told.contains(words), "{name:?}: {told}");
            },
        );
    }
}
