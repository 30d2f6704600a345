//! Random writes, each a transaction of its own; one that the server refuses did nothing.

use super::generator::{Reference, Schema, Table, row};
use crate::corpus::dice::Dice;

pub fn damage(schema: &Schema, dice: &mut Dice) -> Vec<String> {
    let writes = (0..1 + dice.below(8)).map(|_| write(schema, dice));
    let mut writes: Vec<String> = writes.collect();
    if dice.one_in(6) {
        let at = dice.below(writes.len() + 1);
        writes.insert(at, redefine(schema, dice));
    }
    writes
}

/// The table is defined otherwise.
fn redefine(schema: &Schema, dice: &mut Dice) -> String {
    let name = &dice.pick(&schema.tables).name;
    match dice.below(8) {
        0 | 1 => format!("ALTER TABLE {name} ADD extra int"),
        2 => format!("ALTER TABLE {name} ADD extra int NOT NULL DEFAULT 7"),
        3 => format!(
            "ALTER TABLE {name} ADD extra int NOT NULL DEFAULT 7;\nALTER TABLE {name} ALTER extra DROP DEFAULT"
        ),
        4 => format!("ALTER TABLE {name} DROP n"),
        5 => format!("ALTER TABLE {name} ALTER n TYPE numeric(12, 3)"),
        6 => format!("ALTER TABLE {name} RENAME \"V v\" TO w"),
        _ => format!("DROP TABLE {name} CASCADE"),
    }
}

fn write(schema: &Schema, dice: &mut Dice) -> String {
    let table = dice.pick(&schema.tables).clone();
    let name = &table.name;
    let some = condition(dice);
    match dice.below(14) {
        0 => format!("UPDATE {name} SET \"V v\" = 'damaged' WHERE {some}"),
        1 => format!("UPDATE {name} SET n = n + 1, j = '[]' WHERE {some}"),
        2 | 3 => format!("DELETE FROM {name} WHERE {some}"),
        4 | 5 => {
            let id = 1 + dice.below(25);
            row(&table, id, dice)
        }
        6 => format!("TRUNCATE {name} RESTART IDENTITY CASCADE"),
        7 => format!("UPDATE {name} SET part = (part + 1) % 4 WHERE {some}"),
        8 => format!("UPDATE {name} SET id = id + 100 WHERE {some}"),
        9 => rotated(&table),
        10 => moved(&table, dice),
        11 | 12 => refer_to_added(schema, dice),
        _ => match dice.some(&table.references) {
            None => format!("UPDATE {name} SET part = part, n = 0 WHERE {some}"),
            Some(reference) => {
                let column = &reference.column;
                let parent = &schema.tables[reference.parent];
                let to = 1 + dice.below(parent.rows);
                let pair = parent.also(column, to);
                format!("UPDATE {name} SET {column} = {to}{pair} WHERE {some}")
            }
        },
    }
}

/// A new row, and rows of another table that refer to it.
fn refer_to_added(schema: &Schema, dice: &mut Dice) -> String {
    let child = dice.pick(&schema.tables).clone();
    let Some(Reference { column, parent, .. }) = dice.some(&child.references) else {
        return row(&child, 40, dice);
    };
    let (parent, id) = (&schema.tables[parent], 40 + dice.below(5));
    let (added, also) = (row(parent, id, dice), parent.also(&column, id));
    let which = condition(dice);
    format!(
        "{added};\nUPDATE {} SET {column} = {id}{also} WHERE {which}",
        child.name
    )
}

fn condition(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => "true".into(),
        1 => "id % 2 = 0".into(),
        2 => format!("id = {}", 1 + dice.below(9)),
        _ => format!("id > {}", dice.below(8)),
    }
}

/// Each row has the unique value of another one afterwards.
fn rotated(table: &Table) -> String {
    let name = &table.name;
    format!(
        "UPDATE {name} SET u = -u;\n\
         UPDATE {name} t SET u = coalesce((SELECT min(-o.u) FROM {name} o WHERE -o.u > -t.u), 10) WHERE u < 0"
    )
}

/// A row goes, and another takes its unique value.
fn moved(table: &Table, dice: &mut Dice) -> String {
    let name = &table.name;
    let (old, new) = (1 + dice.below(6), 30 + dice.below(6));
    format!(
        "DELETE FROM {name} WHERE id = {old};\n\
         INSERT INTO {name} (id, part, u) OVERRIDING SYSTEM VALUE VALUES ({new}, {}, {})",
        old % 3,
        old * 10
    )
}
