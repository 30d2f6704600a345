//! Unique values that another row has: a row that stays, which is refused; or one that is changed too,
//! so that no order of the changes is right.
//!
//! A row whose value another changed row has is deleted and inserted again, in the same statement:
//! `pgseal_diff_n.swapped`. Then every value is free when it is written.

use crate::process::flow::Passed;
use crate::undo::final_rows::{CHOSEN, meets_by, restored};
use crate::undo::live_tables::Unique;
use crate::undo::loaded_table::LoadedTable;
use crate::undo::refusal::{Reason, Refusal};
use crate::undo::session::{Session, Step};

fn step(table: &LoadedTable) -> Step {
    Step::Rows(format!("it compared unique values of {}", table.table.name))
}

/// Marks what is deleted and inserted again, and refuses where a row that stays has the value.
pub(crate) fn look(
    session: &mut Session,
    table: &LoadedTable,
    refusals: &mut Vec<Refusal>,
) -> Passed {
    let key = table.key.as_ref().map(|key| key.index.as_str());
    for unique in &table.live.uniques {
        if Some(unique.name.as_str()) == key || unique.columns.iter().any(|c| c.equals.is_none()) {
            continue;
        }
        let taken = Taken::new(table, unique);
        if unique.immediate {
            let sql = format!(
                "UPDATE {} AS u SET swapped = true FROM ({}) AS t WHERE u.ctid = t.pgseal_place \
                 AND NOT u.swapped AND t.mine = 'changed' AND t.other = 'changed';\n",
                table.diff(),
                taken.query
            );
            session.run(step(table), &sql)?;
        }
        let query = format!(
            "SELECT pg_catalog.count(DISTINCT pgseal_place) FROM ({}) AS t WHERE t.other IS NULL",
            taken.query
        );
        let rows: u64 = session.one(step(table), &query)?;
        if rows > 0 {
            refusals.push(Refusal {
                reason: Reason::UniqueTaken,
                table: table.table.name.to_string(),
                by: Some(unique.name.clone()),
                rows: Some(rows),
                text: format!(
                    "a row that stays as it is has the values that another one had ({})",
                    unique.name
                ),
                hint: Some("Undo that row too: without --only, --where or --later=keep.".into()),
            });
        }
    }
    identities(session, table)
}

/// A column that is GENERATED ALWAYS takes a value only from an INSERT.
fn identities(session: &mut Session, table: &LoadedTable) -> Passed {
    use crate::base::names::literal;
    use crate::undo::live_tables::Identity;
    let columns = table.columns.iter();
    let always = columns.filter(|column| column.live.identity == Some(Identity::Always));
    let names: Vec<String> = always.map(|column| literal(&column.live.name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {} AS d SET swapped = true WHERE {CHOSEN} AND d.action = 'changed' \
         AND d.columns && ARRAY[{}]::pg_catalog.text[];\n",
        table.diff(),
        names.join(", ")
    );
    session.run(step(table), &sql)
}

/// Rows that come back and live rows that have their values: `pgseal_place`, what becomes of the one,
/// and of the other; nothing where it stays.
struct Taken {
    query: String,
}

impl Taken {
    fn new(table: &LoadedTable, unique: &Unique) -> Taken {
        let columns = || unique.columns.iter().enumerate();
        let values: Vec<String> = columns()
            .map(|(at, column)| format!("({}) AS pgseal_u{at}", column.expression))
            .collect();
        let values = values.join(", ");
        let equal = columns().map(|(at, column)| {
            let equals = column.equals.as_deref().unwrap_or_default();
            let equal = format!("m.pgseal_u{at} {equals} o.pgseal_u{at}");
            if unique.nulls_equal {
                return format!("({equal} OR (m.pgseal_u{at} IS NULL AND o.pgseal_u{at} IS NULL))");
            }
            equal
        });
        let equal: Vec<String> = equal.collect();
        let of_all = match &unique.predicate {
            Some(predicate) => format!("WHERE ({predicate})"),
            None => String::new(),
        };
        let key = table.key.iter().flat_map(|key| &key.columns).enumerate();
        let key: String = key
            .map(|(at, column)| {
                let name = crate::base::names::quoted(&column.name);
                format!(", l.{name} AS pgseal_k{at}")
            })
            .collect();
        let place = |name: &str| {
            let columns = table.key.iter().flat_map(|key| &key.columns);
            let at = columns
                .map(|column| crate::base::names::quoted(&column.name))
                .position(|known| known == name);
            format!("o.pgseal_k{}", at.unwrap_or_default())
        };
        let query = format!(
            "SELECT m.pgseal_place, m.pgseal_action AS mine, d.action AS other\n\
             FROM (SELECT pgseal_place, pgseal_action, {values} FROM ({}) AS r {of_all}) AS m\n\
             JOIN (SELECT {values}{key} FROM {} AS l {of_all}) AS o ON {}\n\
             LEFT JOIN {} AS d ON {CHOSEN} AND d.action <> 'gone' AND {}\n\
             WHERE d.ctid IS DISTINCT FROM m.pgseal_place",
            restored(table, "true"),
            table.live.from(),
            equal.join(" AND "),
            table.diff(),
            meets_by(table, place),
        );
        Taken { query }
    }
}
