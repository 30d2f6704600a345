//! The argv of every call of gpg.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hint;
use crate::base::names::Fingerprint;
use crate::base::version::Version;
use crate::gnupg::compression::Compression;
use crate::process::ask::ask;
use crate::process::cancel::Cancel;
use crate::process::command::CommandSpec;
use crate::process::find::{self, Tool};
use crate::process::run::Input;
use std::path::Path;

/// One gpg and one keyring. The environment of its children holds nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Gpg {
    pub program: String,
    /// The folder of the keyring.
    pub home: String,
    path: std::ffi::OsString,
}

impl Gpg {
    pub(crate) fn new(program: &str, home: &Path, env: &Env) -> Gpg {
        Gpg {
            program: program.into(),
            home: home.display().to_string(),
            path: env.get("PATH").unwrap_or_default().to_os_string(),
        }
    }

    fn spec(&self, stage: &'static str, program: &str) -> CommandSpec {
        CommandSpec::new(stage, program)
            .env("PATH", &self.path)
            .env("GNUPGHOME", &self.home)
            .env("LC_ALL", "C")
    }

    /// What every call has: no prompt, no personal options, no network, and no `group` line of
    /// /etc/gnupg/gpg.conf, which `--no-options` leaves in force, to send a fingerprint elsewhere.
    pub(crate) fn common(&self, stage: &'static str) -> CommandSpec {
        self.spec(stage, &self.program)
            .status_prefix("[GNUPG:] ")
            .args([
                "--status-fd=2",
                "--batch",
                "--no-tty",
                "--no-options",
                "--no-auto-key-locate",
                "--no-auto-key-retrieve",
                "--disable-dirmngr",
                "--no-groups",
            ])
    }

    /// Encrypts standard input to standard output, to exactly these keys. Validity is judged by
    /// us, from the listing, so the trust model is `always`; the rest keeps other recipients,
    /// armor and hidden key ids out, and the keyring untouched.
    pub(crate) fn encrypt(
        &self,
        recipients: &[Fingerprint],
        compression: Compression,
    ) -> CommandSpec {
        let spec = self.common("encrypt").args([
            "--trust-model=always",
            "--no-auto-check-trustdb",
            "--lock-never",
            "--no-encrypt-to",
            "--no-random-seed-file",
            "--no-armor",
            "--no-throw-keyids",
            "--no-literal",
        ]);
        // We make the packets (see `frame`), and gpg notes that this is unusual.
        let spec = spec.expect_talk("gpg: Note: --no-literal is not for normal use!");
        let spec = match compression {
            Compression::Gpg(level) => spec
                .arg("--compress-algo=zlib")
                .arg(format!("--compress-level={level}")),
            _ => spec.arg("--compress-algo=none"),
        };
        spec.arg("--encrypt")
            .args(recipients.iter().map(|fpr| format!("--recipient={fpr}")))
            .arg("--output=-")
    }

    /// One key a call: with two names of which one is unknown gpg exits 0.
    pub(crate) fn list_key(&self, name: &str) -> CommandSpec {
        self.listing().args(["--list-keys", "--", name])
    }

    /// With the names of the files that would hold its secret parts. No agent is asked.
    pub(crate) fn list_keygrips(&self, name: &str) -> CommandSpec {
        self.listing()
            .args(["--with-keygrip", "--list-keys", "--", name])
    }

    /// The whole keyring.
    pub(crate) fn list_keys(&self) -> CommandSpec {
        self.listing().arg("--list-keys")
    }

    fn listing(&self) -> CommandSpec {
        self.common("key listing").args([
            "--trust-model=always",
            "--no-auto-check-trustdb",
            "--lock-never",
            "--with-colons",
            "--fixed-list-mode",
        ])
    }

    /// Makes a key from a parameter block on standard input, whose first line is its passphrase.
    pub(crate) fn generate(&self) -> CommandSpec {
        self.common("key generation").args([
            "--pinentry-mode=loopback",
            "--passphrase-fd=0",
            "--gen-key",
        ])
    }

    /// Decrypts a file; the passphrase is the one line of standard input.
    pub(crate) fn decrypt(&self, file: &str) -> CommandSpec {
        self.common("decrypt").args([
            "--pinentry-mode=loopback",
            "--passphrase-fd=0",
            "--output=-",
            "--decrypt",
            "--",
            file,
        ])
    }

    pub(crate) fn version(&self) -> CommandSpec {
        self.spec("version", &self.program).arg("--version")
    }

    /// An agent of this home that ends a few seconds after the command that it becomes has.
    pub(crate) fn agent(&self, gpg_agent: &str, until: &str) -> CommandSpec {
        self.spec("agent", gpg_agent)
            // It would hold our pipe.
            .arg("--log-file=/dev/null")
            .args(["--daemon", "--", until])
    }

    /// Ends the daemons of this home.
    pub(crate) fn kill_daemons(&self, gpgconf: &str) -> CommandSpec {
        self.spec("clean-up", gpgconf).args(["--kill", "all"])
    }

    /// Removes the folder under /run/user that outlives the daemons.
    pub(crate) fn remove_sockets(&self, gpgconf: &str) -> CommandSpec {
        self.spec("clean-up", gpgconf).arg("--remove-socketdir")
    }
}

/// The gpg on PATH, with the keyring in this folder.
pub(crate) fn gpg(home: &Path, env: &Env) -> Result<Gpg> {
    let program = find::find(Tool::Gpg, env)?;
    Ok(Gpg::new(&program, home, env))
}

/// Versions of gpg and of libgcrypt.
pub(crate) fn gpg_version(gpg: &Gpg, cancel: &Cancel) -> Result<(Version, String)> {
    let what = "cannot ask gpg for its version";
    let ran = ask(&gpg.version(), Input::Null, cancel, Code::ToolUnfit, what)?;
    let (version, libgcrypt) = versions(&ran.text()).ok_or_else(|| {
        Error::new(
            Code::ToolUnfit,
            format!("`{}` does not answer as GnuPG does", gpg.program),
        )
        .hint(Hint::run("apt-get install --reinstall gnupg"))
    })?;
    let path = gpg.program.clone();
    Ok((Version { path, version }, libgcrypt))
}

/// `gpg (GnuPG) 2.2.40` and `libgcrypt 1.10.1`, the first two lines of `gpg --version`.
fn versions(text: &str) -> Option<(String, String)> {
    let mut lines = text.lines();
    let gpg = lines.next()?.strip_prefix("gpg (GnuPG) ")?;
    let gcrypt = lines.next()?.strip_prefix("libgcrypt ")?;
    Some((gpg.trim().into(), gcrypt.trim().into()))
}
