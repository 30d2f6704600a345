//! `pgseal prune`: old runs go, by a rule; nothing goes without --apply.

use crate::base::error::{Code, Error, Result};
use crate::base::version::PGSEAL;
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::report::listing::Line;
use crate::report::print::Answer;
use crate::report::proof::Verdict;
use crate::report::pruning::{Kept, Pruning};
use crate::store::folder::Store;
use crate::store::listing::{self, Run, RunState};
use crate::store::manifest::RunScope;
use crate::store::retention::{Rule, in_future};
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::origin::Origin;
use crate::verify::without_key;
use jiff::Timestamp;
use std::collections::BTreeMap;

pub(crate) fn run(args: &cli::Prune, config: &Config, cancel: &Cancel) -> Result<Answer> {
    let rule = Rule {
        last: args.keep_last.unwrap_or(0),
        within: args.keep_within,
    };
    if rule.last == 0 && rule.within.is_none() {
        let what = "--keep-last 0 without --keep-within would keep nothing";
        return Err(Error::new(Code::Usage, what)
            .hint("Keep at least one run, or those within a time: --keep-within 30d."));
    }
    let store = if args.apply {
        Store::open_filled(&config.store)?
    } else {
        Store::open_read(&config.store)?
    };
    if args.apply {
        store.lock()?;
    }
    let now = Timestamp::now();
    let line = |run: &Run| Line::of(run, &store, now);
    let Scopes { complete, rest } = by_scope(listing::runs(&store)?);
    let mut pruning = Pruning {
        schema: "pgseal/prune/1",
        pgseal_version: PGSEAL,
        store: config.store.display().to_string(),
        applied: args.apply,
        keep: Vec::new(),
        remove: Vec::new(),
        reported: rest.iter().map(line).collect(),
        unverified: Vec::new(),
    };
    let mut old = Vec::new();
    for (Group { scope, .. }, runs) in complete {
        let Judged { good, bad, found } = judge(runs, rule.last.max(1), now, config, cancel)?;
        pruning.reported.extend(bad.iter().map(line));
        if found == Found::OnlyBad {
            pruning.unverified.push(scope);
        }
        let made: Vec<Timestamp> = good.iter().filter_map(|run| run.created).collect();
        for (run, fate) in good.into_iter().zip(rule.fates(&made, now)).rev() {
            match fate {
                Some(why) => pruning.keep.push(Kept {
                    why,
                    run: line(&run),
                }),
                None => old.push(run),
            }
        }
    }
    // Oldest first: what is stopped half-way has removed what mattered least.
    old.sort_by_key(|run| run.created);
    for run in old {
        let told = line(&run);
        if args.apply {
            remove(&store, &run, &pruning, cancel)?;
        }
        pruning.remove.push(told);
    }
    Ok(Answer {
        undelivered: args.apply.then(|| "the runs are removed".into()),
        ..Answer::of(&pruning)?
    })
}

/// Complete runs by what they are a backup of, newest first, and those that are not complete.
struct Scopes {
    complete: BTreeMap<Group, Vec<Run>>,
    rest: Vec<Run>,
}

/// Runs that may take each other's place. One that was taken before an undo holds the state that was
/// to be undone: it takes the place of no other backup.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    scope: RunScope,
    before_undo: bool,
}

impl Group {
    fn of(run: &Run) -> Option<Group> {
        let manifest = run.manifest.as_ref()?;
        Some(Group {
            scope: manifest.scope(),
            before_undo: manifest.undo_of.is_some(),
        })
    }
}

fn by_scope(runs: Vec<Run>) -> Scopes {
    let mut scopes = Scopes {
        complete: BTreeMap::new(),
        rest: Vec::new(),
    };
    for run in runs.into_iter().rev() {
        match Group::of(&run).filter(|_| run.state == RunState::Complete) {
            Some(group) => scopes.complete.entry(group).or_default().push(run),
            None => scopes.rest.push(run),
        }
    }
    scopes.rest.reverse();
    scopes
}

fn remove(store: &Store, run: &Run, so_far: &Pruning, cancel: &Cancel) -> Result<()> {
    let done = cancel.check().and_then(|()| store.remove(&run.id));
    done.map_err(|error| {
        let gone: Vec<&str> = so_far.remove.iter().map(|l| l.run_id.as_str()).collect();
        error.on_disk(if gone.is_empty() {
            "no other run was removed".to_string()
        } else {
            format!("removed before that: {}", gone.join(", "))
        })
    })
}

/// The runs of one scope, after as many of them as are needed were verified.
struct Judged {
    good: Vec<Run>,
    bad: Vec<Run>,
    found: Found,
}

#[derive(PartialEq, Eq)]
enum Found {
    /// A run that verifies; or none was looked at, since all are dated in the future.
    Good,
    OnlyBad,
}

/// As many as are kept by their number must be seen to be good, byte by byte, before an older one
/// may go for them: a run that does not verify keeps no place, and is left to be looked at. One
/// that is dated in the future does not count, and is passed over.
fn judge(
    mut runs: Vec<Run>,
    wanted: usize,
    now: Timestamp,
    config: &Config,
    cancel: &Cancel,
) -> Result<Judged> {
    let (mut sound, mut looked_at) = (0, 0);
    let counts = |run: &&mut Run| !run.created.is_some_and(|made| in_future(made, now));
    for run in runs.iter_mut().filter(counts) {
        if sound == wanted {
            break;
        }
        looked_at += 1;
        let subject = ArtifactFiles::in_store(&run.id, &config.store)?;
        let verification = without_key::verify_files(subject, &Origin::default(), cancel)?;
        if verification.verdict() == Verdict::Pass {
            sound += 1;
            continue;
        }
        run.state = RunState::Broken;
        run.why = Some(format!(
            "does not verify: {}",
            verification.failed().join("; ")
        ));
    }
    let (bad, good) = runs
        .into_iter()
        .partition(|run| run.state == RunState::Broken);
    let found = match sound {
        0 if looked_at > 0 => Found::OnlyBad,
        _ => Found::Good,
    };
    Ok(Judged { good, bad, found })
}
