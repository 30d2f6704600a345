//! What the live tables are defined as, by a dump of their definitions, entry by entry beside the
//! artifact's: indexes, constraints, triggers, policies, defaults, and comments.

use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::base::version;
use crate::pg::connection::Connection;
use crate::pg::entries::{Change, Entries, EntryName};
use crate::pg::scan::Scan;
use crate::pg::server_hint::dump_hint;
use crate::pg::{command, server};
use crate::process::cancel::{Cancel, stopped};
use crate::process::child::ExitKind;
use crate::process::flow::{Passed, Sink};
use crate::process::pipe::stream;
use crate::report::diff::StructureLine;
use crate::store::manifest::Manifest;
use crate::undo::live_tables::LiveTables;
use crate::undo::structure::difference;

pub(crate) struct Definitions<'a> {
    pub manifest: &'a Manifest,
    pub live: &'a LiveTables,
    pub connection: &'a Connection,
}

pub(crate) enum Asked {
    Entries(Entries),
    /// Another major version of pg_dump writes the same otherwise.
    OtherPgDump(String),
}

struct Dump {
    scan: Scan,
    entries: Entries,
}

impl Sink for Dump {
    fn push(&mut self, bytes: &[u8]) -> Passed {
        let pushed = self.scan.push_to(bytes, &mut self.entries);
        Ok(pushed.map_err(|why| Error::new(Code::StageFailed, why))?)
    }
}

impl Definitions<'_> {
    pub(crate) fn ask(&self, cancel: &Cancel) -> Result<Asked> {
        let (live, connection) = (self.live, self.connection);
        let first = server::pg_dump(connection, cancel)?;
        let major = live.session.version_num / 10_000;
        let fitting = server::pg_dump_for(connection, first, major, cancel)?.version;
        let (sealed, now) = (&self.manifest.tools.pg_dump.version, &fitting.version);
        if version::major(sealed) != version::major(now) {
            return Ok(Asked::OtherPgDump(format!(
                "of the structure, only tables and columns are compared: pg_dump {sealed} wrote the backup, and \
                 {now} writes the same otherwise"
            )));
        }
        let there = self.there();
        if there.is_empty() {
            return Ok(Asked::Entries(Entries::default()));
        }
        let encoding = self.manifest.plaintext.encoding;
        let spec = command::pg_dump_definitions(&fitting.path, connection, encoding, &there);
        let sink = Dump {
            scan: Scan::new([]),
            entries: Entries::default(),
        };
        let streamed = stream(&spec, None::<Vec<u8>>, sink, cancel);
        if let Some(stop) = streamed.stop {
            return Err(stopped(stop));
        }
        let outcome = &streamed.outcome;
        if let ExitKind::NotStarted(error) = &outcome.end {
            return Err(error.clone());
        }
        let failed = |why: String| {
            let what = format!("the tables' definitions cannot be dumped: {why}");
            let error = Error::new(Code::StageFailed, what).stages(vec![outcome.report()]);
            error.hint(dump_hint(outcome))
        };
        if !outcome.end.ok() {
            return Err(failed(format!("pg_dump ended with {}", outcome.end)));
        }
        match streamed.sink {
            Some((Dump { scan, entries }, Ok(()))) => {
                scan.finish().map_err(failed)?;
                Ok(Asked::Entries(entries))
            }
            _ => Err(failed("it was not read to its end".into())),
        }
    }

    /// Those of the backup's tables that are there.
    fn there(&self) -> Vec<TableName> {
        let tables = self.manifest.tables.iter().map(|table| table.table());
        let is_there = |name: &TableName| {
            let mut live = self.live.tables.iter();
            live.any(|table| table.holds(name))
        };
        tables.filter(is_there).collect()
    }

    /// The differences beside those that are `known`: of tables, partitions and columns.
    pub(crate) fn differences(
        &self,
        sealed: &Entries,
        now: &Entries,
        known: &[StructureLine],
    ) -> Vec<StructureLine> {
        let there = self.there();
        let relation = |entry: &EntryName| TableName {
            schema: entry.schema.clone(),
            name: entry.name.clone(),
        };
        // A sequence that no table owns was not asked for.
        let shared = self.manifest.tables.iter();
        let shared = shared.filter(|table| table.is_sequence());
        let shared: Vec<TableName> = shared.map(|table| table.table()).collect();
        let told = |(entry, change): &(&EntryName, Change)| {
            let name = relation(entry);
            let of_shared = shared.contains(&name);
            let (itself, column) = (name.to_string(), format!("{name}."));
            let mut known = known.iter().map(|known| &known.object);
            let of_table = entry.kind == "TABLE"
                && (*change != Change::Changed
                    || known.any(|known| *known == itself || known.starts_with(&column)));
            !of_shared && !of_table
        };
        let changes = sealed.changes(now).filter(told);
        let gone_with = |entry: &EntryName| {
            let names = self.manifest.tables.iter().map(|table| table.table());
            let mut gone = names.filter(|name| !there.contains(name) && !shared.contains(name));
            gone.any(|table| {
                let begins = format!("{} ", table.name);
                table.schema == entry.schema
                    && (entry.name == table.name || entry.name.starts_with(&begins))
            })
        };
        let changes =
            changes.filter(|(entry, change)| *change != Change::Gone || !gone_with(entry));
        let differences = changes.map(|(entry, change)| {
            let kind = entry.kind.to_lowercase();
            let what = match change {
                Change::Gone => format!("the {kind} is gone since the backup"),
                Change::New => format!("the {kind} is new since the backup"),
                Change::Changed => format!("the {kind} is defined otherwise than in the backup"),
            };
            difference(format!("{}.{}", entry.schema, entry.name), what)
        });
        differences.collect()
    }
}
