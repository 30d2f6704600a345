//! Whether tables are defined as they were when the catalog was asked: the load and the backup before an undo
//! may take long, and only from the lock on nobody alters them.

use crate::base::error::{Code, Error};
use crate::process::flow::Passed;
use crate::undo::live_tables::LiveTable;
use crate::undo::session::{Session, Step};

const QUERY: &str = include_str!("defined.sql");

/// An expression of text. `roots`: a query of the tables' oids.
pub(crate) fn number(roots: &str) -> String {
    QUERY.replace("__ROOTS__", roots)
}

/// Under the lock.
pub(crate) fn check(session: &mut Session, tables: &[&LiveTable], then: &str) -> Passed {
    let step = Step::Names("it looked whether tables were altered".into());
    let oids = tables.iter().map(|table| format!("({})", table.oid));
    let oids: Vec<String> = oids.collect();
    let roots = format!(
        "SELECT oid::pg_catalog.oid FROM (VALUES {}) AS v(oid)",
        oids.join(", ")
    );
    let query = format!("SELECT pg_catalog.to_json({})", number(&roots));
    let now: String = session.one(step, &query)?;
    if now == then {
        return Ok(());
    }
    let what = "a table was altered, or what refers to it was, between the plan and the lock";
    Err(Error::new(Code::PlanChanged, what)
        .hint("Look at the plan anew: the same command without --apply and --plan-sha.")
        .into())
}
