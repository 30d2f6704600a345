//! Rows that pg_dump loads through the root of a partitioned table, and whose they are.
//!
//! A value of an enumeration hashes by the number that the server gave it, so a row of a hash
//! partition may belong to another one after a restore. From 15.3 (and 14.8, 13.11) on, pg_dump
//! names the root in such a COPY statement, says so in a comment, and names the partition only in
//! the comment that heads the entry.

use crate::base::names::TableName;
use std::collections::BTreeSet;

const ENTRY: &[u8] = b"-- Data for Name: ";
const VIA_ROOT: &[u8] = b"-- load via partition root ";

/// What the comments since the last statement say.
#[derive(Debug, Clone, Default)]
pub(crate) struct RootLoad {
    /// The name of the entry, and what follows it.
    entry: Vec<u8>,
    via_root: bool,
}

impl RootLoad {
    pub(crate) fn comment(&mut self, text: &[u8]) {
        if let Some(entry) = text.strip_prefix(ENTRY) {
            *self = RootLoad {
                entry: entry.to_vec(),
                via_root: false,
            };
        }
        self.via_root |= text.starts_with(VIA_ROOT);
    }

    /// A statement follows. Some where it loads through a root: the entry's name.
    pub(crate) fn take(&mut self) -> Option<EntryName> {
        let RootLoad { entry, via_root } = std::mem::take(self);
        via_root.then_some(EntryName(entry))
    }
}

/// `t; Type: TABLE DATA; Schema: public; Owner: app`
#[derive(Debug)]
pub(crate) struct EntryName(Vec<u8>);

impl EntryName {
    /// The table that it names. Of two names that a comment writes alike, either may be taken: a
    /// block that then lacks its table is refused.
    pub(crate) fn find<'a>(&self, tables: &'a BTreeSet<TableName>) -> Option<&'a TableName> {
        tables.iter().find(|table| {
            let rest = after(&self.0, &table.name);
            let rest = rest.and_then(|rest| rest.strip_prefix(b"; Type: TABLE DATA; Schema: "));
            let rest = rest.and_then(|rest| after(rest, &table.schema));
            rest.is_some_and(|rest| rest.starts_with(b"; Owner: "))
        })
    }
}

/// What follows a name. In a comment pg_dump writes a blank for a line's end.
fn after<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(name.len())?;
    let written = |byte| match byte {
        b'\n' | b'\r' => b' ',
        byte => byte,
    };
    name.bytes()
        .map(written)
        .eq(head.iter().copied())
        .then_some(rest)
}
