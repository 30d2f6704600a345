//! Triggers of the tables: which ones an undo would fire, and how they are switched off for it.

use crate::base::names::quoted;
use crate::report::undo::UndoTrigger;
use crate::undo::live_tables::{LiveKind, Trigger};
use crate::undo::planned::Planned;

/// It fires in a session that is no replication's.
fn is_enabled(trigger: &Trigger) -> bool {
    matches!(trigger.enabled.as_str(), "O" | "A")
}

fn does(table: &Planned, event: &str) -> bool {
    let updates = table.chosen.updates() > 0;
    // A row that moves to another partition is deleted there and inserted here.
    let moves = updates && table.loaded.live.kind == LiveKind::Partitioned;
    match event {
        "DELETE" => moves || table.chosen.deletes() > 0,
        "UPDATE" => updates,
        "INSERT" => moves || table.chosen.inserts() > 0,
        _ => false,
    }
}

/// Told once, by the table that declares them.
pub(crate) fn firing(tables: &[Planned]) -> Vec<UndoTrigger> {
    let mut found = Vec::new();
    for table in tables {
        for trigger in &table.loaded.live.triggers {
            let fires = trigger.events.iter().any(|event| does(table, event));
            if fires && is_enabled(trigger) && !trigger.cloned {
                found.push(UndoTrigger {
                    table: trigger.table.to_string(),
                    name: trigger.name.clone(),
                    timing: trigger.timing.clone(),
                    events: trigger.events.clone(),
                    row: trigger.row,
                    function: trigger.function.to_string(),
                });
            }
        }
    }
    found
}

/// Switches off each trigger that is enabled, by its name, and nothing else: foreign keys stay on.
/// ONLY, for a partition's copy of a trigger may be set otherwise than its parent's.
pub(crate) fn off(tables: &[Planned]) -> String {
    alter(tables, |_| "DISABLE TRIGGER")
}

/// Puts back what each of them was.
pub(crate) fn on(tables: &[Planned]) -> String {
    alter(tables, |trigger| match trigger.enabled.as_str() {
        "A" => "ENABLE ALWAYS TRIGGER",
        _ => "ENABLE TRIGGER",
    })
}

fn alter(tables: &[Planned], how: impl Fn(&Trigger) -> &'static str) -> String {
    let triggers = tables.iter().flat_map(|table| &table.loaded.live.triggers);
    let enabled = triggers.filter(|trigger| is_enabled(trigger));
    let altered = enabled.map(|trigger| {
        let table = trigger.table.pattern();
        format!(
            "ALTER TABLE ONLY {table} {} {};\n",
            how(trigger),
            quoted(&trigger.name)
        )
    });
    altered.collect()
}
