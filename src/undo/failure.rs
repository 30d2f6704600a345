//! Why a conversation did not come to its end.

use crate::base::error::{Code, Error, StageReport};
use crate::pg::engine_trouble::killed_hint;
use crate::pg::server_error::{OURS, TEXT};
use crate::process::cancel::stopped;
use crate::process::child::ExitKind;
use crate::process::pipe::Piped;
use crate::process::root_cause::{Blame, blame};
use crate::undo::answer_reader::AnswerReader;
use crate::undo::converse::LoadTap;
use crate::undo::session::{Step, Steps};
use crate::verify::dump_source::Opened;

/// The error of a conversation that failed; none where nothing did.
pub(crate) fn of<C>(
    piped: &Piped<LoadTap<C>, AnswerReader>,
    steps: &Steps,
    opened: Opened,
) -> Option<Error> {
    let [gpg, psql] = [&piped.producer, &piped.consumer];
    let step = failed_step(&psql.stderr, steps);
    let report = without_rows(psql.report(), step.as_ref());
    let blame = blame(piped);
    // First what failed: gpg's words on an artifact that it opened would stand above it.
    let mut stages = vec![gpg.report(), report.clone()];
    if blame == Blame::Consumer {
        stages.reverse();
    }
    let error = match blame {
        Blame::Nobody => return None,
        Blame::Stopped(stop) => stopped(stop),
        // What was looked at and is refused is no fault of gpg's or psql's.
        Blame::Tap(error) if is_refusal(error.code) => return Some(error),
        Blame::NotStarted(error)
        | Blame::Source(error)
        | Blame::Sink(error)
        | Blame::Tap(error) => error,
        Blame::Producer | Blame::Both => opened.failed(gpg),
        Blame::Consumer => match &step {
            Some(Step::Given(what)) if is_wrong(&report.said) => {
                let what = format!("{what} is no condition over the table's columns");
                Error::new(Code::Usage, what).hint(
                    "Give an SQL expression that is true or false; the kind of its error is above.",
                )
            }
            _ => {
                let at = step.as_ref().map_or(String::new(), Step::during);
                let what = match refused(&report.said) {
                    Some(why) => format!("the server does not take rows of the backup{at}: {why}"),
                    None => format!("psql ended with {}{at}", psql.end),
                };
                let error = Error::new(Code::StageFailed, what);
                match killed_hint(psql) {
                    Some(hints) => error.hint(hints),
                    None => error.hint(hint(&psql.end, &report.said, step.as_ref())),
                }
            }
        },
    };
    // The backup before an undo has stages of its own.
    if error.stages.is_empty() {
        return Some(error.stages(stages));
    }
    Some(error)
}

fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::UndoRefused | Code::PlanChanged | Code::TableUnfit | Code::Usage
    )
}

/// Names, types and values that do not fit, and what may not stand in a condition.
fn is_wrong(said: &[String]) -> bool {
    let classes = ["ERROR 42", "ERROR 22", "ERROR 0A"];
    let mut lines = said.iter();
    lines.any(|line| classes.iter().any(|class| line.contains(class)))
}

/// The constraint that a row violates: the name of the error, and those of the objects below it.
fn refused(said: &[String]) -> Option<String> {
    let at = said.iter().position(|line| line.contains("ERROR 23"))?;
    let (_, name) = said.get(at)?.split_once("ERROR 23")?;
    let (_, name) = name.split_once(' ')?;
    let of = said.get(at + 1).filter(|line| !line.starts_with(TEXT));
    Some(match of {
        Some(of) => format!("{name}, {of}"),
        None => name.into(),
    })
}

impl Step {
    /// ` while it loaded the rows of a`, or ` while at COMMIT`.
    fn during(&self) -> String {
        let (Step::Names(what) | Step::Rows(what) | Step::Given(what)) = self;
        let at = if what.starts_with("it ") { "" } else { "at " };
        format!(" while {at}{what}")
    }
}

fn hint(end: &ExitKind, said: &[String], step: Option<&Step>) -> &'static str {
    let says = |words: &[&str]| {
        let mut words = words.iter();
        words.any(|word| said.iter().any(|line| line.contains(word)))
    };
    let during = |begin: &str| matches!(step, Some(Step::Rows(what)) if what.starts_with(begin));
    // psql's status where its connection broke.
    if *end == ExitKind::Code(2) {
        "The connection was lost: see the server's log, then try again."
    } else if during("it loaded") && says(&["42P01", "42883", "42704", "22P02", "ERROR 23"]) {
        "A value of the backup is none of its column's type any more: it names an object that is gone (regclass), or its composite type, or a domain in that, was changed. Bring back the object or the type."
    } else if during("it wrote") && says(&["ERROR 55000", "ERROR 42P10"]) {
        "A table that is published, one that a key's action changes too, needs a replica identity for UPDATE and DELETE, which covers the publication's WHERE: ALTER TABLE … REPLICA IDENTITY. Else a trigger failed: see the server's log."
    } else if says(&["ERROR 23"]) {
        "The constraint is newer than the backup, or a trigger or a key's action is in its way: see pgseal diff. Drop it for the undo, or leave these rows as they are with --where, or the table with --table."
    } else if says(&["ERROR P0"]) && matches!(step, Some(Step::Names(_))) {
        "An event trigger refused it, and the server's log has its words. Have it let temporary tables pass, and with --triggers=off ALTER TABLE; or disable it for the undo: ALTER EVENT TRIGGER … DISABLE."
    } else if says(&["ERROR P0"]) {
        "A function refused it, and the server's log has its words: a trigger's, which --triggers=off keeps from firing, or one that a constraint calls."
    } else if says(&["25006"]) {
        "What a condition calls may read and not write: take out the function that writes."
    } else if says(&["55P03"]) {
        "Another session, or a transaction that is prepared (pg_prepared_xacts), holds a lock on the table: wait for it, or longer with --lock-wait."
    } else if says(&["42501"]) {
        "The role lacks a right, which is named above: it needs SELECT on the tables, and TEMPORARY on the database."
    } else if says(&["53200"]) {
        "The server is out of memory, or its lock table is full (max_locks_per_transaction): compare fewer tables at once, by --table."
    } else if says(&["53100"]) {
        "The server's disk is full: the backup's rows need as much room as the tables, where temp_tablespaces says."
    } else if says(&["53400"]) {
        "A limit of the server's (temp_file_limit) is too low for a comparison of so many rows."
    } else if says(&["ERROR:  53", "ERROR 53"]) {
        "The server is out of room, memory or connections: see its log."
    } else {
        "What the server said is above, without values."
    }
}

/// What psql said, without a text where a value of a row could stand in it.
fn without_rows(mut report: StageReport, step: Option<&Step>) -> StageReport {
    // A condition that was given may build SQL of a row's values.
    let names = matches!(step, Some(Step::Names(_)));
    report.said.retain(|line| names || !line.starts_with(TEXT));
    report
}

/// The step that psql's error names by its line.
fn failed_step(stderr: &str, steps: &Steps) -> Option<Step> {
    let mut lines = stderr.lines().filter_map(|line| {
        let (at, text) = line.strip_prefix("line ")?.split_once(": ")?;
        let line = at.parse::<u64>().ok()?;
        (!text.starts_with(OURS)).then_some(line)
    });
    steps.at(lines.next_back()?)
}
