//! What rows tables have now: counted and summed in the dump that a backup would take.

use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::base::names::TableName;
use crate::pg::copy::CopyHeader;
use crate::pg::row_digest::{DigestKey, RowDigest, TableDigest};
use crate::pg::scan::{Listener, Scan};
use crate::pg::server_hint::dump_hint;
use crate::process::cancel::{Cancel, stopped};
use crate::process::child::ExitKind;
use crate::process::command::CommandSpec;
use crate::process::flow::{Sink, StreamError};
use crate::process::pipe::stream;

/// One table's rows, without their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedDigest {
    pub table: TableName,
    /// In the order in which the digest has them.
    columns: Vec<Vec<u8>>,
    pub digest: TableDigest,
}

/// Reads the rows of each table in the order that its columns had before, if they had another.
struct Digests {
    key: DigestKey,
    before: Vec<NamedDigest>,
    tables: Vec<(Vec<Vec<u8>>, RowDigest)>,
}

impl Listener for Digests {
    fn copy(&mut self, header: &CopyHeader, table: &TableName) {
        let before = self.before.iter().find(|before| before.table == *table);
        let before = before.map(|before| &before.columns);
        let begun = match before.and_then(|before| Some((before, header.order_of(before)?))) {
            Some((before, order)) => (before.clone(), RowDigest::reordered(self.key, order)),
            None => (header.columns.clone(), RowDigest::new(self.key)),
        };
        self.tables.push(begun);
    }

    fn rows(&mut self, bytes: &[u8]) {
        if let Some((_, digest)) = self.tables.last_mut() {
            digest.push(bytes);
        }
    }
}

struct Dump {
    scan: Scan,
    digests: Digests,
    bytes: u64,
    meter: Meter,
}

impl Sink for Dump {
    fn push(&mut self, bytes: &[u8]) -> std::result::Result<(), StreamError> {
        let pushed = self.scan.push_to(bytes, &mut self.digests);
        pushed.map_err(|why| incomplete(&why))?;
        self.bytes += bytes.len() as u64;
        self.meter.passed(self.bytes, self.scan.passing());
        Ok(())
    }
}

fn incomplete(why: &str) -> Error {
    Error::new(Code::StageFailed, format!("the dump is not whole: {why}"))
}

/// The digests of the tables that this dump must hold; nothing else of it is kept. Digests of one key can be
/// compared: where columns had another order `before`, rows are read in that order.
pub(crate) fn take(
    dump: &CommandSpec,
    scan: Scan,
    key: DigestKey,
    before: &[NamedDigest],
    meter: &Meter,
    cancel: &Cancel,
) -> Result<Vec<NamedDigest>> {
    let sink = Dump {
        scan,
        digests: Digests {
            key,
            before: before.to_vec(),
            tables: Vec::new(),
        },
        bytes: 0,
        meter: meter.clone(),
    };
    let streamed = stream(dump, None::<Vec<u8>>, sink, cancel);
    let report = || vec![streamed.outcome.report()];
    if let Some(stop) = streamed.stop {
        return Err(stopped(stop));
    }
    if let Some((_, Err(StreamError::Rejected(error)))) = &streamed.sink {
        return Err(error.clone().stages(report()));
    }
    if let ExitKind::NotStarted(error) = &streamed.outcome.end {
        return Err(error.clone());
    }
    if !streamed.outcome.end.ok() {
        let what = format!("pg_dump ended with {}", streamed.outcome.end);
        let error = Error::new(Code::StageFailed, what).hint(dump_hint(&streamed.outcome));
        return Err(error.stages(report()));
    }
    let Some((Dump { scan, digests, .. }, Ok(()))) = streamed.sink else {
        return Err(incomplete("it was not read to its end"));
    };
    let blocks = scan.finish().map_err(|why| incomplete(&why))?;
    let taken = blocks
        .into_iter()
        .zip(digests.tables)
        .map(|(block, (columns, digest))| NamedDigest {
            table: block.table,
            columns,
            digest: digest.digest(),
        });
    Ok(taken.collect())
}
