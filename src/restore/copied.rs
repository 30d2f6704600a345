//! The rows of a dump as they pass: which tables they are of, and their digests.

use crate::base::names::TableName;
use crate::pg::copy::CopyHeader;
use crate::pg::row_digest::{DigestKey, RowDigest, TableDigest};
use crate::restore::script::Told;

/// A COPY statement and the rows behind it; where they are loaded through a partition root, those
/// of all its partitions, for which of them a row comes into is the target's to say.
#[derive(Debug)]
struct Copied {
    header: CopyHeader,
    tables: Vec<TableName>,
    rows: Vec<RowDigest>,
}

#[derive(Debug)]
pub(crate) struct CopiedRows {
    key: DigestKey,
    copied: Vec<Copied>,
    /// Whose rows pass, or passed last.
    current: usize,
}

impl CopiedRows {
    pub(crate) fn new(key: DigestKey) -> CopiedRows {
        CopiedRows {
            key,
            copied: Vec::new(),
            current: 0,
        }
    }

    /// `table`: whose rows they are by the dump's word.
    pub(crate) fn begin(&mut self, header: &CopyHeader, table: &TableName) {
        let mut copied = self.copied.iter();
        let known = copied.position(|copied| copied.header.table == header.table);
        self.current = known.unwrap_or(self.copied.len());
        let Some(copied) = self.copied.get_mut(self.current) else {
            self.copied.push(Copied {
                header: header.clone(),
                tables: vec![table.clone()],
                rows: vec![RowDigest::new(self.key)],
            });
            return;
        };
        let order = header.order_of(&copied.header.columns);
        copied.tables.push(table.clone());
        copied.rows.push(match order {
            Some(order) => RowDigest::reordered(self.key, order),
            None => RowDigest::new(self.key),
        });
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let copied = self.copied.get_mut(self.current);
        if let Some(rows) = copied.and_then(|copied| copied.rows.last_mut()) {
            rows.push(bytes);
        }
    }

    /// What psql is to tell again, as it was told to it.
    pub(crate) fn told(&self) -> Vec<Told<'_>> {
        let copied = self.copied.iter();
        let told = copied.map(|Copied { header, tables, .. }| Told { header, tables });
        told.collect()
    }

    /// The tables whose rows have passed.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.copied.iter().flat_map(|copied| &copied.tables)
    }

    /// What the artifact held, by table in its order; all of a partitioned table as one where it
    /// was loaded as one.
    pub(crate) fn digests(&self) -> impl Iterator<Item = (&TableName, TableDigest)> {
        self.copied.iter().map(|copied| {
            let rows = copied.rows.iter().map(RowDigest::digest).sum();
            (&copied.header.table, rows)
        })
    }
}
