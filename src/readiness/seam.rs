//! The seam in front of the write: the user's command must accept a complete envelope and refuse
//! each that lacks one field.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::text::last_line;
use crate::base::threads::{self, Task};
use crate::process::child::ExitKind;
use crate::process::command::CommandSpec;
use crate::process::run::{Input, Output, run};
use crate::readiness::audit::{Host, told, unasked};
use crate::report::matrix::{Evidence, Finding};
use crate::store::manifest::Envelope;
use std::thread;
use std::time::Duration;

/// It reads one line and judges it.
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn check(host: &Host) -> Finding {
    let Some((name, args)) = host.config.seam.split_first() else {
        return unset(host);
    };
    let program = match program(host, name) {
        Ok(program) => program,
        Err(error) => return Finding::missing(told(&error)).hint(mend(host)),
    };
    let spec = CommandSpec::new("seam", &program)
        .args(args)
        .inherit(&host.config.env, &["PATH", "HOME"]);
    let cancel = &host.cancel.with_timeout(LIMIT);
    let tried: Result<Vec<(Option<&str>, Output)>> = thread::scope(|scope| {
        let running: Vec<_> = envelopes(host)
            .into_iter()
            .map(|(lacks, line)| {
                let spec = &spec;
                let ran = threads::spawn(scope, move || run(spec, Input::Bytes(line), cancel));
                (lacks, ran)
            })
            .collect();
        let all = running.into_iter();
        all.map(|(lacks, ran)| Ok((lacks, ran.and_then(Task::join)?)))
            .collect()
    });
    let tried = match tried {
        Ok(tried) => tried,
        Err(error) => return unasked(&error),
    };
    judge(host, &spec, &tried)
}

fn judge(host: &Host, spec: &CommandSpec, tried: &[(Option<&str>, Output)]) -> Finding {
    let mut wrong = Vec::new();
    let mut evidence = Vec::new();
    for (lacks, ran) in tried {
        let what = match lacks {
            None => "a complete envelope".to_string(),
            Some(field) => format!("an envelope without {field}"),
        };
        let end = match ran.stop {
            Some(_) => format!("no answer in {} s", LIMIT.as_secs()),
            None => ran.outcome.end.to_string(),
        };
        let (did, right) = match (&ran.outcome.end, ran.stop) {
            (ExitKind::Code(0), None) => ("accepted", lacks.is_none()),
            (ExitKind::Code(_), None) => ("refused", lacks.is_some()),
            // A command that dies says neither yes nor no.
            _ => ("did not judge", false),
        };
        let mut answer = format!("{did} {what}: {end}");
        if let Some(last) = last_line(&ran.outcome.stderr) {
            answer += &format!(": {last}");
        }
        if !right {
            wrong.push(format!("it {did} {what} ({end})"));
        }
        evidence.push(Evidence::run(spec, answer));
    }
    if !wrong.is_empty() {
        return Finding::failed(format!("the seam does not hold: {}", wrong.join("; ")))
            .with_all(evidence)
            .hint(
                Hints::from("This must exit with status 0 for a complete envelope alone:")
                    .then(Hint::run(format!("{spec} < ENVELOPE")))
                    .then(mend(host)),
            );
    }
    let mut evidence = evidence.into_iter();
    match evidence.next() {
        Some(first) => Finding::ready(first).with_all(evidence),
        None => Finding::unknown("nothing was tried"),
    }
}

/// A complete envelope, and four that lack one field each, as lines.
fn envelopes(host: &Host) -> Vec<(Option<&'static str>, Vec<u8>)> {
    let recipients = host.config.recipients.as_ref().ok();
    let recipient = recipients.and_then(|r| r.fingerprints.first());
    let artifact = host.config.store.join("pgseal-seam-probe.sql.gpg");
    let whole = Envelope {
        sha256: "5ea1".repeat(16),
        size_bytes: 4096,
        gpg_fpr: recipient.map_or_else(|| "5EA1".repeat(10), ToString::to_string),
        artifact_ref: artifact.display().to_string(),
    };
    let whole = serde_json::json!(whole);
    let line = |value: &serde_json::Value| format!("{value}\n").into_bytes();
    let mut all = vec![(None, line(&whole))];
    for field in ["sha256", "size_bytes", "gpg_fpr", "artifact_ref"] {
        let mut less = whole.clone();
        if let Some(fields) = less.as_object_mut() {
            fields.remove(field);
        }
        all.push((Some(field), line(&less)));
    }
    all
}

/// An absolute path, or a name to be found on PATH.
fn program(host: &Host, name: &str) -> Result<String> {
    let path = host.config.env.get("PATH");
    let found = which::which_in(name, path, "/").map_err(|_| {
        Error::new(
            Code::ToolMissing,
            format!("[seam] command: `{name}` is not there, or not executable"),
        )
    })?;
    found.into_os_string().into_string().map_err(|path| {
        Error::new(
            Code::ToolMissing,
            format!("the path {path:?} is not UTF-8 text"),
        )
    })
}

fn unset(host: &Host) -> Finding {
    Finding::missing("not configured: [seam] command is not set, so nobody knows what it refuses")
        .hint(mend(host))
}

fn mend(host: &Host) -> Hints {
    const BRIDGE: &str = "command = [\"python3\", \"/PATH/TO/backup_runner.py\", \"accept\"]";
    host.set(
        "seam",
        "Set the check that your writer makes; with the bridge",
        BRIDGE,
    )
}
