//! An undo's plan as it is told.

use crate::base::version::PGSEAL;
use crate::config::undo::Triggers;
use crate::report::findings::Findings;
use crate::report::undo::{
    BehindSequence, Cascaded, Refused, Transaction, UndoMode, UndoReport, UndoResult, UndoTable,
    UndoTrigger,
};
use crate::undo::apply::Extent;
use crate::undo::plan::{Plan, Request};
use crate::undo::planned::{Cascade, Planned};
use crate::undo::refusal::Refusal;
use crate::undo::sequences::Behind;
use crate::undo::triggers::FiringTrigger;

/// Without what only the artifact, the session and the commit tell.
pub(crate) fn report(
    plan: &Plan,
    extent: Extent,
    request: &Request,
    checks: Findings,
) -> UndoReport {
    let (mode, done) = match extent {
        Extent::Plan => (UndoMode::Plan, UndoResult::Planned),
        Extent::Rehearse => (UndoMode::Rehearse, UndoResult::Rehearsed),
        Extent::Apply => (UndoMode::Apply, UndoResult::Undone),
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
        triggers: plan.triggers.iter().map(UndoTrigger::of).collect(),
        triggers_off: request.options.triggers == Triggers::Off,
        cascades: plan.cascades.iter().map(Cascaded::of).collect(),
        sequences: plan.sequences.iter().map(BehindSequence::of).collect(),
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
        let by = planned.written_by.iter().map(|by| Transaction {
            transaction: by.transaction.clone(),
            rows: by.rows,
        });
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
            written_by: by.collect(),
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

impl UndoTrigger {
    fn of(trigger: &FiringTrigger) -> UndoTrigger {
        UndoTrigger {
            table: trigger.table.clone(),
            name: trigger.name.clone(),
            timing: trigger.timing.clone(),
            events: trigger.events.clone(),
            row: trigger.row,
            function: trigger.function.clone(),
        }
    }
}

impl Cascaded {
    fn of(cascade: &Cascade) -> Cascaded {
        Cascaded {
            table: cascade.table.clone(),
            by: cascade.by.clone(),
            rows: cascade.rows,
            does: cascade.does,
        }
    }
}

impl BehindSequence {
    fn of(behind: &Behind) -> BehindSequence {
        BehindSequence {
            sequence: behind.sequence.clone(),
            table: behind.table.clone(),
            column: behind.column.clone(),
            next: behind.next.clone(),
            last: behind.last.clone(),
            raised: behind.raised,
        }
    }
}
