//! What an undo would do, and all that speaks against it: looked at once before, and once more under
//! the lock, by the same questions.

use crate::base::names::{literal, quoted};
use crate::base::text::counted;
use crate::config::undo::UndoOptions;
use crate::process::flow::{Passed, StreamError};
use crate::report::undo::{Cascaded, UndoTrigger};
use crate::undo::choose;
use crate::undo::compare;
use crate::undo::compared_table::ComparedTable;
use crate::undo::final_rows::CHOSEN;
use crate::undo::live_tables::{ForeignKey, LiveSession};
use crate::undo::loaded_table::LoadedTable;
use crate::undo::moment::Moment;
use crate::undo::plan_sha::PlanSha;
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};
use crate::undo::sequences::{self, Behind};
use crate::undo::session::{Session, Step};
use crate::undo::{
    constraints, fitness, later, references, statement, triggers, unindexed, uniques,
};

/// What is asked for.
pub(crate) struct Request {
    pub options: UndoOptions,
    /// What stands for the run in the plan's number: which one, and what was sealed.
    pub header: String,
    /// Before the backup, where this server's rows can be told by it.
    pub backup: Option<Moment>,
    /// When COMMAND of guard had ended.
    pub later: Option<Moment>,
    /// Of the backup, and not there any more.
    pub dropped: Vec<ComparedTable>,
    /// What brings these back.
    pub bring_back: String,
    pub session: LiveSession,
    /// How the tables are defined, as a number.
    pub defined: String,
    /// Keys that refer to tables beyond these.
    pub beyond: Vec<ForeignKey>,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub tables: Vec<Planned>,
    pub refusals: Vec<Refusal>,
    pub cascades: Vec<Cascaded>,
    pub triggers: Vec<UndoTrigger>,
    pub sequences: Vec<Behind>,
    pub notes: Vec<String>,
    /// By a statement of its own, as `references` found it to be needed.
    pub added_first: bool,
    pub sha: String,
}

impl Plan {
    /// Rows that are to be undone.
    pub(crate) fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.chosen.rows()).sum()
    }
}

/// Makes the plan in the transaction that is open, be it read-only. `token`: the dump's.
pub(crate) fn plan(
    session: &mut Session,
    loaded: &[LoadedTable],
    request: &Request,
    token: &[u8],
) -> Result<Plan, StreamError> {
    choose::check_tables(&request.options, loaded)?;
    let dropped = request.dropped.iter();
    let dropped = dropped.map(|table| fitness::dropped(table, &request.bring_back));
    let mut refusals: Vec<Refusal> = dropped.collect();
    let mut tables = Vec::new();
    for table in loaded {
        refusals.extend(fitness::of_table(table));
        tables.push(compared(session, table, request)?);
    }
    refusals.extend(unfit(&tables, request));
    refusals.extend(tables.iter().filter_map(later::attached));
    let mut notes = Vec::new();
    let mut found = references::Found::default();
    // Without a key or a column the questions about rows could not be asked.
    if refusals.is_empty() {
        for table in &mut tables {
            look(session, table, request, &mut refusals, &mut notes)?;
        }
        // What is deleted and inserted again needs more rights than an UPDATE.
        refusals.extend(unfit(&tables, request));
        found = references::look(session, &tables, request)?;
        found.notes.append(&mut notes);
        refusals.extend(found.refusals);
        found.notes.extend(unindexed::notes(session, &tables)?);
    }
    if !found.cascades.is_empty() {
        found
            .notes
            .push("the backup that comes first holds none of the rows beyond the tables".into());
    }
    found
        .notes
        .extend(tables.iter().filter_map(later::kept_unsure));
    later::look(&tables, request, &mut refusals);
    too_many(&tables, request.options.max_rows, &mut refusals);
    let mut sequences = Vec::new();
    if refusals.is_empty() {
        sequences = sequences::behind(session, &tables)?;
        let (how, user) = (request.options.sequences, &request.session.user);
        sequences::check(&mut sequences, how, user, &mut refusals);
    }
    let sha = sha(session, &tables, request, token)?;
    Ok(Plan {
        triggers: triggers::firing(&tables),
        tables,
        refusals,
        cascades: found.cascades,
        sequences,
        notes: found.notes,
        added_first: found.added_first,
        sha,
    })
}

fn unfit(tables: &[Planned], request: &Request) -> Vec<Refusal> {
    let all = tables.iter();
    let all =
        all.flat_map(|table| fitness::of_rows(table, &request.session, request.options.triggers));
    all.collect()
}

fn compared(
    session: &mut Session,
    table: &LoadedTable,
    request: &Request,
) -> Result<Planned, StreamError> {
    let mut loaded = table.clone();
    let compared = compare::compare(session, &loaded)?;
    let not_unique = loaded.key().filter(|_| compared.key.is_none());
    let not_unique = not_unique.map(|key| key.index.clone());
    loaded.keys = compared.key.into_iter().collect();
    analyze(session, &loaded)?;
    let chosen = choose::choose(session, &loaded, request)?;
    let written_by = match chosen.changed + chosen.added {
        0 => Vec::new(),
        _ => choose::written_by(session, &loaded)?,
    };
    Ok(Planned {
        loaded,
        counts: compared.counts,
        chosen,
        written_by,
        not_unique,
        set: Vec::new(),
    })
}

/// Counts the differences for the planner, which otherwise takes them for a few, and scans a table for each.
fn analyze(session: &mut Session, table: &LoadedTable) -> Passed {
    let step = Step::Rows(format!("it counted differences of {}", table.table.name));
    session.run(step, &format!("ANALYZE {};\n", table.diff()))
}

/// Which rows are deleted and inserted again, and which columns are set.
fn look(
    session: &mut Session,
    table: &mut Planned,
    request: &Request,
    refusals: &mut Vec<Refusal>,
    notes: &mut Vec<String>,
) -> Passed {
    if table.chosen.changed + table.chosen.gone == 0 {
        return Ok(());
    }
    uniques::look(session, table, refusals)?;
    analyze(session, &table.loaded)?;
    table.chosen = choose::count(session, &table.loaded, request)?;
    let step = Step::Rows(format!(
        "it looked at columns of {}",
        table.loaded.table.name
    ));
    let query = format!(
        "SELECT DISTINCT pg_catalog.to_json(name)::pg_catalog.text FROM {} AS d, \
         pg_catalog.unnest(d.columns) AS name WHERE {CHOSEN} AND d.action = 'changed' AND NOT d.swapped",
        table.loaded.diff()
    );
    let differ: Vec<String> = session.all(step, &query)?;
    table.set = statement::can_be_set(&table.loaded);
    table.set.retain(|name| differ.contains(name));
    constraints::look(session, table, refusals, notes)
}

fn too_many(tables: &[Planned], most: Option<u64>, refusals: &mut Vec<Refusal>) {
    let rows: u64 = tables.iter().map(|table| table.chosen.rows()).sum();
    if let Some(most) = most.filter(|most| rows > *most) {
        let table = tables.iter().max_by_key(|table| table.chosen.rows());
        let table = table.map_or_else(String::new, |table| table.loaded.table.name.to_string());
        let text = format!(
            "{} would be undone, --max-rows says {most}",
            counted(rows, "row")
        );
        let hint = "Look at them with diff; narrow the undo with --table, --only or --where, or raise --max-rows.";
        refusals.push(Refusal::new(Reason::MaxRows, table, text, hint).rows(rows));
    }
}

/// The plan's number: over the options and a line a row, in the order of the keys; no row is kept.
fn sha(
    session: &mut Session,
    tables: &[Planned],
    request: &Request,
    token: &[u8],
) -> Result<String, StreamError> {
    let names: Vec<String> = tables
        .iter()
        .map(|table| table.loaded.table.name.to_string())
        .collect();
    let header = serde_json::json!({
        "run": request.header, "options": request.options, "tables": names,
    });
    let mut sha = PlanSha::new(token, &header.to_string());
    for table in tables.iter().filter(|table| table.chosen.rows() > 0) {
        let step = Step::Rows(format!("it told the plan for {}", table.loaded.table.name));
        session.each(step, &lines(&table.loaded), &mut |line| {
            sha.line(line);
            Ok(())
        })?;
    }
    Ok(sha.finish())
}

fn lines(table: &LoadedTable) -> String {
    let digest = |row: &str| {
        format!(
            "pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(d.{row}::pg_catalog.text, \
             pg_catalog.getdatabaseencoding())), 'hex')"
        )
    };
    let key = table.key_columns().map(|column| {
        let name = quoted(column.name());
        format!("coalesce((d.live).{name}, (d.sealed).{name})")
    });
    let key: Vec<String> = key.collect();
    let (live, sealed) = (digest("live"), digest("sealed"));
    let order = match &key[..] {
        [] => format!("{sealed}, {live}"),
        key => key.join(", "),
    };
    format!(
        "SELECT pg_catalog.json_build_array({}, d.action, ROW({})::pg_catalog.text, {live}, {sealed})::pg_catalog.text \
         FROM {} AS d WHERE {CHOSEN} ORDER BY {order}",
        literal(&table.table.name.to_string()),
        key.join(", "),
        table.diff(),
    )
}
