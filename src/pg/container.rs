//! The container in which the client tools run: PostgreSQL's own, through `docker`, `podman` or
//! `kubectl exec`.
//!
//! Never with a terminal (`-t` turns each LF into CRLF), always with standard input (without `-i`
//! psql reads nothing and exits 0). The end of the `exec` client does not end what it started, so
//! pg_dump is held by a lifeline and a psql is ended by the server.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::random;
use crate::pg::engine_trouble;
use crate::pg::keywords::KEYWORDS;
use crate::process::command::{CommandSpec, Inside, Quit};
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
    "PODMAN_*",
    "STORAGE_*",
    "KUBE*",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_*",
    "SSH_AUTH_SOCK",
    "AWS_*",
    "AZURE_*",
    "CLOUDSDK_*",
    "GOOGLE_*",
];

/// Of a tool's environment, what goes in beside the variables of connection keywords: what else libpq
/// reads. A `PGADMIN_PASSWORD` is none of it, and would stand in kubectl's command line.
const MORE: &[&str] = &[
    "LC_ALL",
    "PGDATESTYLE",
    "PGGEQO",
    "PGMAXPROTOCOLVERSION",
    "PGMINPROTOCOLVERSION",
    "PGREQUIRESSL",
    "PGSSLCERTMODE",
    "PGTZ",
];

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
        let variables = KEYWORDS.iter().map(|keyword| keyword.variable);
        let variables: Vec<&str> = variables.chain(MORE.iter().copied()).collect();
        let goes = |name: &OsString| name.to_str().is_some_and(|name| variables.contains(&name));
        let inside: Vec<(OsString, OsString)> = spec
            .env
            .iter()
            .filter(|(name, _)| goes(name))
            .cloned()
            .collect();
        let mut outer = CommandSpec {
            program: self.client.clone(),
            args: vec!["exec".into()],
            inside: Some(Box::new(Inside {
                program: spec.program.clone(),
                container: self.name.clone(),
                look: engine_trouble::look(self.engine, &self.name),
            })),
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
        let shell = match held {
            Held::Lifeline(_) => Some(LIFELINE),
            Held::Shell => Some("exec \"$@\""),
            Held::Server(_) | Held::No => None,
        };
        if let Some(shell) = shell {
            outer = outer.args(["sh", "-c", shell, "pgseal"]);
        }
        let quit = match held {
            Held::Lifeline(ender) => Quit::Lifeline(ender),
            Held::Server(ender) => Quit::Ender(ender),
            Held::Shell | Held::No => Quit::Signals(&[signal_hook::consts::SIGTERM]),
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

/// What ends a tool inside when its client is asked to end. The command is another session, which
/// makes the server end this one; it is run too where the client has failed.
pub(crate) enum Held {
    /// Its standard input: it reads nothing from it.
    Lifeline(Option<Box<CommandSpec>>),
    Server(Box<CommandSpec>),
    /// It ends by itself in a moment; it tells whether there is the shell that a lifeline takes.
    Shell,
    /// It ends by itself in a moment.
    No,
}
