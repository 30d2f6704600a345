//! Decrypting what is fed on standard input, with the user's own key.

use crate::base::env::Env;
use crate::gnupg::command::Gpg;
use crate::process::command::CommandSpec;

/// Where the passphrase of a protected key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PassphraseSource {
    /// It is the first line of standard input, the message follows.
    FirstLine,
    /// The user's agent asks by its pinentry on this terminal.
    Terminal(String),
    /// Only what the agent has unlocked already, or what is not protected.
    Nobody,
}

/// What the user's agent and its pinentry need, or no window and no terminal is found.
pub(crate) const SESSION: &[&str] = &[
    "HOME",
    "TERM",
    "DISPLAY",
    "XAUTHORITY",
    "WAYLAND_DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
];

impl Gpg {
    pub(crate) fn open(&self, asking: &PassphraseSource, env: &Env) -> CommandSpec {
        let spec = self.common("decrypt").inherit(env, SESSION);
        let spec = match asking {
            PassphraseSource::FirstLine => {
                spec.args(["--pinentry-mode=loopback", "--passphrase-fd=0"])
            }
            PassphraseSource::Terminal(tty) => spec.env("GPG_TTY", tty),
            PassphraseSource::Nobody => spec.arg("--pinentry-mode=error"),
        };
        spec.args(["--output=-", "--decrypt"])
    }
}
