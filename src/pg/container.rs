//! The container in which the client tools run: PostgreSQL's own, through `docker`, `podman` or
//! `kubectl exec`.
//!
//! Never with a terminal (`-t` turns each LF into CRLF), always with standard input (without `-i`
//! psql reads nothing and exits 0). The end of the `exec` client does not end what it started, so
//! pg_dump is held by a lifeline and a psql is ended by the server.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::random;
use crate::pg::conninfo::ConnInfo;
use crate::pg::keywords::KEYWORDS;
use crate::process::command::{CommandSpec, Quit};
use crate::process::find::{self, Tool};
use std::ffi::OsString;
use std::sync::atomic::{AtomicU64, Ordering};

/// A program that runs another in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Docker,
    Podman,
    Kubectl,
}

impl Engine {
    pub(crate) const ALL: [Engine; 3] = [Engine::Docker, Engine::Podman, Engine::Kubectl];

    pub(crate) fn tool(self) -> Tool {
        match self {
            Engine::Docker => Tool::Docker,
            Engine::Podman => Tool::Podman,
            Engine::Kubectl => Tool::Kubectl,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.tool().name()
    }
}

/// What an engine's client takes from our environment: where its daemon or cluster is, and as whom.
const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "XDG_*",
    "DOCKER_*",
    "CONTAINER*",
    "KUBE*",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSH_AUTH_SOCK",
    "AWS_*",
    "AZURE_*",
    "CLOUDSDK_*",
    "GOOGLE_*",
];

/// Of a tool's environment, what stays on the host: files and folders of the host are not seen
/// inside.
const STAYS: &[&str] = &["PATH", "HOME", "KRB5", "SSL_CERT_", "PGSEAL_"];

/// Variables and keywords that name a file of the host, or a service that such a file defines.
const FILES: &[&str] = &[
    "passfile",
    "service",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslrootcert",
];
const FILE_VARIABLES: &[&str] = &["PGSERVICEFILE", "PGSYSCONFDIR", "PGLOCALEDIR"];

/// Ends a program when standard input ends, and ends with its status. It collects what it started:
/// where the server is the first process of the container, an orphan becomes the server's child, and
/// one that dies of a signal is taken for a crashed backend, whereupon all sessions are ended.
const LIFELINE: &str = "exec 3<&0 </dev/null; \
    \"$@\" 3<&- & tool=$!; \
    { while read -r _; do :; done; kill $tool; sleep 4; kill -0 $$ && kill -9 $tool; } \
    <&3 >/dev/null 2>&1 & lifeline=$!; \
    exec 3<&-; wait $tool; status=$?; { kill $lifeline; wait $lifeline; } 2>/dev/null; exit $status";

/// Letters that no shell and no engine takes for anything else.
fn plain(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(letters)
}

/// A container's name, as it is given.
pub(crate) fn name(text: &str) -> std::result::Result<String, String> {
    if text.split('/').all(plain) {
        return Ok(text.into());
    }
    Err(format!("{text:?} is no name of a container"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub engine: Engine,
    /// The engine's client, an absolute path.
    pub client: String,
    /// `NAME`; for kubectl `NAMESPACE/POD[/CONTAINER]`.
    pub name: String,
    /// As whom the tools run inside; none: as the container's own user.
    pub user: Option<String>,
    /// Of the sessions of this run.
    token: String,
}

impl Container {
    /// The first engine on PATH, where none is named.
    pub(crate) fn new(
        engine: Option<Engine>,
        name: &str,
        user: Option<&str>,
        env: &Env,
    ) -> Result<Container> {
        let wrong = |what: String| Err(Error::new(Code::Setting, what));
        let found = |engine: Engine| Some((engine, find::find(engine.tool(), env).ok()?));
        let (engine, client) = match engine {
            Some(engine) => (engine, find::find(engine.tool(), env)?),
            None => Engine::ALL.into_iter().find_map(found).ok_or_else(|| {
                let what = "no container engine is on PATH: neither docker nor podman nor kubectl";
                Error::new(Code::ToolMissing, what).hint("Install the one that runs the container.")
            })?,
        };
        let parts = match engine {
            Engine::Kubectl => 2..=3,
            Engine::Docker | Engine::Podman => 1..=1,
        };
        if !parts.contains(&name.split('/').count()) {
            let form = match engine {
                Engine::Kubectl => "NAMESPACE/POD or NAMESPACE/POD/CONTAINER",
                Engine::Docker | Engine::Podman => "a name or an id",
            };
            return wrong(format!(
                "{name:?} names no container for {}: it takes {form}",
                engine.name()
            ));
        }
        if let Some(user) = user {
            if engine == Engine::Kubectl {
                return wrong(
                    "kubectl exec runs as the container's own user: leave out container_user"
                        .into(),
                );
            }
            if !user.split(':').all(plain) {
                return wrong(format!("{user:?} is no user of a container"));
            }
        }
        Ok(Container {
            engine,
            client,
            name: name.into(),
            user: user.map(Into::into),
            token: hex::encode(random::bytes::<8>()?),
        })
    }

    /// Refuses what means something else inside than out here, or would stand in a command line.
    pub(crate) fn check(&self, env: &Env, info: Option<&ConnInfo>) -> Result<()> {
        let refused = |what: String, hint: &str| Err(Error::new(Code::Setting, what).hint(hint));
        let of_file = |keyword: &str| FILES.contains(&keyword);
        let variables = KEYWORDS.iter().filter(|keyword| of_file(keyword.name));
        let variables = variables.map(|keyword| keyword.variable);
        let mut variables = variables.chain(FILE_VARIABLES.iter().copied());
        if let Some(set) = variables.find(|name| env.value(name).is_some()) {
            return refused(
                format!(
                    "{set} is set, and the container `{}` does not see files of this host",
                    self.name
                ),
                "Unset it: a password file or TLS files must be in the container, in the home of the user there.",
            );
        }
        if self.engine == Engine::Kubectl && env.value("PGPASSWORD").is_some() {
            return refused(
                "PGPASSWORD is set, and kubectl could only pass it on in a command line".into(),
                "Unset it, and put the password into ~/.pgpass inside the container.",
            );
        }
        // By its name a session is found that must be ended.
        let ours = ["application_name"].into_iter();
        let mut all = FILES.iter().copied().chain(ours);
        let said = all.find(|keyword| info.is_some_and(|info| info.get(keyword).is_some()));
        if said == Some("application_name") {
            return refused(
                "the connection string says `application_name`, which is ours in a container"
                    .into(),
                "Leave it out.",
            );
        }
        if let Some(keyword) = said {
            return refused(
                format!(
                    "the connection string says `{keyword}`, and the container `{}` does not see files of this host",
                    self.name
                ),
                "Leave it out, or run without --container.",
            );
        }
        Ok(())
    }

    /// The words that run a program inside, as a shell reads them.
    pub(crate) fn by_hand(&self) -> Vec<String> {
        let words = [self.engine.name().to_string(), "exec".into()].into_iter();
        words.chain(self.place()).collect()
    }

    /// The options of `exec` that say where, and as whom.
    fn place(&self) -> Vec<String> {
        let mut words = vec!["-i".to_string()];
        words.extend(self.user.iter().map(|user| format!("--user={user}")));
        let mut parts = self.name.split('/');
        if self.engine != Engine::Kubectl {
            words.push(self.name.clone());
            return words;
        }
        let namespace = parts.next().unwrap_or_default();
        words.push(format!("--namespace={namespace}"));
        words.extend(parts.next().map(Into::into));
        words.extend(
            parts
                .next()
                .map(|container| format!("--container={container}")),
        );
        words.push("--".into());
        words
    }

    /// The same command, run inside. Its environment goes in by name where the engine can do that,
    /// else its settings go as words of `env`, none of which is a secret.
    pub(crate) fn exec(&self, spec: CommandSpec, env: &Env, held: Held) -> CommandSpec {
        let goes = |name: &OsString| {
            let name = name.to_string_lossy();
            !STAYS.iter().any(|stays| name.starts_with(stays))
        };
        let inside: Vec<(OsString, OsString)> = spec
            .env
            .iter()
            .filter(|(name, _)| goes(name))
            .cloned()
            .collect();
        let mut outer = CommandSpec {
            program: self.client.clone(),
            args: vec!["exec".into()],
            runs: Some(spec.program.clone()),
            env: Vec::new(),
            ..spec.clone()
        }
        .inherit(env, ALLOWED);
        let mut place = self.place();
        if self.engine == Engine::Kubectl {
            place.push("env".into());
            place.extend(inside.iter().map(|(name, value)| {
                format!("{}={}", name.to_string_lossy(), value.to_string_lossy())
            }));
        } else {
            for (name, value) in &inside {
                outer = outer
                    .arg(format!("--env={}", name.to_string_lossy()))
                    .env(name, value);
            }
        }
        outer = outer.args(place);
        if let Held::Lifeline = held {
            outer = outer.args(["sh", "-c", LIFELINE, "pgseal"]);
        }
        let quit = match held {
            Held::Lifeline => Quit::Lifeline,
            Held::Server(ender) => Quit::By(ender),
            Held::No => Quit::Signals(&[signal_hook::consts::SIGTERM]),
        };
        outer.arg(spec.program).args(spec.args).stop_with(quit)
    }

    /// The name of a session that is like no other, by which another one can end it.
    pub(crate) fn session_name(&self) -> String {
        static SESSIONS: AtomicU64 = AtomicU64::new(0);
        let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
        format!("pgseal-{}-{number}", self.token)
    }
}

/// What ends a tool inside when its client is asked to end.
pub(crate) enum Held {
    /// Its standard input: it reads nothing from it.
    Lifeline,
    /// Another session of this command, which makes the server end it.
    Server(Box<CommandSpec>),
    /// It ends by itself in a moment.
    No,
}
