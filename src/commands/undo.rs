//! `pgseal undo`: the rows of a backup back into their tables, or why not.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::meter::Meter;
use crate::commands::artifact::{
    Risk, check_standard_input, given, require_origin, require_signed, sound,
};
use crate::commands::opening::RowSource;
use crate::commands::safety_backup::safety_backup;
use crate::commands::undo_report::report;
use crate::config::flags::Settings;
use crate::config::settings::Config;
use crate::config::undo::{self as words, Later, UndoOptions};
use crate::pg::connection::Connection;
use crate::pg::conninfo::ConnInfo;
use crate::pg::written_since;
use crate::process::cancel::Cancel;
use crate::report::print::Answer;
use crate::report::undo::{UndoMode, UndoReport, UndoResult};
use crate::store::manifest::Manifest;
use crate::undo::apply::Undo;
use crate::undo::commit::{Commit, End, Safety};
use crate::undo::compared_table::{ComparedTable, compared_tables, names};
use crate::undo::converse::{Subject, converse};
use crate::undo::fitness;
use crate::undo::live_tables::{LiveTables, live_tables};
use crate::undo::moment::Moment;
use crate::undo::plan::Request;
use crate::undo::refusal::{self, Refusal};
use crate::undo::structure;
use crate::verify::verification::Verification;

pub(crate) fn run(
    args: &words::Undo,
    settings: &Settings,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Answer> {
    let mode = match (args.apply, args.rehearse) {
        (true, _) => UndoMode::Apply,
        (_, true) => UndoMode::Rehearse,
        _ => UndoMode::Plan,
    };
    check_standard_input(&args.named, args.opening.plaintext)?;
    let given = given(&args.named, args.opening.passphrase_fd, cancel)?;
    let verification = sound(&args.named.target, &given, config, cancel)?;
    match args.opening.plaintext {
        _ if args.origin_unproved => {}
        None => require_origin(&verification, Risk::RowsAreOverwritten)?,
        Some(_) => require_signed(&verification, Risk::RowsAreOverwritten)?,
    }
    let manifest = verification.verified()?.manifest;
    let tables = compared_tables(manifest, &settings.tables)?;
    let encoding = manifest.plaintext.encoding;
    let live = live_tables(&config.connection, &names(&tables), encoding, cancel)?;
    live.check(manifest, &config.connection)?;
    let (later, note) = second_mark(&verification, &live);
    let options = options(args, settings);
    if mode == UndoMode::Apply && later.is_none() && args.plan_sha.is_none() {
        require_word_on_later(options.later)?;
    }
    let dropped = dropped(&tables, &live);
    let bring_back = bring_back(&dropped, args, &verification, &live, config);
    if mode == UndoMode::Apply {
        // The backup that comes first would miss them.
        require_none_dropped(&dropped, &bring_back)?;
    }
    let commit = Commit::default();
    let safety = match mode {
        UndoMode::Apply => Some(safety_backup(manifest, &tables, config, cancel, meter)?),
        UndoMode::Plan | UndoMode::Rehearse => None,
    };
    let undo = Undo {
        request: Request {
            options,
            header: format!("{} {}", manifest.run_id, manifest.envelope.sha256),
            backup: backup_moment(manifest, &live),
            later,
            bring_back,
            dropped,
            session: live.session.clone(),
            defined: live.defined.clone(),
            beyond: live.beyond.clone(),
        },
        mode,
        plan_sha: args.plan_sha.clone(),
        safety,
        commit: commit.clone(),
        token: Vec::new(),
        plan: None,
        written: Vec::new(),
    };
    // Another table of the name, a partition that came since: its rows count as added.
    let otherwise = structure::of_tables(&tables, &live, manifest).into_iter();
    let otherwise: Vec<String> = otherwise
        .map(|difference| format!("{}: {}", difference.object, difference.what))
        .collect();
    let (how, untouched) = (&args.opening, End::Untouched.told());
    let source = RowSource::by(how, given.passphrase, untouched, config, cancel, meter)?;
    let dump = source.dump(verification.verified()?.artifact, config, cancel, meter)?;
    let connection = config.connection.pinned(&live.session.place());
    let subject = Subject {
        manifest,
        dump: &dump,
        connection: &connection,
        live: &live,
        tables,
    };
    let conversed = converse(subject, undo).map_err(|error| told(error, &commit, &connection))?;
    let Some(plan) = conversed.conversation.plan else {
        return Err(Error::new(Code::StageFailed, "the undo came to no plan"));
    };
    let mut checks = verification.findings.clone();
    checks.extend(&conversed.findings);
    let report = UndoReport {
        run_id: verification.subject.run_id(),
        artifact: verification.subject.artifact.display().to_string(),
        database: live.session.place().to_string(),
        safety_run_id: commit.safety().map(|safety| safety.run_id),
        safety_sha256: commit.safety().map(|safety| safety.sha256),
        take_back: commit
            .safety()
            .and_then(|safety| take_back(&safety, config)),
        notes: plan
            .notes
            .iter()
            .cloned()
            .chain(note)
            .chain(otherwise)
            .collect(),
        ..report(&plan, mode, &conversed.conversation.request, checks)
    };
    Ok(Answer {
        notes: vec![format!("in {}", report.database)],
        undelivered: (report.result == UndoResult::Undone).then(|| End::Committed.told().into()),
        ..Answer::of(&report)?
    })
}

/// The moment at which COMMAND of guard had ended, or why it tells nothing of this server's rows.
fn second_mark(verification: &Verification, live: &LiveTables) -> (Option<Moment>, Option<String>) {
    let Some(after) = &verification.after else {
        return (None, None);
    };
    match written_since::comparable(&after.mark, &live.session.mark) {
        Ok(()) => {
            let snapshot = after.mark.snapshot.clone();
            let ended = after.ended.clone();
            (Some(Moment { snapshot, ended }), None)
        }
        Err(error) => (None, Some(error.message)),
    }
}

/// The moment before the backup, where it tells which rows of this server were written since.
fn backup_moment(manifest: &Manifest, live: &LiveTables) -> Option<Moment> {
    let mark = manifest.mark.as_ref()?;
    written_since::comparable(mark, &live.session.mark).ok()?;
    Some(Moment {
        snapshot: mark.snapshot.clone(),
        ended: None,
    })
}

fn options(args: &words::Undo, settings: &Settings) -> UndoOptions {
    let mut only = args.only.clone();
    only.sort_unstable();
    only.dedup();
    UndoOptions {
        only,
        conditions: args.conditions.clone(),
        max_rows: args.max_rows,
        later: args.later,
        triggers: args.triggers,
        sequences: args.sequences,
        allow_cascade: args.allow_cascade,
        tables: settings.tables.clone(),
    }
}

fn require_word_on_later(later: Later) -> Result<()> {
    if later == Later::Overwrite {
        return Ok(());
    }
    let what = "nothing tells rows that were written later from those of the write: no run of guard noted \
                when COMMAND had ended";
    Err(Error::new(Code::UndoRefused, what)
        .on_disk(End::Untouched.told())
        .hint(
            "Look at the plan, the same command without --apply, and give its number: --plan-sha HEX.\n      \
             Or undo all that was written since the backup: --later=overwrite.",
        ))
}

/// The error, with what is known of the tables and of the backup that was taken first.
fn told(error: Error, commit: &Commit, connection: &Connection) -> Error {
    let end = commit.end(connection).told();
    let backup = commit.safety();
    let backup = backup.map(|safety| {
        format!(
            "; the backup that was taken before it is kept: {}",
            safety.run_id
        )
    });
    let disk = error.disk.iter().map(|disk| format!("; {disk}"));
    let more: String = backup.into_iter().chain(disk).collect();
    error.on_disk(format!("{end}{more}"))
}

/// A command line that works as it is: that backup holds the tables of this undo.
fn take_back(safety: &Safety, config: &Config) -> Option<String> {
    let sha256 = format!("--sha256={}", safety.sha256);
    let hints = Hints::from(Hint::pgseal(&["undo", &safety.run_id, &sha256]));
    hints.completed(&config.given.without("--table")).text()
}

fn dropped(tables: &[ComparedTable], live: &LiveTables) -> Vec<ComparedTable> {
    let gone = tables
        .iter()
        .filter(|table| live.find(&table.name).is_none());
    gone.cloned().collect()
}

fn require_none_dropped(dropped: &[ComparedTable], bring_back: &str) -> Result<()> {
    let refusals = dropped.iter();
    let refusals: Vec<Refusal> = refusals
        .map(|table| fitness::dropped(table, bring_back))
        .collect();
    match refusal::code(&refusals) {
        Some(code) => Err(refusal::error(code, &refusals).on_disk(End::Untouched.told())),
        None => Ok(()),
    }
}

/// How dropped tables are brought back: a command line that works as it is.
fn bring_back(
    dropped: &[ComparedTable],
    args: &words::Undo,
    verification: &Verification,
    live: &LiveTables,
    config: &Config,
) -> String {
    let mut words = vec!["restore".to_string()];
    words.extend(verification.named.iter().cloned());
    let tables = dropped
        .iter()
        .map(|table| format!("--table={}", table.name));
    words.extend(tables);
    // restore asks for it in words, wherever it is said otherwise.
    let place = live.session.place();
    let here =
        || ConnInfo::at(None, &place.host, &place.port).as_role(&place.role, &place.database);
    let to = config.connection.conninfo.clone().unwrap_or_else(here);
    words.push(format!("--dbname={to}"));
    if args.origin_unproved {
        words.push("--origin-unproved".into());
    }
    if args.opening.plaintext.is_some() {
        words.push("--plaintext=-".into());
        words.extend(
            verification
                .prelude
                .iter()
                .map(|_| "--no-prelude".to_string()),
        );
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let hints = Hints::from("Bring it back first:").then(Hint::pgseal(&words));
    hints.completed(&config.given).lines().join("\n")
}
