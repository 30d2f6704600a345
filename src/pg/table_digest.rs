//! What rows tables have now: counted and summed in the dump that a backup would take.

use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::pg::lexer::Token;
use crate::pg::row_digest::{DigestKey, RowDigest, TableDigest};
use crate::pg::scan::{Listener, Scan, copied};
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
    pub digest: TableDigest,
}

struct Digests(DigestKey, Vec<RowDigest>);

impl Listener for Digests {
    fn token(&mut self, token: &Token) {
        if let Token::Statement(text) = token
            && copied(text).is_some()
        {
            self.1.push(RowDigest::new(self.0));
        }
    }

    fn rows(&mut self, bytes: &[u8]) {
        if let Some(digest) = self.1.last_mut() {
            digest.push(bytes);
        }
    }
}

struct Dump {
    scan: Scan,
    digests: Digests,
}

impl Sink for Dump {
    fn push(&mut self, bytes: &[u8]) -> std::result::Result<(), StreamError> {
        let pushed = self.scan.push_to(bytes, &mut self.digests);
        pushed.map_err(|why| StreamError::Rejected(incomplete(&why)))
    }
}

fn incomplete(why: &str) -> Error {
    Error::new(Code::StageFailed, format!("the dump is not whole: {why}"))
}

/// Of the tables that this dump must hold; those of one key can be compared. Nothing of the dump
/// is kept but these.
pub(crate) fn take(
    dump: &CommandSpec,
    stored: impl IntoIterator<Item = TableName>,
    key: DigestKey,
    cancel: &Cancel,
) -> Result<Vec<NamedDigest>> {
    let sink = Dump {
        scan: Scan::new(stored),
        digests: Digests(key, Vec::new()),
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
    let Some((Dump { scan, digests }, Ok(()))) = streamed.sink else {
        return Err(incomplete("it was not read to its end"));
    };
    let blocks = scan.finish().map_err(|why| incomplete(&why))?;
    let taken = blocks
        .into_iter()
        .zip(digests.1)
        .map(|(block, digest)| NamedDigest {
            table: block.table,
            digest: digest.digest(),
        });
    Ok(taken.collect())
}
