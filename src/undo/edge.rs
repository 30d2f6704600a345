//! One foreign key on the way from the rows that are undone to those that actions of keys reach beyond
//! the tables.

use crate::base::text::counted;
use crate::undo::live_tables::{ForeignKey, ForeignKeyAction};
use crate::undo::lost_keys::Event;
use crate::undo::refusal::{Reason, Refusal};

/// Rows that are reached: where they lie, by which edge, and in which round.
pub(crate) const REACHED: &str = "pg_temp.pgseal_reached";

/// What one key does when rows that it refers to are deleted, or when they are changed.
pub(crate) struct Edge<'a> {
    pub key: &'a ForeignKey,
    pub event: Event,
    /// The edges whose rows it refers to, by number; of the first ones none.
    pub after: Vec<usize>,
}

impl Edge<'_> {
    pub(crate) fn action(&self) -> ForeignKeyAction {
        self.key.action(self.event)
    }

    pub(crate) fn deletes(&self) -> bool {
        self.event != Event::Updated && self.action() == ForeignKeyAction::Cascade
    }

    /// Whether what it does to its rows is this event for another key.
    pub(crate) fn leads_to(&self, key: &ForeignKey, event: Event) -> bool {
        let sets = || {
            let mut columns = self.key.from_columns.iter();
            columns.any(|column| key.to_columns.contains(column))
        };
        self.action().acts()
            && key.to_family.contains(&self.key.from_oid)
            && match event {
                Event::Updated => !self.deletes() && sets(),
                Event::Deleted | Event::Swapped => self.deletes(),
            }
    }

    /// Rows `p` that it refers to, and where they stand in the table of those that are reached.
    pub(crate) fn parents(&self) -> String {
        let after: Vec<String> = self.after.iter().map(ToString::to_string).collect();
        format!(
            "{} AS p JOIN {REACHED} AS h ON h.part = p.tableoid AND h.at = p.ctid AND h.edge IN ({})",
            self.key.referenced(),
            after.join(", ")
        )
    }
}

/// Counts rows that a key holds, unless they are deleted themselves.
pub(crate) fn held(edges: &[Edge<'_>], edge: &Edge<'_>) -> String {
    let deleting = edges.iter().enumerate().filter(|(_, edge)| edge.deletes());
    // No edge has the number -1: a list in SQL cannot be empty.
    let deleting = deleting.map(|(at, _)| at.to_string()).chain(["-1".into()]);
    let deleting: Vec<String> = deleting.collect();
    format!(
        "SELECT pg_catalog.count(*) FROM {} AS c WHERE EXISTS (SELECT FROM {} WHERE {}) \
         AND NOT EXISTS (SELECT FROM {REACHED} AS o \
         WHERE o.part = c.tableoid AND o.at = c.ctid AND o.edge IN ({}))",
        edge.key.referring(),
        edge.parents(),
        edge.key.on(),
        deleting.join(", ")
    )
}

/// The refusal where rows keep others from being deleted or changed.
pub(crate) fn refusal(edge: &Edge<'_>, rows: u64) -> Refusal {
    let ForeignKey { name, from, to, .. } = edge.key;
    let (many, refer) = (
        counted(rows, "row"),
        if rows == 1 { "refers" } else { "refer" },
    );
    let becomes = match edge.event {
        Event::Updated => "changed",
        Event::Deleted | Event::Swapped => "deleted",
    };
    let text = format!(
        "{many} of {from} {refer} to rows that a foreign key's action would have {becomes} ({name})"
    );
    let hint = "Delete these rows, or have them refer to others, then undo.";
    let refusal = Refusal::new(Reason::Referenced, to, text, hint);
    refusal.by(name).rows(rows)
}
