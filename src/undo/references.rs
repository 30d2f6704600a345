//! Foreign keys, looked at before the server would: they are judged when the one statement ends, so
//! what counts is the rows that there will be then.

use crate::base::names::TableName;
use crate::base::text::counted;
use crate::process::flow::{Passed, StreamError};
use crate::report::undo::Cascaded;
use crate::undo::beyond::{Beyond, First};
use crate::undo::key_rows::Reference;
use crate::undo::live_tables::{ForeignKey, ForeignKeyAction};
use crate::undo::lost_keys::{Children, EVENTS, Event, LostKeys, not_looked_at, unread};
use crate::undo::plan::Request;
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};
use crate::undo::session::Session;

/// What is found of all foreign keys.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub refusals: Vec<Refusal>,
    /// What keys' actions do beyond the tables, where that is allowed.
    pub cascades: Vec<Cascaded>,
    /// Keys that could not be looked at.
    pub notes: Vec<String>,
    /// Added rows are deleted by a statement of their own, before any row comes back.
    pub added_first: bool,
}

impl Found {
    pub(crate) fn judge(&mut self, lost: &LostKeys<'_>, allow_cascade: bool) {
        match lost.judge(allow_cascade) {
            Ok(cascade) => self.cascades.push(cascade),
            Err(refusal) => self.refusals.push(refusal),
        }
    }
}

/// Whether an action of a key would change rows that refer to what is written of this table.
pub(crate) fn act_on(table: &Planned) -> bool {
    let live = &table.loaded.live;
    let mut keys = live.foreign_keys.iter();
    keys.any(|key| live.holds(&key.to) && may_act(key, table))
}

fn may_act(key: &ForeignKey, to: &Planned) -> bool {
    let chosen = &to.chosen;
    chosen.deletes() > 0 && key.on_delete.acts() || chosen.updates() > 0 && key.on_update.acts()
}

/// In one statement, a key's action on a row that was added reaches those that come back and refer to
/// another one with its key. Where no other row refers to what was added, that may go first.
pub(crate) fn look(
    session: &mut Session,
    tables: &[Planned],
    request: &Request,
) -> Result<Found, StreamError> {
    let mut found = look_at(session, tables, request, &EVENTS)?;
    let mut reasons = found.refusals.iter().map(|refusal| refusal.reason);
    if !reasons.any(|reason| matches!(reason, Reason::CascadeInside | Reason::Referenced)) {
        return Ok(found);
    }
    match held(session, tables)? {
        Held::Nothing => {
            let others = [Event::Swapped, Event::Updated];
            return Ok(Found {
                added_first: true,
                ..look_at(session, tables, request, &others)?
            });
        }
        Held::By(key) => found.refusals.iter_mut().for_each(|refusal| {
            if refusal.reason == Reason::CascadeInside {
                refusal.hint += &free_first(key);
            }
        }),
        Held::Otherwise => {}
    }
    Ok(found)
}

/// What keeps added rows from going first.
enum Held<'a> {
    Nothing,
    /// Rows that stay, or are set, refer to them.
    By(&'a ForeignKey),
    Otherwise,
}

fn free_first(key: &ForeignKey) -> String {
    let ForeignKey { name, from, to, .. } = key;
    format!(
        " Where it is so: rows of {from} refer to rows of {to} that were added ({name}): delete these, or have \
         them refer to nothing, and undo then; what the backup has of them comes back."
    )
}

fn held<'a>(session: &mut Session, tables: &'a [Planned]) -> Result<Held<'a>, StreamError> {
    if tables.iter().any(|table| table.chosen.swapped > 0) {
        return Ok(Held::Otherwise);
    }
    for reference in references(tables) {
        let to = reference.to.filter(|to| to.chosen.added > 0);
        let Some(to) = to else { continue };
        if !reference.key.readable {
            return Ok(Held::Otherwise);
        }
        let query = format!(
            "SELECT pg_catalog.to_json(EXISTS (SELECT FROM ({}) AS c WHERE EXISTS (SELECT FROM ({}) AS p WHERE {})))",
            reference.left(),
            reference.gone_keys(to, Event::Deleted),
            reference.key.on()
        );
        if session.one::<bool>(reference.key.step(), &query)? {
            return Ok(Held::By(reference.key));
        }
    }
    Ok(Held::Nothing)
}

/// Each key once.
fn references(tables: &[Planned]) -> Vec<Reference<'_>> {
    let holds = |name: &TableName| tables.iter().find(|table| table.loaded.live.holds(name));
    let mut seen = Vec::new();
    let keys = tables
        .iter()
        .flat_map(|table| &table.loaded.live.foreign_keys);
    let mut all = Vec::new();
    for key in keys {
        let name = (key.from_oid, &key.name);
        if !seen.contains(&name) {
            seen.push(name);
            let (from, to) = (holds(&key.from), holds(&key.to));
            all.push(Reference {
                key,
                from,
                to,
                tables,
            });
        }
    }
    all
}

fn look_at(
    session: &mut Session,
    tables: &[Planned],
    request: &Request,
    events: &[Event],
) -> Result<Found, StreamError> {
    let allow_cascade = request.options.allow_cascade;
    let mut found = Found::default();
    let mut first = Vec::new();
    for reference in references(tables) {
        let key = reference.key;
        if !key.readable {
            if !allow_cascade && reference.to.is_some_and(|to| may_act(key, to)) {
                found.refusals.push(unread(key));
            } else {
                found.notes.push(not_looked_at(key));
            }
            continue;
        }
        first.extend(reference.lost(session, events, allow_cascade, &mut found)?);
        reference.missing(session, &mut found)?;
    }
    Beyond { tables, request }.look(session, &first, &mut found)?;
    Ok(found)
}

impl<'a> Reference<'a> {
    /// Rows that refer to what goes.
    fn lost(
        &self,
        session: &mut Session,
        events: &[Event],
        allow_cascade: bool,
        found: &mut Found,
    ) -> Result<Vec<First<'a>>, StreamError> {
        let mut first = Vec::new();
        let Some(to) = self.to else {
            return Ok(first);
        };
        for event in events.iter().copied() {
            let some = match event {
                Event::Deleted => to.chosen.added,
                Event::Swapped => to.chosen.swapped,
                Event::Updated => to.chosen.updates(),
            };
            if some == 0 {
                continue;
            }
            let action = self.key.action(event);
            let mut query = format!(
                "SELECT pg_catalog.count(*) FROM ({}) AS c WHERE EXISTS (SELECT FROM ({}) AS p WHERE {})",
                self.children(),
                self.gone_keys(to, event),
                self.key.on()
            );
            if action == ForeignKeyAction::NoAction {
                query += &format!(
                    " AND NOT EXISTS (SELECT FROM ({}) AS p WHERE {})",
                    self.parents(),
                    self.key.on()
                );
            }
            let cascades = (event, action) == (Event::Updated, ForeignKeyAction::Cascade);
            if cascades && self.from.is_some() {
                query += &format!(" AND NOT {}", self.rewritten(to));
            }
            let rows: u64 = session.one(self.key.step(), &query)?;
            if rows > 0 {
                if self.from.is_none() && action.acts() {
                    first.push(First {
                        key: self.key,
                        event,
                        lost: self.gone_keys(to, event),
                    });
                }
                let lost = LostKeys {
                    key: self.key,
                    event,
                    rows,
                    children: Children::of(self.from),
                };
                found.judge(&lost, allow_cascade);
            }
        }
        Ok(first)
    }

    /// Rows that come back and refer to what is not there.
    fn missing(&self, session: &mut Session, found: &mut Found) -> Passed {
        let Some(from) = self.from else { return Ok(()) };
        if self.key.to_copied || from.chosen.changed + from.chosen.gone == 0 {
            return Ok(());
        }
        let query = format!(
            "SELECT pg_catalog.count(*) FROM {} AND NOT EXISTS (SELECT FROM ({}) AS p WHERE {})",
            self.back(from),
            self.parents(),
            self.key.on()
        );
        let rows: u64 = session.one(self.key.step(), &query)?;
        if rows > 0 {
            let (key, to) = (&self.key.name, &self.key.to);
            let many = counted(rows, "row");
            let text = format!("{many} would refer to rows of {to} that are not there ({key})");
            let hint = match self.to {
                Some(_) => {
                    "Undo all of the tables at once, without --only, --where or --later=keep."
                        .into()
                }
                None => format!("Bring the rows of {to} back first: from a backup that holds it."),
            };
            let of = &from.loaded.table.name;
            let refusal = Refusal::new(Reason::ReferenceMissing, of, text, hint);
            found.refusals.push(refusal.by(key).rows(rows));
        }
        Ok(())
    }
}
