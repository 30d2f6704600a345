//! Rows that refer to a key that an undo takes away: what the foreign key's action does to them, and
//! whether that is allowed.

use crate::base::names::{TableName, quoted};
use crate::base::text::counted;
use crate::report::undo::Cascaded;
use crate::undo::live_tables::{ForeignKey, ForeignKeyAction};
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};
use crate::undo::session::Step;

/// Why a row of the referenced table will not have its key any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The row is deleted.
    Deleted,
    /// The row is deleted and inserted again.
    Swapped,
    /// The row gets another key.
    Updated,
}

pub(crate) const EVENTS: [Event; 3] = [Event::Deleted, Event::Swapped, Event::Updated];

/// Whose rows refer to the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Children {
    /// Those of a table that is undone too.
    Undone,
    Beyond,
}

impl Children {
    /// `table`: the referring one, where it is undone.
    pub(crate) fn of(table: Option<&Planned>) -> Children {
        match table {
            Some(_) => Children::Undone,
            None => Children::Beyond,
        }
    }
}

pub(crate) struct LostKeys<'a> {
    pub key: &'a ForeignKey,
    pub event: Event,
    /// How many rows refer to them.
    pub rows: u64,
    pub children: Children,
}

impl LostKeys<'_> {
    /// What happens beyond the tables where that is allowed; else why the undo is refused.
    pub(crate) fn judge(&self, allow_cascade: bool) -> Result<Cascaded, Refusal> {
        let (key, to, from) = (&self.key.name, &self.key.to, &self.key.from);
        let kind = self.key.action(self.event);
        let (many, action) = (counted(self.rows, "row"), kind.as_sql());
        let refer = if self.rows == 1 { "refers" } else { "refer" };
        let told = match (self.event, self.children, kind.outcome()) {
            (Event::Swapped, ..) if kind != ForeignKeyAction::NoAction => Told {
                reason: Reason::Swap,
                text: format!(
                    "unique values changed places among rows of {to}, which takes a DELETE and an INSERT, \
                     and {key} does not let {many} of {from} stay meanwhile ({action})"
                ),
                hint: "Give these rows values of their own by hand, then undo.",
            },
            (_, Children::Beyond, Some(does)) if allow_cascade => {
                return Ok(Cascaded {
                    table: from.to_string(),
                    by: key.clone(),
                    rows: self.rows,
                    does,
                });
            }
            (_, Children::Beyond, Some(does)) => Told {
                reason: Reason::Cascade,
                text: format!(
                    "{many} of {from}, beyond the tables, would be {does} ({key}, {action})"
                ),
                hint: "Look at these rows; accept it with --allow-cascade.",
            },
            (_, Children::Undone, Some(does)) => Told {
                reason: Reason::CascadeInside,
                text: format!(
                    "{many} of {from} would be {does} although they are to stay ({key}, {action})"
                ),
                hint: "Undo all of the tables at once, without --only, --where or --later=keep.",
            },
            (_, _, None) => Told {
                reason: Reason::Referenced,
                text: format!(
                    "{many} of {from} {refer} to rows of {to} that were added or changed since ({key})"
                ),
                hint: "Delete these rows, or have them refer to others, then undo; or back up their \
                       table too the next time.",
            },
        };
        let refusal = Refusal::new(told.reason, to, told.text, told.hint);
        Err(refusal.by(key).rows(self.rows))
    }
}

/// The refusal where rows that refer to the key cannot be counted.
pub(crate) fn unread(key: &ForeignKey) -> Refusal {
    let ForeignKey { name, from, to, .. } = key;
    let text = format!(
        "rows of {from} that refer to it may be deleted or changed ({name}), and this role may not read them"
    );
    let hint = format!(
        "GRANT SELECT on {from}, so that they can be counted; or let it happen with --allow-cascade."
    );
    Refusal::new(Reason::Cascade, to, text, hint).by(name)
}

pub(crate) fn not_looked_at(key: &ForeignKey) -> String {
    let ForeignKey { name, from, to, .. } = key;
    format!("not looked at: {name}, for this role may not read {from} or {to}")
}

/// A table in a FROM clause, without inheritance children: these have nothing to do with a key.
fn only(table: &TableName, only: bool) -> String {
    let word = if only { "ONLY " } else { "" };
    format!("{word}{}", table.pattern())
}

impl ForeignKey {
    pub(crate) fn action(&self, event: Event) -> ForeignKeyAction {
        match event {
            Event::Updated => self.on_update,
            Event::Deleted | Event::Swapped => self.on_delete,
        }
    }

    pub(crate) fn step(&self) -> Step {
        let ForeignKey { name, from, .. } = self;
        Step::Rows(format!("it looked at the foreign key {name} of {from}"))
    }

    /// The referring table, in a FROM clause.
    pub(crate) fn referring(&self) -> String {
        only(&self.from, self.from_only)
    }

    /// The referenced table, in a FROM clause.
    pub(crate) fn referenced(&self) -> String {
        only(&self.to, self.to_only)
    }

    /// The condition that the row `c` refers to the row `p`.
    pub(crate) fn on(&self) -> String {
        let columns = self.to_columns.iter().zip(&self.from_columns);
        let on = columns
            .zip(&self.equals)
            .map(|((to, from), equals)| format!("p.{} {equals} c.{}", quoted(to), quoted(from)));
        on.collect::<Vec<_>>().join(" AND ")
    }
}

struct Told {
    reason: Reason,
    text: String,
    hint: &'static str,
}

impl ForeignKeyAction {
    /// Whether it changes rows that refer to a key that goes, and does not keep the key.
    pub(crate) fn acts(self) -> bool {
        self.outcome().is_some()
    }

    /// What it does to these rows.
    fn outcome(self) -> Option<&'static str> {
        match self {
            ForeignKeyAction::NoAction | ForeignKeyAction::Restrict => None,
            ForeignKeyAction::Cascade => Some("deleted or changed"),
            ForeignKeyAction::SetNull => Some("set to NULL"),
            ForeignKeyAction::SetDefault => Some("set to their default"),
        }
    }

    fn as_sql(self) -> &'static str {
        match self {
            ForeignKeyAction::NoAction => "NO ACTION",
            ForeignKeyAction::Restrict => "RESTRICT",
            ForeignKeyAction::Cascade => "CASCADE",
            ForeignKeyAction::SetNull => "SET NULL",
            ForeignKeyAction::SetDefault => "SET DEFAULT",
        }
    }
}
