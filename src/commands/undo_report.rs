//! The report of an undo, from its plan.

use crate::base::version::PGSEAL;
use crate::config::undo::Triggers;
use crate::report::findings::Findings;
use crate::report::undo::{Refused, UndoMode, UndoReport, UndoResult, UndoTable};
use crate::undo::plan::{Plan, Request};
use crate::undo::planned::Planned;
use crate::undo::refusal::Refusal;

/// The report but for what the caller knows of the artifact, the session and the commit.
pub(crate) fn report(
    plan: &Plan,
    mode: UndoMode,
    request: &Request,
    checks: Findings,
) -> UndoReport {
    let done = match mode {
        UndoMode::Plan => UndoResult::Planned,
        UndoMode::Rehearse => UndoResult::Rehearsed,
        UndoMode::Apply => UndoResult::Undone,
    };
    let result = match (plan.refusals.is_empty(), plan.rows()) {
        (false, _) => UndoResult::Refused,
        (true, 0) => UndoResult::Nothing,
        (true, _) => done,
    };
    let has_mark = request.later.is_some();
    UndoReport {
        schema: "pgseal/undo/1",
        pgseal_version: PGSEAL,
        result,
        mode,
        run_id: None,
        artifact: String::new(),
        database: String::new(),
        plan_sha: plan.sha.clone(),
        rows: plan.rows(),
        tables: plan
            .tables
            .iter()
            .map(|table| UndoTable::of(table, has_mark))
            .collect(),
        refusals: plan.refusals.iter().map(Refused::of).collect(),
        triggers: plan.triggers.clone(),
        triggers_off: request.options.triggers == Triggers::Off,
        cascades: plan.cascades.clone(),
        sequences: plan
            .sequences
            .iter()
            .map(|behind| behind.told.clone())
            .collect(),
        safety_run_id: None,
        safety_sha256: None,
        take_back: None,
        notes: plan.notes.clone(),
        checks,
    }
}

impl UndoTable {
    fn of(planned: &Planned, has_mark: bool) -> UndoTable {
        let (counts, chosen) = (&planned.counts, &planned.chosen);
        UndoTable {
            table: planned.loaded.table.name.to_string(),
            then: counts.then,
            now: counts.now,
            changed: chosen.changed,
            gone: chosen.gone,
            added: chosen.added,
            kept: chosen.kept,
            deleted_and_inserted: chosen.swapped,
            written_later: has_mark.then_some(chosen.later),
            written_by: planned.written_by.clone(),
        }
    }
}

impl Refused {
    fn of(refusal: &Refusal) -> Refused {
        let code = refusal.reason.code();
        Refused {
            reason: refusal.reason.as_str(),
            code: code.as_str(),
            table: refusal.table.clone(),
            by: refusal.by.clone(),
            rows: refusal.rows,
            text: refusal.text.clone(),
            hint: refusal.hint.clone(),
            exit: code.exit(),
        }
    }
}
