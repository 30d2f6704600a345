//! Unique values that another row has: a row that stays, which is refused; one that is changed too, so
//! that no order of the changes is right; or one that comes back as well, since the index is newer
//! than the backup.
//!
//! A row whose value another changed row has is deleted and inserted again, in the same statement:
//! `pgseal_diff_n.swapped`. Then every value is free when it is written.

use crate::base::names::{quoted, text_array};
use crate::base::text::counted;
use crate::process::flow::Passed;
use crate::undo::final_rows::{ACTION, CHOSEN, PLACE, meets_by, restored};
use crate::undo::live_column::Identity;
use crate::undo::live_tables::Unique;
use crate::undo::loaded_table::{LoadedTable, equal};
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};
use crate::undo::session::{Session, Step};

/// Rows among which an exclusion constraint is looked for: without an index each meets each.
const FEW: u64 = 5_000;

fn step(table: &LoadedTable) -> Step {
    Step::Rows(format!("it compared unique values of {}", table.table.name))
}

/// Marks what is deleted and inserted again, and refuses where a row that stays has the value.
pub(crate) fn look(
    session: &mut Session,
    planned: &Planned,
    refusals: &mut Vec<Refusal>,
) -> Passed {
    let table = &planned.loaded;
    let key = table.key().map(|key| key.index.as_str());
    for unique in &table.live.uniques {
        let is_key = unique.part.is_none() && Some(unique.name.as_str()) == key;
        if is_key || unique.columns.iter().any(|c| c.equals.is_none()) {
            continue;
        }
        let values = Values::new(table, unique);
        let taken = values.taken();
        if unique.immediate {
            let sql = format!(
                "UPDATE {} AS u SET swapped = true FROM ({taken}) AS t WHERE u.ctid = t.place \
                 AND NOT u.swapped AND t.mine = 'changed' AND t.other = 'changed';\n",
                table.diff(),
            );
            session.run(step(table), &sql)?;
        }
        let query = format!(
            "SELECT pg_catalog.count(DISTINCT place) FROM ({taken}) AS t WHERE t.other IS NULL"
        );
        let rows: u64 = session.one(step(table), &query)?;
        let refusal = |reason, rows, text: String, hint: &str| {
            let refusal = Refusal::new(reason, &table.table.name, text, hint);
            refusal.by(&unique.name).rows(rows)
        };
        if rows > 0 {
            refusals.push(refusal(
                Reason::UniqueTaken,
                rows,
                format!(
                    "a row that stays as it is has the values that another one had ({})",
                    unique.name
                ),
                "Undo that row too: without --only, --where or --later=keep.",
            ));
        }
        let chosen = &planned.chosen;
        if unique.exclusion && chosen.changed + chosen.gone > FEW {
            continue;
        }
        let rows: u64 = session.one(step(table), &values.doubled())?;
        if rows > 0 {
            refusals.push(refusal(
                Reason::Constraint,
                rows,
                format!(
                    "{} would come back with the same values for {}, which is newer than the backup",
                    counted(rows, "row"),
                    quoted(&unique.name)
                ),
                "Drop it for the undo, or leave these rows as they are with --where.",
            ));
        }
    }
    identities(session, table)
}

/// A column that is GENERATED ALWAYS takes a value only from an INSERT.
fn identities(session: &mut Session, table: &LoadedTable) -> Passed {
    let columns = table.columns.iter();
    let always = columns.filter(|column| column.live.identity == Some(Identity::Always));
    let names: Vec<&str> = always.map(|column| &*column.live.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {} AS d SET swapped = true WHERE {CHOSEN} AND d.action = 'changed' \
         AND d.columns OPERATOR(pg_catalog.&&) {};\n",
        table.diff(),
        text_array(names)
    );
    session.run(step(table), &sql)
}

/// The values of a unique index, as queries.
struct Values<'a> {
    table: &'a LoadedTable,
    unique: &'a Unique,
    /// `u0`, `u1`, … of a row.
    values: String,
    /// Those of `m` equal those of `o`.
    equal: String,
    /// WHERE clauses: for all rows of the index, and for the rows that come back.
    all: String,
    back: String,
}

impl Values<'_> {
    fn new<'a>(table: &'a LoadedTable, unique: &'a Unique) -> Values<'a> {
        let columns = || unique.columns.iter().enumerate();
        let values = columns().map(|(at, column)| format!("({}) AS u{at}", column.expression));
        let values: Vec<String> = values.collect();
        let equal = columns().map(|(at, column)| {
            let equals = column.equals.as_deref().unwrap_or_default();
            let [m, o] = ["m", "o"].map(|side| format!("{side}.u{at}"));
            let equal = equal(&m, equals, &o, column.collation.as_deref());
            if unique.nulls_equal {
                return format!("({equal} OR ({m} IS NULL AND {o} IS NULL))");
            }
            equal
        });
        let equal: Vec<String> = equal.collect();
        let takes = unique.part.as_ref().and_then(|part| part.takes.as_deref());
        let rows = |conditions: &[Option<&str>]| {
            let conditions = conditions.iter().flatten();
            let conditions: Vec<String> = conditions.map(|c| format!("({c})")).collect();
            match &conditions[..] {
                [] => String::new(),
                all => format!(" WHERE {}", all.join(" AND ")),
            }
        };
        let of_index = unique.predicate.as_deref();
        // What a DEFAULT gives a new column is not known.
        let mut given = table.new_columns().filter(|column| column.given());
        let given = given.any(|new| {
            unique
                .columns
                .iter()
                .any(|column| column.number == new.number)
        });
        let known = given.then(|| format!("{} OPERATOR(pg_catalog.<>) 'gone'", table.free(ACTION)));
        Values {
            table,
            unique,
            values: values.join(", "),
            equal: equal.join(" AND "),
            all: rows(&[of_index]),
            back: rows(&[takes, of_index, known.as_deref()]),
        }
    }

    /// Rows that come back: `place`, `action` and the values.
    fn back(&self) -> String {
        let (place, action) = (self.table.free(PLACE), self.table.free(ACTION));
        format!(
            "SELECT r.{place} AS place, r.{action} AS action, {} FROM ({}) AS r{}",
            self.values,
            restored(self.table, "true"),
            self.back
        )
    }

    /// Pairs of a row that comes back and a live row that has its values: `place`, and what becomes of the
    /// one, `mine`, and of the other; NULL where it stays.
    fn taken(&self) -> String {
        let (table, back, values) = (self.table, self.back(), &self.values);
        let names = table.key_columns().map(|column| quoted(column.name()));
        let names: Vec<String> = names.collect();
        let key = names.iter().enumerate();
        let key: String = key
            .map(|(at, name)| format!(", l.{name} AS k{at}"))
            .collect();
        let place = |name: &str| {
            let at = names.iter().position(|known| known == name);
            format!("o.k{}", at.unwrap_or_default())
        };
        let live = match &self.unique.part {
            None => table.live.from(),
            Some(part) => part.table.pattern(),
        };
        format!(
            "SELECT m.place, m.action AS mine, d.action AS other\n\
             FROM ({back}) AS m JOIN (SELECT {values}{key} FROM {live} AS l{}) AS o ON {}\n\
             LEFT JOIN {} AS d ON {CHOSEN} AND d.action <> 'gone' AND {}\n\
             WHERE d.ctid IS DISTINCT FROM m.place",
            self.all,
            self.equal,
            table.diff(),
            meets_by(table, place),
        )
    }

    /// How many of the rows that come back have the values of another one of these.
    fn doubled(&self) -> String {
        let back = self.back();
        format!(
            "SELECT pg_catalog.count(DISTINCT m.place) FROM ({back}) AS m JOIN ({back}) AS o \
             ON {} AND m.place <> o.place",
            self.equal
        )
    }
}
