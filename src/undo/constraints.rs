//! What the server would hold against a row that comes back: NOT NULL, CHECK, what domains and enums
//! take, and bounds of partitions. Each may be newer than the backup.
//!
//! The rows are in a temporary table already, so each condition is asked of them, as one query, and no
//! live row is touched or locked.

use crate::base::names::{TableName, quoted, text_array};
use crate::base::text::counted;
use crate::process::flow::{Passed, StreamError};
use crate::undo::final_rows::{ACTION, CHOSEN, restored};
use crate::undo::live_column::LiveColumn;
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};
use crate::undo::session::{AS_ANY_WRITE, AS_BEFORE, NO_PATH, Session, Step};
use serde::Deserialize;

const QUERY: &str = include_str!("constraints.sql");

#[derive(Debug, Deserialize)]
struct Constraint {
    kind: Kind,
    /// The table itself, or a partition whose own it is.
    table: TableName,
    /// The partition constraint, where it is a partition's.
    takes: Option<String>,
    /// The constraint or the column.
    by: Option<String>,
    columns: Vec<String>,
    /// The constraint's expression, over bare names of columns.
    test: String,
    /// It cannot be asked of rows that are elsewhere, or answers otherwise later.
    opaque: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Check,
    NotNull,
    Partition,
}

/// A condition that no row may meet, and the refusal where one does.
struct Broken {
    condition: String,
    by: Option<String>,
    reason: Reason,
    /// Behind the number of rows.
    text: String,
    hint: &'static str,
}

const LEAVE: &str = "Drop it for the undo, or leave these rows as they are with --where.";

/// The condition for rows that come back by an INSERT.
const INSERTED: &str = "action OPERATOR(pg_catalog.=) 'gone' OR swapped";

/// What is found of one table, once it is known which columns are set.
pub(crate) fn look(
    session: &mut Session,
    table: &Planned,
    refusals: &mut Vec<Refusal>,
    notes: &mut Vec<String>,
) -> Passed {
    let before = refusals.len();
    let loaded = &table.loaded;
    let rows = format!(
        "SELECT d.sealed, d.action, d.swapped FROM {} AS d WHERE {CHOSEN} AND d.action OPERATOR(pg_catalog.<>) 'added'",
        loaded.diff()
    );
    ask(session, table, &of_types(table, notes), &rows, refusals)?;
    // A value that its type does not take is none for what follows.
    if refusals.len() > before {
        return Ok(());
    }
    let step = Step::Names(format!("it read constraints of {}", loaded.table.name));
    let query = QUERY.replace("__ROOT__", &loaded.live.oid.to_string());
    session.run(step.clone(), NO_PATH)?;
    let all: Vec<Constraint> = session.all(step.clone(), &query)?;
    session.run(step, AS_BEFORE)?;
    let (bounds, all): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|constraint| constraint.kind == Kind::Partition);
    notes.extend(all.iter().filter(|one| one.opaque).map(|one| {
        let by = one.by.as_deref().unwrap_or_default();
        format!(
            "not looked at: the check constraint {by} of {}, which may answer otherwise later",
            one.table
        )
    }));
    let new: Vec<&LiveColumn> = loaded.new_columns().collect();
    let all = all.iter().filter(|constraint| !constraint.opaque);
    let all: Vec<Broken> = all
        .filter_map(|constraint| constraint.broken(table, &new))
        .collect();
    ask(session, table, &all, &restored(loaded, "true"), refusals)?;
    let bounds = bounds.iter().filter_map(|bound| bound.broken(table, &new));
    let bounds: Vec<Broken> = bounds.collect();
    ask(
        session,
        table,
        &bounds,
        &restored(loaded, &moved(table)),
        refusals,
    )
}

/// Rows that may belong to another partition than the live row does.
fn moved(table: &Planned) -> String {
    let by = &table.loaded.live.partition_columns;
    // An expression has no name; a table that is a partition itself does not tell its columns.
    let names: Option<Vec<&String>> = by.iter().map(Option::as_ref).collect();
    match names {
        Some(names) if !names.is_empty() => format!(
            "(d.action OPERATOR(pg_catalog.=) 'gone' OR d.swapped OR \
             d.columns OPERATOR(pg_catalog.&&) {})",
            text_array(names)
        ),
        _ => "true".into(),
    }
}

/// The values that domains and enums do not take any more.
fn of_types(table: &Planned, notes: &mut Vec<String>) -> Vec<Broken> {
    let mut found = Vec::new();
    for column in &table.loaded.columns {
        let (Some(loose), name) = (&column.live.loose, column.live.quoted()) else {
            continue;
        };
        let value = format!("(sealed).{name}");
        // A value that no UPDATE sets stays, even where its type has come to take none like it.
        let set = table.set.contains(&column.live.name);
        let mut broken = |condition: String, by: &str, text: String| {
            found.push(Broken {
                condition: if set {
                    condition
                } else {
                    format!("({INSERTED}) AND {condition}")
                },
                by: Some(by.into()),
                reason: Reason::Constraint,
                text,
                hint: LEAVE,
            });
        };
        if let Some(unknown) = loose.unknown(&value) {
            let text = format!(
                "with a label in {name} that {} does not have any more",
                column.live.type_name
            );
            broken(unknown, &column.live.name, text);
        }
        for domain in &loose.domains {
            if domain.not_null {
                let text = format!(
                    "without a value in {name}, which the domain {} takes no more",
                    domain.name
                );
                let condition = domain.broken(&value, "value IS NOT NULL");
                broken(condition, &column.live.name, text);
            }
            for check in &domain.checks {
                let of = format!("{} of the domain {}", quoted(&check.name), domain.name);
                if check.volatile {
                    notes.push(format!(
                        "not looked at: the check constraint {of}, which may answer otherwise later"
                    ));
                    continue;
                }
                let condition = domain.broken(&value, &check.expression);
                broken(
                    condition,
                    &check.name,
                    format!("with a value in {name} against the check constraint {of}"),
                );
            }
        }
    }
    found
}

impl Constraint {
    /// The condition that rows break it. None where it is about a new column of the table, of which the
    /// backup has no value. `new`: all of those.
    fn broken(&self, table: &Planned, new: &[&LiveColumn]) -> Option<Broken> {
        let loaded = &table.loaded;
        let is_new = |name: &String| new.iter().any(|column| column.name == *name);
        // `fitness` refuses the table, and here a partition.
        let only_new = self.kind == Kind::NotNull && self.columns.iter().any(is_new);
        if only_new && self.takes.is_none() {
            return None;
        }
        // What a default or a sequence gives a row that is inserted is not known.
        let given = new.iter().any(|column| column.given());
        let computed = |name: &String| {
            let mut columns = loaded.live.columns.iter();
            columns.any(|column| column.generated && column.name == *name)
        };
        let mut columns = self.columns.iter();
        let unknown = given && columns.any(|name| is_new(name) || computed(name));
        // No other row is looked at: the test may end in an error for it.
        let mut which = Vec::new();
        if unknown {
            let action = loaded.free(ACTION);
            which.push(format!("{action} OPERATOR(pg_catalog.<>) 'gone'"));
        }
        which.extend(
            self.takes
                .iter()
                .map(|takes| format!("({takes}) IS NOT FALSE")),
        );
        let mut condition = format!("({}) IS FALSE", self.test);
        if !which.is_empty() {
            condition = format!("CASE WHEN {} THEN {condition} END", which.join(" AND "));
        }
        let by = self.by.as_deref().unwrap_or_default();
        let of = match &self.takes {
            None => String::new(),
            Some(_) => format!(" of the partition {}", self.table),
        };
        let (reason, text, hint) = match self.kind {
            Kind::Check => (
                Reason::Constraint,
                format!("against the check constraint {}{of}", quoted(by)),
                LEAVE,
            ),
            Kind::NotNull => (
                Reason::Constraint,
                format!(
                    "without a value in {}{of}, which is NOT NULL now",
                    quoted(by)
                ),
                LEAVE,
            ),
            Kind::Partition => (
                Reason::PartitionMissing,
                "for which there is no partition any more".into(),
                "Attach their partition again, or create one, then undo; or leave these rows out with --where.",
            ),
        };
        Some(Broken {
            condition,
            by: self.by.clone(),
            reason,
            text,
            hint,
        })
    }
}

/// One pass over the rows for all of them. Functions of the user's find what they name.
fn ask(
    session: &mut Session,
    table: &Planned,
    all: &[Broken],
    rows: &str,
    refusals: &mut Vec<Refusal>,
) -> Result<(), StreamError> {
    if all.is_empty() {
        return Ok(());
    }
    let name = &table.loaded.table.name;
    let step = || Step::Rows(format!("it looked at constraints of {name}"));
    let counts = all
        .iter()
        .map(|broken| format!("pg_catalog.count(*) FILTER (WHERE {})", broken.condition));
    let counts: Vec<String> = counts.collect();
    let query = format!(
        "SELECT pg_catalog.array_to_json(ARRAY[{}]) FROM ({rows}) AS r",
        counts.join(", ")
    );
    session.run(step(), AS_ANY_WRITE)?;
    let counts: Vec<u64> = session.one(step(), &query)?;
    session.run(step(), AS_BEFORE)?;
    for (broken, rows) in all.iter().zip(counts).filter(|(_, rows)| *rows > 0) {
        let text = format!("{} would come back {}", counted(rows, "row"), broken.text);
        refusals.push(Refusal {
            by: broken.by.clone(),
            ..Refusal::new(broken.reason, name, text, broken.hint).rows(rows)
        });
    }
    Ok(())
}
