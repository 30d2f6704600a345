//! What a container engine says where it did not run a tool, and what helps.

use crate::base::error::{Code, Error};
use crate::pg::container::Container;
use crate::process::child::ExitKind;
use crate::process::run::Output;

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
            "Cannot connect to the Docker daemon",
            "error during connect",
            "unable to resolve docker endpoint",
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
