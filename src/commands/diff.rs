//! `pgseal diff`: what changed in the tables since the backup.

use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::base::version::PGSEAL;
use crate::commands::artifact::{CallerInput, check_standard_input, given, manifest_alone, sound};
use crate::commands::opening::RowSource;
use crate::config::cli::{self, DiffFormat};
use crate::config::flags::Settings;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::report::diff::{DiffReport, DiffResult, DiffTable};
use crate::report::diff_counts::{CountedTable, DiffCountsReport};
use crate::report::diff_csv::{Reader, csv};
use crate::report::diff_sql::sql;
use crate::report::print::Answer;
use crate::undo::compared_table::{ComparedTable, compared_tables, names};
use crate::undo::converse::{Subject, converse};
use crate::undo::counts;
use crate::undo::definitions::{Asked, Definitions};
use crate::undo::diff::{Diff, TableDiff, Values};
use crate::undo::fitness::no_key;
use crate::undo::live_column::Identity;
use crate::undo::live_tables::{LiveKind, live_tables};
use crate::undo::structure;

const UNTOUCHED: &str = "nothing was changed: psql was given nothing";

pub(crate) fn run(
    args: &cli::Diff,
    settings: &Settings,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Answer> {
    if settings.json && args.format.is_some() {
        let what = "--json and --format are two forms of one report";
        return Err(Error::new(Code::Usage, what).hint("Leave one of them out."));
    }
    check_standard_input(&args.named, args.opening.plaintext)?;
    let given = given(&args.named, args.opening.passphrase_fd, cancel)?;
    if args.counts {
        return counted(args, settings, &given, config, cancel);
    }
    let verification = sound(&args.named.target, &given, config, cancel)?;
    let manifest = verification.verified()?.manifest.clone();
    let tables = compared_tables(&manifest, &settings.tables)?;
    let encoding = manifest.plaintext.encoding;
    let live = live_tables(&config.connection, &names(&tables), encoding, cancel)?;
    live.check(&manifest, &config.connection)?;
    let connection = config.connection.pinned(&live.session.place());
    let (how, passphrase) = (&args.opening, given.passphrase);
    let source = RowSource::by(how, passphrase, UNTOUCHED, config, cancel, meter)?;
    let dump = source.dump(verification.verified()?.artifact, config, cancel, meter)?;
    let subject = Subject {
        manifest: &manifest,
        dump: &dump,
        connection: &connection,
        live: &live,
        tables: tables.clone(),
    };
    let values = if args.values || args.format == Some(DiffFormat::Sql) {
        Values::Shown
    } else {
        Values::Hidden
    };
    let conversed = converse(subject, Diff::new(args.rows, values));
    let conversed = conversed.map_err(|error| error.on_disk("nothing was changed"))?;
    let diffs = conversed.conversation.tables;
    let mut structure = structure::of_tables(&tables, &live, &manifest);
    structure.extend(
        diffs
            .iter()
            .flat_map(|diff| structure::of_columns(&diff.table)),
    );
    let mut notes: Vec<String> = diffs.iter().filter_map(note).collect();
    if settings.tables.is_empty() {
        let definitions = Definitions {
            manifest: &manifest,
            live: &live,
            connection: &connection,
        };
        match definitions.ask(cancel)? {
            Asked::Entries(now) => {
                let more = definitions.differences(&conversed.entries, &now, &structure);
                structure.extend(more);
            }
            Asked::OtherPgDump(why) => notes.push(why),
        }
    } else {
        notes.push("of the structure, only tables and columns are compared: some of the tables were chosen".into());
    }
    let all = tables.iter().map(|table| {
        let diff = diffs
            .iter()
            .find(|diff| diff.table.table.name == table.name);
        diff.map_or_else(|| DiffTable::gone(table), DiffTable::of)
    });
    let all: Vec<DiffTable> = all.collect();
    let rows = all
        .iter()
        .map(DiffTable::differ)
        .fold(0, u64::saturating_add);
    let mut checks = verification.findings.clone();
    checks.extend(&conversed.findings);
    let report = DiffReport {
        schema: "pgseal/diff/1",
        pgseal_version: PGSEAL,
        result: DiffResult::same_if(rows == 0 && structure.is_empty()),
        run_id: verification.subject.run_id(),
        artifact: verification.subject.artifact.display().to_string(),
        database: live.session.place().to_string(),
        rows,
        tables: all,
        structure,
        notes,
        checks,
    };
    let answer = Answer {
        notes: vec![format!("compared with {}", report.database)],
        ..Answer::of(&report)?
    };
    Ok(match args.format {
        None | Some(DiffFormat::Table) => answer,
        Some(DiffFormat::Json) => Answer {
            out: answer.json.clone().unwrap_or_default(),
            ..answer
        },
        Some(DiffFormat::Csv) => Answer {
            out: csv(&report, Reader::of_output()),
            ..answer
        },
        Some(DiffFormat::Sql) => Answer {
            out: sql(&report),
            ..answer
        },
    })
}

/// By the mark, without key and artifact.
fn counted(
    args: &cli::Diff,
    settings: &Settings,
    given: &CallerInput,
    config: &Config,
    cancel: &Cancel,
) -> Result<Answer> {
    let read = manifest_alone(&args.named.target, given, config, cancel)?;
    let manifest = &read.manifest;
    let tables = compared_tables(manifest, &settings.tables)?;
    let encoding = manifest.plaintext.encoding;
    let live = live_tables(&config.connection, &names(&tables), encoding, cancel)?;
    live.session.check(manifest)?;
    live.check_tables(&config.connection)?;
    let since = counts::count(manifest, &tables, &live, &config.connection, cancel)?;
    let all = tables.iter().zip(&since.tables);
    let all = all.map(|(table, rows)| CountedTable {
        table: table.name.to_string(),
        target: table.target.clone(),
        then: table.rows,
        now: rows.rows,
        written: rows.written,
        unsure: rows.unsure,
        changed_or_gone: rows.changed_or_gone(table.rows),
    });
    let all: Vec<CountedTable> = all.collect();
    let structure = structure::of_tables(&tables, &live, manifest);
    let report = DiffCountsReport {
        schema: "pgseal/diff-counts/1",
        pgseal_version: PGSEAL,
        result: DiffResult::same_if(structure.is_empty() && !all.iter().any(CountedTable::differs)),
        run_id: read.subject.run_id(),
        database: live.session.place().to_string(),
        since: manifest.timing.started_at.clone(),
        open_transactions: since.open,
        notes: since.notes(),
        tables: all,
        structure,
        checks: read.findings,
    };
    Ok(Answer {
        notes: vec![format!("counted in {}", report.database)],
        ..Answer::of(&report)?
    })
}

/// How rows were compared, where it was not by a key.
fn note(diff: &TableDiff) -> Option<String> {
    let (name, differ) = (&diff.table.table.name, diff.compared.counts.differ() > 0);
    if diff.compared.key.is_some() {
        return None;
    }
    match diff.table.key() {
        None if differ => Some(format!(
            "{name}: {}: a changed row is told as gone and added (undo refuses the table)",
            no_key(&diff.table, None)
        )),
        None => None,
        Some(key) => Some(format!(
            "{name}: {}: a changed row is told as gone and added",
            no_key(&diff.table, Some(&key.index))
        )),
    }
}

impl DiffTable {
    fn of(diff: &TableDiff) -> DiffTable {
        let counts = diff.compared.counts;
        let mut columns = diff.table.live.columns.iter();
        let key = diff.compared.key.as_ref().map(|key| {
            let columns = key.columns.iter();
            columns.map(|column| column.name().to_string()).collect()
        });
        DiffTable {
            table: diff.table.table.name.to_string(),
            target: diff.table.table.target.clone(),
            then: counts.then,
            now: counts.now,
            changed: counts.changed,
            gone: counts.gone,
            added: counts.added,
            key,
            rows: diff.rows.clone(),
            name: diff.table.table.name.clone(),
            only: diff.table.live.kind == LiveKind::Table,
            identity: columns.any(|column| column.identity == Some(Identity::Always)),
        }
    }

    /// One that was dropped.
    fn gone(table: &ComparedTable) -> DiffTable {
        DiffTable {
            table: table.name.to_string(),
            target: table.target.clone(),
            then: table.rows,
            now: 0,
            changed: 0,
            gone: table.rows,
            added: 0,
            key: None,
            rows: Vec::new(),
            name: table.name.clone(),
            only: true,
            identity: false,
        }
    }
}
