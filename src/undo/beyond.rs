//! Rows beyond the tables that actions of foreign keys reach, from key to key: a row that refers to one
//! that is deleted so is deleted in turn, is changed, or keeps it from being deleted.
//!
//! They are gathered by where they lie, in `pg_temp.pgseal_reached`, round by round until none comes.

use crate::process::flow::Passed;
use crate::undo::edge::{Edge, REACHED, held, refusal};
use crate::undo::final_rows::all;
use crate::undo::live_tables::{ForeignKey, ForeignKeyAction};
use crate::undo::lost_keys::{Children, Event, LostKeys, not_looked_at, unread};
use crate::undo::plan::Request;
use crate::undo::planned::Planned;
use crate::undo::references::Found;
use crate::undo::session::{Mode, Session, Step};
use serde::Deserialize;

/// Rounds after which a circle of rows is not followed further.
const ROUNDS: u32 = 200;

/// Rows of the tables themselves that lose a key, and a key from beyond that refers to them.
pub(crate) struct First<'a> {
    pub key: &'a ForeignKey,
    pub event: Event,
    /// A query of the keys that are lost.
    pub lost: String,
}

#[derive(Deserialize)]
struct Rows {
    edge: usize,
    rows: u64,
}

/// Makes the table, in a transaction of its own: the plan's is read-only.
pub(crate) fn prepare(session: &mut Session) -> Passed {
    session.begin(Mode::Write)?;
    let sql = format!(
        "CREATE TEMPORARY TABLE {REACHED} (part pg_catalog.oid, at pg_catalog.tid, edge pg_catalog.int4, \
         round pg_catalog.int4);\nCOMMIT;\n"
    );
    session.run(Step::Names("it made a temporary table".into()), &sql)
}

pub(crate) struct Beyond<'a> {
    pub tables: &'a [Planned],
    pub request: &'a Request,
}

impl<'a> Beyond<'a> {
    fn undone(&self, key: &ForeignKey) -> Option<&'a Planned> {
        let mut tables = self.tables.iter();
        tables.find(|table| table.loaded.live.holds(&key.from))
    }

    pub(crate) fn look(
        &self,
        session: &mut Session,
        first: &[First<'a>],
        found: &mut Found,
    ) -> Passed {
        if first.is_empty() || self.request.beyond.is_empty() {
            return Ok(());
        }
        let edges = self.edges(first);
        if edges.len() == first.len() {
            return Ok(());
        }
        self.gather(session, first, &edges, found)?;
        let step = Step::Names("it counted rows beyond the tables".into());
        let query = format!(
            "SELECT pg_catalog.json_build_object('edge', edge, 'rows', pg_catalog.count(*)) FROM {REACHED} GROUP BY edge"
        );
        let counts: Vec<Rows> = session.all(step, &query)?;
        let rows = |at: usize| {
            let count = counts.iter().find(|count| count.edge == at);
            count.map_or(0, |count| count.rows)
        };
        for (at, edge) in edges.iter().enumerate().skip(first.len()) {
            let reached = edge.after.iter().any(|after| rows(*after) > 0);
            if reached && !edge.key.readable {
                self.unread(edge, found);
            } else if reached {
                self.judge(session, edge, rows(at), &edges, found)?;
            }
        }
        Ok(())
    }

    /// The first ones, and all that follow.
    fn edges(&self, first: &[First<'a>]) -> Vec<Edge<'a>> {
        let edges = first.iter().map(|first| Edge {
            key: first.key,
            event: first.event,
            after: Vec::new(),
        });
        let mut edges: Vec<Edge<'a>> = edges.collect();
        let later = self.request.beyond.iter();
        let later = later.flat_map(|key| [(key, Event::Deleted), (key, Event::Updated)]);
        let mut later: Vec<(&ForeignKey, Event)> = later.collect();
        loop {
            let known = edges.len();
            later.retain(|(key, event)| {
                let follows = edges.iter().any(|edge| edge.leads_to(key, *event));
                if follows {
                    let (key, event, after) = (*key, *event, Vec::new());
                    edges.push(Edge { key, event, after });
                }
                !follows
            });
            if edges.len() == known {
                break;
            }
        }
        for at in first.len()..edges.len() {
            let (key, event) = (edges[at].key, edges[at].event);
            let after = edges.iter().enumerate();
            let after = after.filter(|(_, edge)| edge.leads_to(key, event));
            edges[at].after = after.map(|(at, _)| at).collect();
        }
        edges
    }

    fn gather(
        &self,
        session: &mut Session,
        first: &[First<'a>],
        edges: &[Edge<'a>],
        found: &mut Found,
    ) -> Passed {
        let clear = format!("DELETE FROM {REACHED};\n");
        session.run(Step::Names("it looked beyond the tables".into()), &clear)?;
        for (at, (first, edge)) in first.iter().zip(edges).enumerate() {
            let sql = format!(
                "INSERT INTO {REACHED} SELECT c.tableoid, c.ctid, {at}, 0 FROM {} AS c \
                 WHERE EXISTS (SELECT FROM ({}) AS p WHERE {});\n",
                edge.key.referring(),
                first.lost,
                edge.key.on()
            );
            session.run(edge.key.step(), &sql)?;
        }
        let followed = edges.iter().enumerate().skip(first.len());
        let followed: Vec<_> = followed
            .filter(|(_, edge)| edge.key.readable && self.undone(edge.key).is_none())
            .collect();
        for round in 1..=ROUNDS {
            for (at, edge) in &followed {
                let sql = format!(
                    "INSERT INTO {REACHED} SELECT DISTINCT c.tableoid, c.ctid, {at}, {round} FROM {} AS c JOIN ({}) \
                     ON {} WHERE h.round = {round} - 1 AND NOT EXISTS (SELECT FROM {REACHED} AS o \
                     WHERE o.part = c.tableoid AND o.at = c.ctid AND o.edge = {at});\n",
                    edge.key.referring(),
                    edge.parents(),
                    edge.key.on()
                );
                session.run(edge.key.step(), &sql)?;
            }
            let step = Step::Names("it counted rows beyond the tables".into());
            let query = format!("SELECT pg_catalog.count(*) FROM {REACHED} WHERE round = {round}");
            if session.one::<u64>(step, &query)? == 0 {
                return Ok(());
            }
        }
        let note = format!(
            "beyond the tables rows are counted over {ROUNDS} steps from key to key, and there are more"
        );
        found.notes.push(note);
        Ok(())
    }

    fn unread(&self, edge: &Edge<'_>, found: &mut Found) {
        if edge.action().acts() && !self.request.options.allow_cascade {
            found.refusals.push(unread(edge.key));
        } else {
            found.notes.push(not_looked_at(edge.key));
        }
    }

    /// `rows`: that were gathered of it.
    fn judge(
        &self,
        session: &mut Session,
        edge: &Edge<'_>,
        mut rows: u64,
        edges: &[Edge<'_>],
        found: &mut Found,
    ) -> Passed {
        let (key, action) = (edge.key, edge.action());
        let undone = self.undone(key);
        if let Some(table) = undone {
            let query = format!(
                "SELECT pg_catalog.count(*) FROM ({}) AS c WHERE EXISTS (SELECT FROM {} WHERE {})",
                all(&table.loaded, &key.from_columns),
                edge.parents(),
                key.on()
            );
            rows = session.one(edge.key.step(), &query)?;
        } else if action == ForeignKeyAction::NoAction && rows > 0 {
            // A row that is deleted itself keeps no other one.
            rows = session.one(edge.key.step(), &held(edges, edge))?;
        }
        if rows == 0 {
            return Ok(());
        }
        if !action.acts() {
            found.refusals.push(refusal(edge, rows));
            return Ok(());
        }
        let lost = LostKeys {
            key,
            event: edge.event,
            rows,
            children: Children::of(undone),
        };
        found.judge(&lost, self.request.options.allow_cascade);
        Ok(())
    }
}
