//! What rows tables have now: counted and summed in the dump that a backup would take.

use super::digest::{RowSum, Sum};
use crate::error::{Code, Error, Result};
use crate::names::TableName;
use crate::pg::scan::{Listener, Scan};
use crate::pipeline::{End, Halt, Sink, stream};
use crate::seal::{dump_hint, stopped};
use crate::spec::CommandSpec;
use crate::watch::Watch;

/// One table's rows, without their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub table: TableName,
    pub rows: u64,
    pub sum: Sum,
}

#[derive(Default)]
struct Sums(Vec<RowSum>);

impl Listener for Sums {
    fn statement(&mut self, text: &[u8]) -> std::result::Result<(), String> {
        if text
            .get(..5)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"copy "))
        {
            self.0.push(RowSum::default());
        }
        Ok(())
    }

    fn rows(&mut self, bytes: &[u8]) {
        if let Some(sum) = self.0.last_mut() {
            sum.push(bytes);
        }
    }
}

struct Dump {
    scan: Scan,
    sums: Sums,
}

impl Sink for Dump {
    fn push(&mut self, bytes: &[u8]) -> std::result::Result<(), Halt> {
        let pushed = self.scan.push_to(bytes, &mut self.sums);
        pushed.map_err(|why| Halt::Own(incomplete(&why)))
    }
}

fn incomplete(why: &str) -> Error {
    Error::new(Code::StageFailed, format!("the dump is not whole: {why}"))
}

/// Of the tables that this dump must hold. Nothing of it is kept but counts and sums.
pub(crate) fn take(
    dump: &CommandSpec,
    stored: impl IntoIterator<Item = TableName>,
    watch: &Watch,
) -> Result<Vec<Fingerprint>> {
    let sink = Dump {
        scan: Scan::new(stored),
        sums: Sums::default(),
    };
    let streamed = stream(dump, None::<Vec<u8>>, sink, watch);
    let report = || vec![streamed.outcome.report()];
    if let Some(stop) = streamed.stop {
        return Err(stopped(stop));
    }
    if let Some((_, Err(Halt::Own(error)))) = &streamed.sink {
        return Err(error.clone().stages(report()));
    }
    if streamed.outcome.end != End::Code(0) {
        let what = format!("pg_dump ended with {}", streamed.outcome.end);
        let error = Error::new(Code::StageFailed, what).hint(dump_hint(&streamed.outcome));
        return Err(error.stages(report()));
    }
    let Some((Dump { scan, sums }, Ok(()))) = streamed.sink else {
        return Err(incomplete("it was not read to its end"));
    };
    let blocks = scan.finish().map_err(|why| incomplete(&why))?;
    let taken = blocks
        .into_iter()
        .zip(sums.0)
        .map(|(block, sum)| Fingerprint {
            table: block.table,
            rows: block.rows,
            sum: sum.sum(),
        });
    Ok(taken.collect())
}
