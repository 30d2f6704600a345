//! What a container engine says where it did not run a tool, and what helps.

use crate::base::error::{Code, Error};
use crate::base::hint::{Hint, Hints};
use crate::pg::container::{Container, Engine};
use crate::process::child::{ChildExit, ExitKind};
use crate::process::run::Output;
use signal_hook::consts::{SIGKILL, SIGTERM};

/// What the engine says where it did not run the tool; none where the tool itself has spoken.
pub(crate) fn blame(container: &Container, ran: &Output) -> Option<Error> {
    if ran.outcome.end.ok() || ran.stop.is_some() {
        return None;
    }
    let (stdout, stderr) = (ran.text(), &ran.outcome.stderr);
    let own = format!("{}:", ran.outcome.spec.tool());
    if stderr.lines().any(|line| line.starts_with(&own)) {
        return None;
    }
    let refused = matches!(ran.outcome.end, ExitKind::Code(125..=127 | 255));
    // An engine tells some of it on standard output, where a tool's answer would be.
    let stdout = stdout.lines().filter(|_| refused);
    let said = || stderr.lines().chain(stdout.clone());
    let meant = TROUBLES.iter().find_map(|trouble| {
        let told = |line: &&str| trouble.words.iter().any(|word| line.contains(word));
        Some((trouble, said().find(told)?))
    });
    let unknown = || refused.then(|| (&REFUSED, said().next().unwrap_or("it says nothing")));
    let (trouble, line) = meant.or_else(unknown)?;
    let fill = |text: &str| {
        let text = text.replace("ENGINE", container.engine.name());
        text.replace("NAME", &container.name)
    };
    let message = format!("{}: {}", fill(trouble.what), line.trim());
    let error = Error::new(Code::ToolUnfit, message).stages(vec![ran.outcome.report()]);
    Some(error.hint(fill(trouble.hint)))
}

/// What helps where the tool was killed in its container, and not by us.
pub(crate) fn killed_hint(exit: &ChildExit) -> Option<Hints> {
    let (ExitKind::SignalInside(signal), Some(inside)) = (&exit.end, &exit.spec.inside) else {
        return None;
    };
    let why = match *signal {
        SIGKILL => "the container was stopped or killed, or it ran out of memory",
        SIGTERM => "the container was stopped, or somebody ended it there",
        _ => "it crashed, or somebody sent that signal there",
    };
    let (tool, name) = (exit.spec.tool(), &inside.container);
    let hint = Hints::from(format!(
        "{tool} was killed in the container `{name}`: {why}. To see which:"
    ));
    let look = inside.look.iter().cloned().map(Hint::run);
    Some(look.fold(hint, Hints::then))
}

/// Commands that show whether the container runs, and what it said last.
pub(crate) fn look(engine: Engine, name: &str) -> Vec<String> {
    let mut parts = name.split('/');
    match (engine, parts.next(), parts.next()) {
        (Engine::Kubectl, Some(namespace), Some(pod)) => {
            let within = parts.next().map(|name| format!(" --container={name}"));
            let place = format!("--namespace={namespace} {pod}");
            vec![
                format!("kubectl describe pod {place}"),
                format!(
                    "kubectl logs --tail=20 {place}{}",
                    within.unwrap_or_default()
                ),
            ]
        }
        _ => vec![
            format!("{} ps --all", engine.name()),
            format!("{} logs --tail=20 {name}", engine.name()),
        ],
    }
}

/// What an engine says, and what it means.
struct Trouble {
    words: &'static [&'static str],
    what: &'static str,
    hint: &'static str,
}

/// Statuses that no client tool of PostgreSQL ends with.
const REFUSED: Trouble = Trouble {
    words: &[],
    what: "ENGINE did not run it in the container `NAME`",
    hint: "Run the command by hand, and see what it says.",
};

/// By the words of docker 20 and 28, podman 4 and kubectl 1.
const TROUBLES: &[Trouble] = &[
    Trouble {
        words: &["permission denied while trying to connect", "(Forbidden)"],
        what: "this user may not talk to ENGINE",
        hint: "Run as a user who may, or as root.",
    },
    Trouble {
        words: &[
            "unable to resolve docker endpoint",
            "context was not found for specified context",
        ],
        what: "ENGINE has no such context",
        hint: "Look which there are: `docker context ls`, or `kubectl config get-contexts`. One is named by DOCKER_CONTEXT, or in the file of KUBECONFIG.",
    },
    Trouble {
        words: &[
            "Cannot connect to the Docker daemon",
            "error during connect",
            "Cannot connect to Podman",
            "The connection to the server",
        ],
        what: "ENGINE cannot be reached",
        hint: "Start it, or name it: DOCKER_HOST, CONTAINER_HOST or KUBECONFIG.",
    },
    Trouble {
        words: &[
            "No such container",
            "no such container",
            "no container with name",
            "(NotFound)",
            "not found in pod",
            "is not valid for pod",
        ],
        what: "ENGINE has no container `NAME`",
        hint: "Look which there are: `ENGINE ps --all`, or `kubectl get pods --all-namespaces`.",
    },
    Trouble {
        words: &[
            "is not running",
            "cannot exec in a stopped container",
            "is restarting",
            "container state improper",
            "is paused",
            "in a completed pod",
            "container not found",
        ],
        what: "the container `NAME` does not run",
        hint: "Start it, and look why it ended: `ENGINE logs NAME`.",
    },
    Trouble {
        words: &[
            "unable to find user",
            "no matching entries in passwd file",
            "no users found",
        ],
        what: "the container `NAME` has no such user",
        hint: "Name one of its own in [postgres] container_user, or leave it out.",
    },
    Trouble {
        words: &[
            "executable file not found",
            "command not found",
            "pg_dump: not found",
            "No such file or directory: OCI",
            "crun: executable",
            "env: 'p",
            "env: can't execute",
        ],
        what: "the container `NAME` does not have the program",
        hint: "Name the container of the server itself, or install PostgreSQL's client tools (and a shell) in it.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use crate::process::command::{CommandSpec, Inside};

    fn hint(end: ExitKind, container: Option<(Engine, &str)>) -> String {
        let inside = container.map(|(engine, name)| Inside {
            program: "pg_dump".into(),
            container: name.into(),
            look: look(engine, name),
        });
        let inside = inside.map(Box::new);
        let exit = ChildExit {
            spec: CommandSpec {
                inside,
                ..CommandSpec::new("dump", "/x")
            },
            end,
            stopped: false,
            status: Vec::new(),
            stderr: String::new(),
        };
        killed_hint(&exit).map_or(String::new(), |hints| hints.lines().join("; "))
    }

    #[test]
    fn who_was_killed_inside_is_told_where_to_look() {
        let (docker, podman) = ((Engine::Docker, "db"), (Engine::Podman, "5f1c"));
        let (pod, one) = (
            (Engine::Kubectl, "prod/db-0"),
            (Engine::Kubectl, "prod/db-0/pg"),
        );
        let killed = |name: &str, why: &str| {
            format!("pg_dump was killed in the container `{name}`: {why}. To see which:; ")
        };
        let stopped = "the container was stopped or killed, or it ran out of memory";
        let ended = "the container was stopped, or somebody ended it there";
        let crashed = "it crashed, or somebody sent that signal there";
        let docker_looks = "docker ps --all; docker logs --tail=20 db";
        let describe = "kubectl describe pod --namespace=prod db-0; kubectl logs --tail=20 --namespace=prod db-0";
        each(
            [
                (9, docker, killed("db", stopped) + docker_looks),
                (15, docker, killed("db", ended) + docker_looks),
                (11, docker, killed("db", crashed) + docker_looks),
                (
                    9,
                    podman,
                    killed("5f1c", stopped) + "podman ps --all; podman logs --tail=20 5f1c",
                ),
                (9, pod, killed("prod/db-0", stopped) + describe),
                (
                    9,
                    one,
                    killed("prod/db-0/pg", stopped) + describe + " --container=pg",
                ),
            ],
            |(signal, container, told)| {
                assert_eq!(hint(ExitKind::SignalInside(signal), Some(container)), told);
            },
        );
        for end in [ExitKind::Code(1), ExitKind::Signal(9), ExitKind::Lost] {
            assert_eq!(hint(end, Some(docker)), "");
        }
        assert_eq!(hint(ExitKind::SignalInside(9), None), "");
    }
}
