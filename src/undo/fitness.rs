//! Tables that cannot be undone as they are: by their catalog entries alone, or by these and the number
//! of their rows.

use crate::base::few::joined;
use crate::base::names::quoted;
use crate::config::undo::Triggers;
use crate::undo::compared_table::ComparedTable;
use crate::undo::live_tables::{ForeignKeyAction, LiveSession};
use crate::undo::loaded_table::LoadedTable;
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};

/// The first version in which an UPDATE that moves a row between partitions is no DELETE for foreign
/// keys.
const MOVES_KEEP_KEYS: u32 = 150_000;

fn refusal(reason: Reason, table: &ComparedTable, text: String, hint: &str) -> Refusal {
    Refusal {
        reason,
        table: table.name.to_string(),
        by: None,
        rows: None,
        text,
        hint: Some(hint.into()),
    }
}

/// What is wrong whatever rows differ.
pub(crate) fn of_table(table: &LoadedTable) -> Vec<Refusal> {
    let of = &table.table;
    let mut found = Vec::new();
    for name in &table.gone {
        found.push(Refusal {
            by: Some(name.clone()),
            ..refusal(
                Reason::ColumnGone,
                of,
                format!(
                    "the column {} of the backup is not there any more",
                    quoted(name)
                ),
                "Bring the column back first; or restore into another database: docs/undo-by-hand.md.",
            )
        });
    }
    for column in &table.columns {
        if let Some(was) = &column.sealed_type {
            found.push(Refusal {
                by: Some(column.live.name.clone()),
                ..refusal(
                    Reason::ColumnType,
                    of,
                    format!(
                        "the column {} has type {}, and had {was}",
                        column.live.quoted(),
                        column.live.type_name
                    ),
                    "Bring the type back first; or restore into another database: docs/undo-by-hand.md.",
                )
            });
        }
    }
    found
}

/// A table of the backup that is not there.
pub(crate) fn dropped(table: &ComparedTable, bring_back: &str) -> Refusal {
    refusal(
        Reason::Dropped,
        table,
        "the table is not there any more".into(),
        bring_back,
    )
}

/// What is wrong given the rows that are to be undone.
pub(crate) fn of_rows(table: &Planned, session: &LiveSession, triggers: Triggers) -> Vec<Refusal> {
    let (of, chosen) = (&table.loaded.table, &table.chosen);
    if chosen.rows() == 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    if table.loaded.keys.is_empty() {
        found.push(Refusal {
            by: table.not_unique.clone(),
            ..refusal(
                Reason::NoKey,
                of,
                no_key(&table.loaded, table.not_unique.as_deref()),
                "Undo it by hand, or leave it out with --table: docs/undo-by-hand.md.",
            )
        });
    }
    let required = table.loaded.new_columns();
    let required = required.filter(|column| column.required());
    let required: Vec<String> = required.map(|column| column.quoted()).collect();
    if chosen.gone > 0 && !required.is_empty() {
        found.push(Refusal {
            by: required.first().cloned(),
            rows: Some(chosen.gone),
            ..refusal(
                Reason::ColumnRequired,
                of,
                format!(
                    "rows that come back have no value for {}, which is new and NOT NULL",
                    joined(&required, ", ")
                ),
                "Give the column a DEFAULT first.",
            )
        });
    }
    found.extend(rules(table));
    found.extend(privileges(table, session, triggers));
    if moves(table, session) {
        found.push(refusal(
            Reason::PartitionMove,
            of,
            "before PostgreSQL 15 a row that moves to another partition is deleted for keys with an \
             action, which refer to the table"
                .into(),
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
    Some(Refusal {
        by: Some(rule.name.clone()),
        ..refusal(
            Reason::Rule,
            &table.loaded.table,
            format!(
                "the rule {} on {} would be run, and cannot be",
                quoted(&rule.name),
                rule.event
            ),
            "Disable the rule first, ALTER TABLE … DISABLE RULE, or undo the table by hand: docs/undo-by-hand.md.",
        )
    })
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
    let (of, user) = (&table.loaded.table, quoted(&session.user));
    let (name, owner) = (of.name.pattern(), quoted(&table.loaded.live.owner));
    if off && !has.owner {
        let what = format!("--triggers=off takes the rights of its owner, {owner}");
        return Some(refusal(
            Reason::Privilege,
            of,
            what,
            "Connect as the owner; or let the triggers fire.",
        ));
    }
    let first = lacks.first()?;
    let told = lacks.join(", ");
    let grant = told.replace("UPDATE or DELETE", "UPDATE");
    Some(Refusal {
        by: Some((*first).into()),
        ..refusal(
            Reason::Privilege,
            of,
            format!("the role {user} lacks {told}"),
            &format!("As its owner, {owner}: GRANT {grant} ON {name} TO {user};"),
        )
    })
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
        && keys.any(|key| {
            let action = key.on_delete;
            let acts = !matches!(
                action,
                ForeignKeyAction::NoAction | ForeignKeyAction::Restrict
            );
            acts && (key.to == live.name || live.partitions.contains(&key.to))
        })
}
