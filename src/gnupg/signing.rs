//! Detached signatures: how gpg makes one, and how it is asked about one.

use crate::base::env::Env;
use crate::gnupg::command::Gpg;
use crate::gnupg::opening::SESSION;
use crate::process::command::CommandSpec;

impl Gpg {
    /// Signs standard input, with the newest signing subkey of this primary or with the primary
    /// itself. Nobody is asked for a passphrase. The options undo lines of /etc/gnupg/gpg.conf by
    /// which a signature would be of text, in armor or end some day.
    pub(crate) fn sign(&self, primary: &str, env: &Env) -> CommandSpec {
        self.common("sign")
            .inherit(env, SESSION)
            .args([
                "--pinentry-mode=error",
                "--no-auto-check-trustdb",
                "--lock-never",
                "--no-random-seed-file",
                "--no-armor",
                "--no-textmode",
                "--default-sig-expire=0",
            ])
            .arg(format!("--local-user={primary}"))
            .args(["--output=-", "--detach-sign"])
    }

    /// Checks the signature in a file against the bytes on standard input. Whose signature counts
    /// is judged by us, so the trust model is `always`, and no database of trust is read or made.
    pub(crate) fn verify(&self, signature: &str) -> CommandSpec {
        self.common("signature check")
            .args([
                "--trust-model=always",
                "--no-auto-check-trustdb",
                "--lock-never",
                "--verify",
                "--",
            ])
            .args([signature, "-"])
    }
}
