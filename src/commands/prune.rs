//! `pgseal prune`: old runs go, by a rule; nothing goes without --apply.

use crate::base::error::{Code, Error, Result};
use crate::config::cli;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::report::listing::{Kept, Line, Pruning};
use crate::report::print::Answer;
use crate::report::proof::Verdict;
use crate::store::folder::Store;
use crate::store::listing::{self, Run, RunState};
use crate::store::retention::{Rule, in_future};
use crate::verify::artifact_files::ArtifactFiles;
use crate::verify::origin::Origin;
use crate::verify::without_key;
use jiff::Timestamp;

pub(crate) fn run(
    args: &cli::Prune,
    config: &Config,
    cancel: &Cancel,
    json: bool,
) -> Result<Answer> {
    let rule = Rule {
        last: args.keep_last,
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
    let (mut good, mut rest): (Vec<Run>, Vec<Run>) = listing::runs(&store)?
        .into_iter()
        .partition(|run| run.state == RunState::Complete);
    good.reverse();
    let now = Timestamp::now();
    let counts = |run: &Run| !run.created.is_some_and(|made| in_future(made, now));
    let wanted = rule.last.max(1);
    set_bad_apart(&mut good, &mut rest, counts, wanted, config, cancel)?;

    let made: Vec<Timestamp> = good.iter().filter_map(|run| run.created).collect();
    let fates = rule.fates(&made, now);
    let line = |run: &Run| Line::of(run, &store, now);
    let mut pruning = Pruning {
        schema: "pgseal/prune/1",
        store: config.store.display().to_string(),
        applied: args.apply,
        keep: Vec::new(),
        remove: Vec::new(),
        reported: rest.iter().map(line).collect(),
    };
    // Oldest first: what is stopped half-way has removed what mattered least.
    for (run, fate) in good.iter().zip(fates).rev() {
        match fate {
            Some(why) => pruning.keep.push(Kept {
                why,
                run: line(run),
            }),
            None => {
                let told = line(run);
                if args.apply {
                    remove(&store, run, &pruning, cancel)?;
                }
                pruning.remove.push(told);
            }
        }
    }
    Ok(Answer {
        undelivered: args.apply.then(|| "the runs are removed".into()),
        ..Answer::of(&pruning, json)?
    })
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

/// As many as are kept by their number must be seen to be good, byte by byte, before an older one
/// may go for them: a run that does not verify keeps no place, and is left to be looked at. What
/// does not count is passed over.
fn set_bad_apart(
    good: &mut Vec<Run>,
    rest: &mut Vec<Run>,
    counts: impl Fn(&Run) -> bool,
    wanted: usize,
    config: &Config,
    cancel: &Cancel,
) -> Result<()> {
    let mut sound = 0;
    for run in good.iter_mut().filter(|run| counts(run)) {
        if sound == wanted {
            break;
        }
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
    let newest = good.iter().find(|run| counts(run));
    if let Some(newest) = newest.filter(|_| sound == 0) {
        let why = newest.why.clone().unwrap_or_default();
        let but = if good.iter().all(&counts) {
            ""
        } else {
            ", where those dated in the future do not count"
        };
        let what = format!(
            "no run in the store verifies{but}; the newest, `{}`, {why}",
            newest.id
        );
        return Err(Error::new(Code::NotVerified, what)
            .on_disk("nothing was removed")
            .hint("Take a new backup before old ones are removed."));
    }
    rest.extend(good.extract_if(.., |run| run.state == RunState::Broken));
    Ok(())
}
