//! `pgseal diff`: what changed in the tables since the backup.

use crate::base::error::Result;
use crate::commands::artifact::{given, key, sound};
use crate::config::cli;
use crate::config::flags::Settings;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::report::diff::{DiffReport, DiffResult, DiffTable, DiffedRow, Field};
use crate::report::print::Answer;
use crate::undo::compare::By;
use crate::undo::compared_table::compared_tables;
use crate::undo::converse::{Subject, converse, names};
use crate::undo::diff::{Diff, DiffRow, TableDiff, Value, Values};
use crate::undo::live_tables::live_tables;

pub(crate) fn run(
    args: &cli::Diff,
    settings: &Settings,
    config: &Config,
    cancel: &Cancel,
) -> Result<Answer> {
    let given = given(&args.named, args.passphrase_fd, cancel)?;
    let mut verification = sound(&args.named.target, &given, config, cancel)?;
    verification.leave_out_prelude();
    let manifest = verification.verified()?.manifest;
    let tables = compared_tables(manifest, &settings.tables)?;
    let encoding = manifest.plaintext.encoding;
    let live = live_tables(&config.connection, &names(&tables), encoding, cancel)?;
    let key = key(config, given.passphrase, cancel)?;
    let subject = Subject {
        artifact: verification.verified()?,
        key: &key,
        connection: &config.connection,
        live: &live,
        tables,
    };
    let diff = Diff {
        rows: args.rows,
        values: if args.values {
            Values::Told
        } else {
            Values::Kept
        },
        tables: Vec::new(),
    };
    let conversed = converse(subject, diff)?;
    let tables = conversed.conversation.tables;
    let rows = tables
        .iter()
        .map(|table| table.compared.counts.differ())
        .sum();
    let mut checks = verification.findings.clone();
    checks.extend(&conversed.findings);
    Answer::of(&DiffReport {
        schema: "pgseal/diff/1",
        result: if rows == 0 {
            DiffResult::Same
        } else {
            DiffResult::Differs
        },
        run_id: verification.subject.run_id(),
        artifact: verification.subject.artifact.display().to_string(),
        database: live.session.place().to_string(),
        rows,
        tables: tables.iter().map(DiffTable::of).collect(),
        structure: Vec::new(),
        notes: Vec::new(),
        checks,
    })
}

impl DiffTable {
    fn of(diff: &TableDiff) -> DiffTable {
        let counts = diff.compared.counts;
        let key = match (&diff.table.key, diff.compared.by) {
            (Some(key), By::Key) => Some(
                key.columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect(),
            ),
            _ => None,
        };
        DiffTable {
            table: diff.table.table.name.to_string(),
            target: diff.table.table.target.clone(),
            then: counts.then,
            now: counts.now,
            changed: counts.changed,
            gone: counts.gone,
            added: counts.added,
            key,
            rows: diff.rows.iter().map(DiffedRow::of).collect(),
        }
    }
}

fn fields(values: &[Value]) -> Vec<Field> {
    let field = |Value(column, value): &Value| Field {
        column: column.clone(),
        value: value.clone(),
    };
    values.iter().map(field).collect()
}

impl DiffedRow {
    fn of(row: &DiffRow) -> DiffedRow {
        DiffedRow {
            action: row.action.clone(),
            key: fields(&row.key),
            columns: row.columns.clone(),
            then: row.then.as_deref().map(fields),
            now: row.now.as_deref().map(fields),
        }
    }
}
