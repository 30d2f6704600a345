//! Rows that refer to a key that goes: what becomes of them, and whether that may be.

use crate::base::names::{TableName, quoted};
use crate::base::text::counted;
use crate::undo::live_tables::{ForeignKey, ForeignKeyAction};
use crate::undo::planned::Cascade;
use crate::undo::refusal::{Reason, Refusal};

/// Why a row of the referenced table will not have its key any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It goes.
    Deleted,
    /// It is deleted and inserted again.
    Swapped,
    /// It gets another key.
    Updated,
}

pub(crate) const EVENTS: [Event; 3] = [Event::Deleted, Event::Swapped, Event::Updated];

/// Whose rows refer to the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Children {
    /// They are undone too.
    Undone,
    Beyond,
}

pub(crate) struct LostKeys<'a> {
    pub key: &'a ForeignKey,
    pub event: Event,
    /// Of the key, on such an event.
    pub action: ForeignKeyAction,
    /// That refer to them.
    pub rows: u64,
    pub children: Children,
}

pub(crate) enum Judged {
    Refused(Refusal),
    Allowed(Cascade),
}

impl LostKeys<'_> {
    pub(crate) fn judge(&self, allow_cascade: bool) -> Judged {
        let (key, to, from) = (&self.key.name, &self.key.to, &self.key.from);
        let (many, action) = (counted(self.rows, "row"), self.action.as_sql());
        let refer = if self.rows == 1 { "refers" } else { "refer" };
        let told = match (self.event, self.children, self.action.acts()) {
            (Event::Swapped, ..) if self.action != ForeignKeyAction::NoAction => Told {
                reason: Reason::Swap,
                text: format!(
                    "unique values changed places among rows of {to}, which takes a DELETE and an INSERT, \
                     and {key} does not let {many} of {from} stay meanwhile ({action})"
                ),
                hint: "Give these rows values of their own by hand, then undo.",
            },
            (_, Children::Beyond, Some(does)) if allow_cascade => {
                return Judged::Allowed(Cascade {
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
        Judged::Refused(Refusal {
            reason: told.reason,
            table: to.to_string(),
            by: Some(key.clone()),
            rows: Some(self.rows),
            text: told.text,
            hint: Some(told.hint.into()),
        })
    }
}

/// Rows of the referring table that nobody could count.
pub(crate) fn unread(key: &ForeignKey) -> Refusal {
    let ForeignKey { name, from, to, .. } = key;
    Refusal {
        reason: Reason::Cascade,
        table: to.to_string(),
        by: Some(name.clone()),
        rows: None,
        text: format!(
            "rows of {from} that refer to it may be deleted or changed ({name}), and this role may not read them"
        ),
        hint: Some(format!(
            "GRANT SELECT on {from}, so that they can be counted; or let it happen with --allow-cascade."
        )),
    }
}

pub(crate) fn not_looked_at(key: &ForeignKey) -> String {
    let ForeignKey { name, from, to, .. } = key;
    format!("not looked at: {name}, for this role may not read {from} or {to}")
}

/// Behind FROM: inheritance children have nothing to do with a key.
fn only(table: &TableName, only: bool) -> String {
    let word = if only { "ONLY " } else { "" };
    format!("{word}{}", table.pattern())
}

impl ForeignKey {
    /// The referring table, behind FROM.
    pub(crate) fn referring(&self) -> String {
        only(&self.from, self.from_only)
    }

    /// The referenced table, behind FROM.
    pub(crate) fn referenced(&self) -> String {
        only(&self.to, self.to_only)
    }

    /// `p` of the referenced table meets `c` of the referring one.
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
    /// What it does to rows that refer to a key that goes; nothing where it keeps the key.
    fn acts(self) -> Option<&'static str> {
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
