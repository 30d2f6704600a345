//! An undo from its plan to COMMIT: in one session, in one transaction, by one statement.

use crate::base::error::{Code, Error, Result};
use crate::base::text::counted;
use crate::config::undo::{Sequences, Triggers};
use crate::process::flow::Passed;
use crate::report::undo::UndoMode;
use crate::undo::commit::{Commit, Safety};
use crate::undo::compare;
use crate::undo::converse::Conversation;
use crate::undo::final_rows::{CHOSEN, meets};
use crate::undo::loaded_table::LoadedTable;
use crate::undo::plan::{Plan, Request, plan};
use crate::undo::planned::Planned;
use crate::undo::refusal;
use crate::undo::session::{AS_ANY_WRITE, AS_BEFORE, Mode, Session, Step};
use crate::undo::{beyond, defined, references, sequences, statement, triggers};
use serde::Deserialize;

/// Rows of a table that the statement wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Written {
    pub deleted: u64,
    pub updated: u64,
    pub inserted: u64,
}

/// What takes a backup of the tables before they are written, and names its run.
pub(crate) type SafetyBackup = Box<dyn FnOnce() -> Result<Safety> + Send>;

pub(crate) struct Undo {
    pub request: Request,
    pub mode: UndoMode,
    /// The number of the plan that was reviewed.
    pub plan_sha: Option<String>,
    /// Taken where rows are about to be written.
    pub safety: Option<SafetyBackup>,
    pub commit: Commit,
    /// The random token of the dump.
    pub token: Vec<u8>,
    pub plan: Option<Plan>,
    /// By table; empty where nothing was written.
    pub written: Vec<Written>,
}

impl Conversation for Undo {
    fn hear_token(&mut self, token: &[u8]) {
        self.token = token.to_vec();
    }

    fn talk(&mut self, session: &mut Session, tables: &[LoadedTable]) -> Passed {
        if !self.request.beyond.is_empty() {
            beyond::prepare(session)?;
        }
        session.begin(Mode::ReadOneMoment)?;
        let planned = plan(session, tables, &self.request, &self.token)?;
        self.check(&planned)?;
        let sha = planned.sha.clone();
        let nothing = planned.rows() == 0;
        self.plan = Some(planned);
        if self.mode == UndoMode::Plan || nothing {
            return Ok(());
        }
        // In the transaction that is open, where no timeout of the server's ends an idle session.
        if let Some(safety) = self.safety.take() {
            self.commit.backed_up(safety()?);
        }
        session.run(Step::Names("the end of the plan".into()), "COMMIT;\n")?;
        self.write(session, tables, &sha)
    }
}

impl Undo {
    /// Refuses a plan that has refusals, or is not the one that was reviewed. Where only the plan is asked
    /// for, it is reported all the same.
    fn check(&self, plan: &Plan) -> Passed {
        if self.mode == UndoMode::Plan {
            return Ok(());
        }
        if let Some(code) = refusal::code(&plan.refusals) {
            return Err(refusal::error(code, &plan.refusals).into());
        }
        match &self.plan_sha {
            Some(sha) if *sha != plan.sha => Err(changed(
                "what would be undone is not what was reviewed: the plan's number is another one",
            )
            .into()),
            _ => Ok(()),
        }
    }

    fn write(&mut self, session: &mut Session, loaded: &[LoadedTable], sha: &str) -> Passed {
        session.begin(Mode::Write)?;
        // In one order, so that two undos wait for each other and never in a circle.
        let mut tables: Vec<_> = loaded.iter().map(|table| &table.live).collect();
        tables.sort_by_key(|table| table.oid);
        let names: Vec<String> = tables.iter().map(|table| table.from()).collect();
        let lock = format!(
            "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE;\n",
            names.join(", ")
        );
        session.run(Step::Names("it locked the tables".into()), &lock)?;
        defined::check(session, &tables, &self.request.defined)?;
        let mut plan = plan(session, loaded, &self.request, &self.token)?;
        if let Some(code) = refusal::code(&plan.refusals) {
            return Err(refusal::error(code, &plan.refusals).into());
        }
        if plan.sha != sha {
            return Err(changed("rows were changed between the plan and the lock").into());
        }
        // Who refers to such a row waits for this lock; who had done so before is seen now.
        for table in plan.tables.iter().filter(|table| references::act_on(table)) {
            lock_rows(session, table)?;
        }
        let found = references::look(session, &plan.tables, &self.request)?;
        plan.refusals.extend(found.refusals);
        plan.cascades = found.cascades;
        plan.added_first = found.added_first;
        if let Some(code) = refusal::code(&plan.refusals) {
            return Err(refusal::error(code, &plan.refusals).into());
        }
        session.pin()?;
        keep_differences(session, &plan.tables)?;
        let off = self.request.options.triggers == Triggers::Off;
        let alter = |session: &mut Session, sql: String| {
            session.run(Step::Names("it made ready for the rows".into()), &sql)
        };
        if off {
            alter(session, triggers::off(&plan.tables))?;
        }
        alter(session, AS_ANY_WRITE.into())?;
        let step = Step::Rows("it wrote rows".into());
        self.written = vec![Written::default(); plan.tables.len()];
        for sql in statement::statements(&plan.tables, plan.added_first) {
            let written: Vec<Written> = session.one(step.clone(), &sql)?;
            for (all, more) in self.written.iter_mut().zip(written) {
                all.deleted += more.deleted;
                all.updated += more.updated;
                all.inserted += more.inserted;
            }
        }
        let step = Step::Rows("it checked what was put off".into());
        // Twice: a trigger that was put off may put off another one.
        let now = "SET CONSTRAINTS ALL IMMEDIATE;\n";
        session.run(step.clone(), now)?;
        session.run(step, now)?;
        alter(session, AS_BEFORE.into())?;
        if off {
            alter(session, triggers::on(&plan.tables))?;
        }
        for (table, written) in plan.tables.iter().zip(&self.written) {
            check_written(table, *written, &plan)?;
            as_it_was(session, table, &plan)?;
        }
        if self.mode == UndoMode::Rehearse {
            self.plan = Some(plan);
            return session.run(
                Step::Names("the end of the rehearsal".into()),
                "ROLLBACK;\n",
            );
        }
        self.commit.commit(session)?;
        if self.request.options.sequences == Sequences::Raise {
            raise(session, &mut plan)?;
        }
        self.plan = Some(plan);
        Ok(())
    }
}

fn raise(session: &mut Session, plan: &mut Plan) -> Passed {
    session.begin(Mode::Write)?;
    for behind in &mut plan.sequences {
        sequences::raise(session, behind)?;
    }
    session.run(Step::Names("the end of the sequences".into()), "COMMIT;\n")?;
    session.settle(Step::Names("the end of the sequences".into()))
}

/// Locks the live rows that are to be written.
fn lock_rows(session: &mut Session, table: &Planned) -> Passed {
    let loaded = &table.loaded;
    let step = Step::Names(format!("it locked rows of {}", loaded.table.name));
    let query = format!(
        "SELECT pg_catalog.count(*) FROM (SELECT 1 FROM {} AS l, {} AS d WHERE {CHOSEN} AND {} FOR UPDATE OF l) AS t",
        loaded.live.from(),
        loaded.diff(),
        meets(loaded)
    );
    session.one::<u64>(step, &query).map(drop)
}

/// A copy of the differences that are kept on purpose: the comparison afterwards must find these and
/// no others.
fn keep_differences(session: &mut Session, tables: &[Planned]) -> Passed {
    for table in tables {
        let step = Step::Rows(format!(
            "it noted what is kept of {}",
            table.loaded.table.name
        ));
        let (kept, diff) = (kept(table), table.loaded.diff());
        let sql = format!(
            "CREATE TEMPORARY TABLE {kept} ON COMMIT DROP AS \
             SELECT action, sealed::pg_catalog.text, live::pg_catalog.text FROM {diff} WHERE kept IS NOT NULL;\n"
        );
        session.run(step, &sql)?;
    }
    Ok(())
}

fn kept(table: &Planned) -> String {
    format!("pg_temp.pgseal_kept_{}", table.loaded.number)
}

fn as_it_was(session: &mut Session, table: &Planned, plan: &Plan) -> Passed {
    compare::compare(session, &table.loaded)?;
    let step = Step::Rows(format!("it compared {} again", table.loaded.table.name));
    let (kept, diff) = (kept(table), table.loaded.diff());
    let now = format!("SELECT action, sealed::pg_catalog.text, live::pg_catalog.text FROM {diff}");
    let then = format!("SELECT action, sealed, live FROM {kept}");
    let query = format!(
        "SELECT pg_catalog.count(*) FROM (({now} EXCEPT ALL {then}) UNION ALL ({then} EXCEPT ALL {now})) AS t"
    );
    let rows: u64 = session.one(step, &query)?;
    match rows {
        0 => Ok(()),
        _ => Err(differs(table, &counted(rows, "row"), plan).into()),
    }
}

/// Refuses where the statement wrote other rows than those of the plan: a trigger may leave out one.
fn check_written(table: &Planned, written: Written, plan: &Plan) -> Passed {
    let chosen = &table.chosen;
    let planned = Written {
        deleted: chosen.deletes(),
        updated: chosen.updates(),
        inserted: chosen.inserts(),
    };
    if written == planned {
        return Ok(());
    }
    Err(differs(table, "some rows", plan).into())
}

fn differs(table: &Planned, rows: &str, plan: &Plan) -> Error {
    let what = format!(
        "{} would not be as it was: {rows} would still differ",
        table.loaded.table.name
    );
    let names = plan
        .triggers
        .iter()
        .map(|trigger| format!("{} on {}", trigger.name, trigger.table));
    let names: Vec<String> = names.collect();
    let error = Error::new(Code::UndoRefused, what);
    if names.is_empty() {
        return error.hint(
            "Look for what changes these rows: a foreign key's action, or an event trigger.",
        );
    }
    error.hint(format!(
        "Triggers of the tables changed them: {}.\n      Switch them off for the undo: --triggers=off.",
        names.join(", ")
    ))
}

fn changed(why: &str) -> Error {
    Error::new(Code::PlanChanged, why)
        .hint("Look at the plan anew: the same command without --apply and --plan-sha.")
}
