//! The end of us: another program takes over this process, with its terminal, its standard
//! streams and its parent.

use crate::base::env::Env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Becomes the program, which finds the environment that we were started with, and `more`. Returns
/// only where that failed. The kernel resets the signals that we handle and closes our files
/// (all are close-on-exec, so the store's lock goes too); `exec` itself resets SIGPIPE, which
/// Rust ignores, and the mask. What was ignored when we started stays ignored.
pub(crate) fn hand_over(
    program: &OsString,
    args: &[OsString],
    env: &Env,
    more: [(&str, &str); 3],
) -> io::Error {
    Command::new(program)
        .args(args)
        .env_clear()
        .envs(env.iter())
        .envs(more)
        .exec()
}
