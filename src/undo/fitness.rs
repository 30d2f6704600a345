//! Tables that cannot be undone as they are: by their catalog entries alone, or by these and the number
//! of their rows.

use crate::base::few::joined;
use crate::base::names::quoted;
use crate::config::undo::Triggers;
use crate::undo::compared_table::ComparedTable;
use crate::undo::live_tables::LiveSession;
use crate::undo::loaded_table::LoadedTable;
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};

/// The first version in which an UPDATE that moves a row between partitions is no DELETE for foreign
/// keys.
const MOVES_KEEP_KEYS: u32 = 150_000;

/// What is wrong whatever rows differ.
pub(crate) fn of_table(table: &LoadedTable) -> Vec<Refusal> {
    let of = &table.table.name;
    let gone = table.gone.iter().map(|name| {
        let what = quoted(name);
        let text = format!("the column {what} of the backup is not there any more");
        let hint =
            "Bring the column back first; or restore into another database: docs/undo-by-hand.md.";
        Refusal::new(Reason::ColumnGone, of, text, hint).by(name)
    });
    let other_types = table.columns.iter().filter_map(|column| {
        let (live, was) = (&column.live, column.sealed_type.as_ref()?);
        let (what, is) = (live.quoted(), &live.type_name);
        let text = format!("the column {what} has type {is}, and had {was}");
        let hint =
            "Bring the type back first; or restore into another database: docs/undo-by-hand.md.";
        Some(Refusal::new(Reason::ColumnType, of, text, hint).by(&live.name))
    });
    gone.chain(other_types).collect()
}

/// A table of the backup that is not there.
pub(crate) fn dropped(table: &ComparedTable, bring_back: &str) -> Refusal {
    let text = "the table is not there any more";
    Refusal::new(Reason::Dropped, &table.name, text, bring_back)
}

/// What is wrong given the rows that are to be undone.
pub(crate) fn of_rows(table: &Planned, session: &LiveSession, triggers: Triggers) -> Vec<Refusal> {
    let (of, chosen) = (&table.loaded.table.name, &table.chosen);
    if chosen.rows() == 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    if table.loaded.keys.is_empty() {
        let text = no_key(&table.loaded, table.not_unique.as_deref());
        let hint = "Undo it by hand, or leave it out with --table: docs/undo-by-hand.md.";
        found.push(Refusal {
            by: table.not_unique.clone(),
            ..Refusal::new(Reason::NoKey, of, text, hint)
        });
    }
    let required = table.loaded.new_columns();
    let required = required.filter(|column| column.required());
    let required: Vec<String> = required.map(|column| column.quoted()).collect();
    if let Some(first) = required.first().filter(|_| chosen.gone > 0) {
        let columns = joined(&required, ", ");
        let text =
            format!("rows that come back have no value for {columns}, which is new and NOT NULL");
        let hint = "Give the column a DEFAULT first.";
        let refusal = Refusal::new(Reason::ColumnRequired, of, text, hint);
        found.push(refusal.by(first).rows(chosen.gone));
    }
    found.extend(rules(table));
    found.extend(unidentified(table));
    found.extend(privileges(table, session, triggers));
    if moves(table, session) {
        found.push(Refusal::new(
            Reason::PartitionMove,
            of,
            "before PostgreSQL 15 a row that moves to another partition is deleted for keys with an \
             action, which refer to the table",
            "Undo it by hand: docs/undo-by-hand.md.",
        ));
    }
    found
}

/// Why no key tells which row is which. `not_unique`: one by which rows of the backup do not differ.
pub(crate) fn no_key(table: &LoadedTable, not_unique: Option<&str>) -> String {
    if let Some(index) = not_unique {
        return format!("rows of the backup are not unique by {index}, which is newer");
    }
    let mut keys = table.live.uniques.iter();
    let key = keys.find(|unique| unique.primary && unique.part.is_none());
    let Some(key) = key else {
        return "it has no primary key, and no unique index of columns that are NOT NULL".into();
    };
    let shared = |number| {
        let mut columns = table.columns.iter();
        columns.any(|column| column.live.number == number)
    };
    let name = &key.name;
    if !key.immediate {
        return format!("its primary key {name} is DEFERRABLE, and there is no other one");
    }
    if key.columns.iter().all(|column| shared(column.number)) {
        return format!("its primary key {name} cannot be used, and there is no other one");
    }
    format!(
        "the backup has no values for its primary key {name}, which is generated or new, and there is no other one"
    )
}

fn rules(table: &Planned) -> Option<Refusal> {
    let chosen = &table.chosen;
    let mut rules = table.loaded.live.rules.iter();
    let rule = rules.find(|rule| {
        let used = match rule.event.as_str() {
            "INSERT" => chosen.inserts(),
            "UPDATE" => chosen.updates(),
            "DELETE" => chosen.deletes(),
            _ => 0,
        };
        used > 0 && matches!(rule.enabled.as_str(), "O" | "A")
    })?;
    let (name, event) = (quoted(&rule.name), &rule.event);
    let text = format!("the rule {name} on {event} would be run, and cannot be");
    let hint = "Disable the rule first, ALTER TABLE … DISABLE RULE, or undo the table by hand: docs/undo-by-hand.md.";
    let of = &table.loaded.table.name;
    Some(Refusal::new(Reason::Rule, of, text, hint).by(&rule.name))
}

/// The server looks at each partition, be a row of it written or not.
fn unidentified(table: &Planned) -> Option<Refusal> {
    let (chosen, live) = (&table.chosen, &table.loaded.live);
    let mut unidentified = live.unidentified.iter();
    let event = |update: bool, delete: bool| match (chosen.updates(), chosen.deletes()) {
        (1.., _) if update => Some("UPDATE"),
        (_, 1..) if delete => Some("DELETE"),
        _ => None,
    };
    let (one, event) = unidentified.find_map(|one| Some((one, event(one.update, one.delete)?)))?;
    let key = table.loaded.key().filter(|_| one.table == live.name);
    let identity = match key {
        Some(key) => format!("USING INDEX {}", quoted(&key.index)),
        None => "FULL".into(),
    };
    let (publication, part) = (quoted(&one.publication), &one.table);
    let text = format!(
        "the publication {publication} has each {event} of {part}, and without a replica identity the server does none"
    );
    let hint = format!(
        "As its owner: ALTER TABLE {} REPLICA IDENTITY {identity};",
        part.pattern()
    );
    let of = &table.loaded.table.name;
    Some(Refusal::new(Reason::ReplicaIdentity, of, text, hint).by(&one.publication))
}

fn privileges(table: &Planned, session: &LiveSession, triggers: Triggers) -> Option<Refusal> {
    let (chosen, has) = (&table.chosen, table.loaded.live.privileges);
    let needs = [
        ("INSERT", chosen.inserts() > 0, has.insert),
        ("UPDATE", chosen.updates() > 0, has.update),
        ("DELETE", chosen.deletes() > 0, has.delete),
    ];
    let lacks = needs.iter().filter(|(_, needed, has)| *needed && !has);
    let mut lacks: Vec<&str> = lacks.map(|(name, ..)| *name).collect();
    // LOCK … IN SHARE ROW EXCLUSIVE MODE is for whom INSERT alone is not granted.
    if !has.update && !has.delete && lacks.iter().all(|name| *name == "INSERT") {
        lacks.push("UPDATE or DELETE");
    }
    let off = triggers == Triggers::Off && !table.loaded.live.triggers.is_empty();
    let (of, user) = (&table.loaded.table.name, quoted(&session.user));
    let owner = quoted(&table.loaded.live.owner);
    if off && !has.owner {
        let text = format!("--triggers=off takes the rights of its owner, {owner}");
        let hint = "Connect as the owner; or let the triggers fire.";
        return Some(Refusal::new(Reason::Privilege, of, text, hint));
    }
    let first = lacks.first()?;
    let told = lacks.join(", ");
    let grant = told.replace("UPDATE or DELETE", "UPDATE");
    let text = format!("the role {user} lacks {told}");
    let hint = format!(
        "As its owner, {owner}: GRANT {grant} ON {} TO {user};",
        of.pattern()
    );
    Some(Refusal::new(Reason::Privilege, of, text, hint).by(*first))
}

/// Whether a row may move to another partition, and a key's action would take that for a DELETE.
fn moves(table: &Planned, session: &LiveSession) -> bool {
    let live = &table.loaded.live;
    let mut by = live.partition_columns.iter();
    let may_move = by.any(|column| match column {
        Some(column) => table.set.contains(column),
        // An expression, of whatever columns.
        None => !table.set.is_empty(),
    });
    let mut keys = live.foreign_keys.iter();
    may_move
        && session.version_num < MOVES_KEEP_KEYS
        && keys.any(|key| key.on_delete.acts() && live.holds(&key.to))
}
