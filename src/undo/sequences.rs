//! Sequences that belong to columns: one that is behind its column would give out a value that a row
//! has already. They stay ahead otherwise: what was given out is not given out again.

use crate::base::names::{TableName, literal, quoted};
use crate::process::flow::StreamError;
use crate::undo::final_rows::all;
use crate::undo::loaded_table::LoadedTable;
use crate::undo::planned::Planned;
use crate::undo::session::{Session, Step};
use serde::{Deserialize, Serialize};

/// A sequence whose next value a row has, or will have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Behind {
    pub sequence: String,
    pub table: String,
    pub column: String,
    /// That it would give out next.
    pub next: String,
    /// The last value that the column has.
    pub last: String,
    pub raised: bool,
    #[serde(skip)]
    name: TableName,
}

#[derive(Deserialize)]
struct Answer {
    next: String,
    last: String,
    behind: bool,
}

fn step(name: &TableName) -> Step {
    Step::Rows(format!("it looked at the sequence {name}"))
}

/// Those that will be behind when the undo is done. One that the role may not read is passed over.
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
                    sequence: name.to_string(),
                    table: loaded.table.name.to_string(),
                    column: column.name.clone(),
                    next: answer.next,
                    last: answer.last,
                    raised: false,
                    name: name.clone(),
                });
            }
        }
    }
    Ok(found)
}

/// No row where the role may not look, or the column has no value.
fn question(table: &LoadedTable, sequence: &TableName, column: &str) -> String {
    let (rows, column) = (all(table, &[column.to_string()]), quoted(column));
    let oid = format!("{}::pg_catalog.regclass", literal(&sequence.pattern()));
    format!(
        "SELECT pg_catalog.json_build_object('next', s.next::pg_catalog.text, 'last', v.last::pg_catalog.text, \
         'behind', CASE WHEN s.up THEN s.next <= v.last ELSE s.next >= v.last END)\n\
         FROM (SELECT q.seqincrement > 0 AS up, coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid) \
         + q.seqincrement, q.seqstart) AS next FROM pg_catalog.pg_sequence AS q \
         WHERE q.seqrelid = {oid} AND pg_catalog.has_sequence_privilege(q.seqrelid, 'USAGE, SELECT')) AS s\n\
         CROSS JOIN LATERAL (SELECT CASE WHEN s.up THEN pg_catalog.max(r.{column}) ELSE pg_catalog.min(r.{column}) END \
         AS last FROM ({rows}) AS r) AS v WHERE v.last IS NOT NULL"
    )
}

/// Lifts one, unless somebody else did meanwhile: not undone by a ROLLBACK, so this comes last.
pub(crate) fn raise(session: &mut Session, behind: &mut Behind) -> Result<(), StreamError> {
    let oid = format!("{}::pg_catalog.regclass", literal(&behind.name.pattern()));
    let last = literal(&behind.last);
    let query = format!(
        "SELECT pg_catalog.to_json(pg_catalog.setval({oid}, {last}::pg_catalog.int8)) FROM pg_catalog.pg_sequence AS q \
         WHERE q.seqrelid = {oid} AND CASE WHEN q.seqincrement > 0 \
         THEN coalesce(pg_catalog.pg_sequence_last_value({oid}), q.seqstart - q.seqincrement) < {last}::pg_catalog.int8 \
         ELSE coalesce(pg_catalog.pg_sequence_last_value({oid}), q.seqstart - q.seqincrement) > {last}::pg_catalog.int8 END"
    );
    let _: Vec<i64> = session.all(step(&behind.name), &query)?;
    behind.raised = true;
    Ok(())
}
