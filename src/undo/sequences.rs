//! Sequences that belong to columns: one that is behind its column would give out a value that a row
//! has already. They stay ahead otherwise: what was given out is not given out again.

use crate::base::names::{TableName, literal, quoted};
use crate::config::undo::Sequences;
use crate::process::flow::StreamError;
use crate::report::undo::BehindSequence;
use crate::undo::final_rows::all;
use crate::undo::loaded_table::LoadedTable;
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};
use crate::undo::session::{Session, Step};
use serde::Deserialize;

/// A sequence whose next value a row has, or will have.
#[derive(Debug)]
pub(crate) struct Behind {
    pub told: BehindSequence,
    name: TableName,
    may: May,
}

/// Whether `setval` would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum May {
    Raise,
    /// The role lacks UPDATE.
    NotWrite,
    /// The role may not even look, so that it is not known to be behind.
    NotRead,
    /// The value is beyond MAXVALUE or MINVALUE.
    NotReach,
}

#[derive(Deserialize)]
struct Answer {
    next: Option<String>,
    last: String,
    behind: bool,
    may: May,
}

fn step(name: &TableName) -> Step {
    Step::Rows(format!("it looked at the sequence {name}"))
}

/// Those that will be behind when the undo is done, or may be.
pub(crate) fn behind(
    session: &mut Session,
    tables: &[Planned],
) -> Result<Vec<Behind>, StreamError> {
    let mut found = Vec::new();
    for Planned { loaded, chosen, .. } in tables {
        if chosen.changed + chosen.gone == 0 {
            continue;
        }
        for column in &loaded.live.columns {
            let Some(name) = &column.sequence else {
                continue;
            };
            let query = question(loaded, name, &column.name);
            let answers: Vec<Answer> = session.all(step(name), &query)?;
            for answer in answers.into_iter().filter(|answer| answer.behind) {
                found.push(Behind {
                    told: BehindSequence {
                        sequence: name.to_string(),
                        table: loaded.table.name.to_string(),
                        column: column.name.clone(),
                        next: answer.next.unwrap_or_default(),
                        last: answer.last,
                        raised: false,
                    },
                    name: name.clone(),
                    may: answer.may,
                });
            }
        }
    }
    Ok(found)
}

/// No row where the column has no value. As numeric, since the value behind the last one of a bigint is
/// none; without a fraction, since a sequence has none.
fn question(table: &LoadedTable, sequence: &TableName, column: &str) -> String {
    let (rows, column) = (all(table, &[column.to_string()]), quoted(column));
    let oid = format!("{}::pg_catalog.regclass", literal(&sequence.pattern()));
    format!(
        "SELECT pg_catalog.json_build_object('next', s.next::pg_catalog.text, 'last', v.last::pg_catalog.text, \
         'behind', NOT s.known OR CASE WHEN s.up THEN s.next OPERATOR(pg_catalog.<=) v.last ELSE s.next OPERATOR(pg_catalog.>=) v.last END, \
         'may', CASE WHEN NOT s.known THEN 'not_read' WHEN NOT s.writes THEN 'not_write' \
         WHEN v.last OPERATOR(pg_catalog.>=) s.least AND v.last OPERATOR(pg_catalog.<=) s.most THEN 'raise' ELSE 'not_reach' END)\n\
         FROM (SELECT q.seqincrement > 0 AS up, CASE WHEN has.known THEN coalesce(\
         pg_catalog.pg_sequence_last_value(q.seqrelid)::pg_catalog.numeric + q.seqincrement, q.seqstart) END AS next, has.known, \
         pg_catalog.has_sequence_privilege(q.seqrelid, 'UPDATE') AS writes, q.seqmin AS least, q.seqmax AS most \
         FROM pg_catalog.pg_sequence AS q CROSS JOIN LATERAL \
         (SELECT pg_catalog.has_sequence_privilege(q.seqrelid, 'USAGE, SELECT') AS known) AS has \
         WHERE q.seqrelid = {oid}) AS s\n\
         CROSS JOIN LATERAL (SELECT CASE WHEN s.up THEN pg_catalog.floor(pg_catalog.max(r.{column})::pg_catalog.numeric) \
         ELSE pg_catalog.ceil(pg_catalog.min(r.{column})::pg_catalog.numeric) END \
         AS last FROM ({rows}) AS r) AS v WHERE v.last IS NOT NULL"
    )
}

/// What speaks against raising them, where that is wanted. One that the role may not look at is passed
/// over otherwise.
pub(crate) fn check(
    behind: &mut Vec<Behind>,
    how: Sequences,
    user: &str,
    refusals: &mut Vec<Refusal>,
) {
    if how == Sequences::Keep {
        behind.retain(|behind| behind.may != May::NotRead);
        return;
    }
    refusals.extend(behind.iter().filter_map(|behind| behind.refused(user)));
}

impl Behind {
    fn refused(&self, user: &str) -> Option<Refusal> {
        let BehindSequence {
            sequence: name,
            table,
            last,
            ..
        } = &self.told;
        let grant = |rights: &str| {
            format!(
                "As its owner: GRANT {rights} ON SEQUENCE {} TO {}; or leave it as it is: --sequences=keep.",
                self.name.pattern(),
                quoted(user)
            )
        };
        let (reason, text, hint) = match self.may {
            May::Raise => return None,
            May::NotRead => (
                Reason::Privilege,
                format!("the role {} may not look at the sequence {name}", quoted(user)),
                grant("SELECT, UPDATE"),
            ),
            May::NotWrite => (
                Reason::Privilege,
                format!("the role {} may not raise the sequence {name}", quoted(user)),
                grant("UPDATE"),
            ),
            May::NotReach => (
                Reason::Sequence,
                format!("the sequence {name} cannot be raised to {last}, which is beyond its MAXVALUE or MINVALUE"),
                "ALTER SEQUENCE … MAXVALUE first, or MINVALUE for one that goes down; or leave it as it is: \
                 --sequences=keep."
                    .into(),
            ),
        };
        Some(Refusal::new(reason, table, text, hint).by(name))
    }
}

/// Lifts one, unless somebody else did meanwhile: not undone by a ROLLBACK, so this comes last.
pub(crate) fn raise(session: &mut Session, behind: &mut Behind) -> Result<(), StreamError> {
    let oid = format!("{}::pg_catalog.regclass", literal(&behind.name.pattern()));
    let last = literal(&behind.told.last);
    let query = format!(
        "SELECT pg_catalog.to_json(pg_catalog.setval({oid}, {last}::pg_catalog.int8)) FROM (SELECT q.seqincrement > 0 AS up, \
         coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), q.seqstart::pg_catalog.numeric - q.seqincrement) AS given \
         FROM pg_catalog.pg_sequence AS q WHERE q.seqrelid = {oid}) AS s \
         WHERE CASE WHEN s.up THEN s.given < {last}::pg_catalog.int8 ELSE s.given > {last}::pg_catalog.int8 END"
    );
    let _: Vec<i64> = session.all(step(&behind.name), &query)?;
    behind.told.raised = true;
    Ok(())
}
