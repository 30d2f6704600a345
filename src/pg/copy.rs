//! The statement that rows follow: `COPY schema.table (columns) FROM stdin`, as pg_dump writes it.

use crate::base::names::TableName;
use crate::pg::identifier;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyHeader {
    pub table: TableName,
    /// Each as the statement spells it, in the dump's encoding, which need not be UTF-8.
    pub columns: Vec<Vec<u8>>,
}

impl CopyHeader {
    pub(crate) fn read(statement: &[u8]) -> Option<CopyHeader> {
        let bytes = statement.strip_prefix(b"COPY ")?;
        // Columns may be no UTF-8; a table whose name is none is not in any manifest.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(err) => std::str::from_utf8(&bytes[..err.valid_up_to()]).ok()?,
        };
        let (schema, rest) = identifier::read(text)?;
        let (name, rest) = identifier::read(rest.strip_prefix('.')?)?;
        let list = bytes[text.len() - rest.len()..].strip_prefix(b" ")?;
        let list = list.strip_suffix(b" FROM stdin")?.trim_ascii();
        Some(CopyHeader {
            table: TableName { schema, name },
            columns: columns(list)?,
        })
    }

    /// The list by which a query asks for them.
    pub(crate) fn list(&self) -> Vec<u8> {
        self.columns.join(&b", "[..])
    }

    /// Where each column of `before` stands here; none where all stand as they did, or are not the
    /// same.
    pub(crate) fn order_of(&self, before: &[Vec<u8>]) -> Option<Vec<usize>> {
        let now = &self.columns;
        let place = |name| now.iter().position(|column| column == name);
        let order = before.iter().map(place).collect::<Option<Vec<usize>>>()?;
        (before.len() == now.len() && before != now).then_some(order)
    }
}

/// Of `(a, "b, c")`; none where there is no list.
fn columns(list: &[u8]) -> Option<Vec<Vec<u8>>> {
    if list.is_empty() {
        return Some(Vec::new());
    }
    let inner = list.strip_prefix(b"(")?.strip_suffix(b")")?;
    let mut within = false;
    // A doubled quote ends a name and begins it again.
    let names = inner.split(|byte| {
        within ^= *byte == b'"';
        *byte == b',' && !within
    });
    Some(names.map(|name| name.trim_ascii().to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers() {
        let read = |statement: &[u8]| {
            let CopyHeader { table, columns } = CopyHeader::read(statement)?;
            let columns: Vec<_> = columns.iter().map(|c| String::from_utf8_lossy(c)).collect();
            Some(format!("{table} {}", columns.join("|")))
        };
        for (statement, want) in [
            (
                &b"COPY public.a (x, y) FROM stdin"[..],
                Some("public.a x|y"),
            ),
            (b"COPY public.a  FROM stdin", Some("public.a ")),
            (
                b"COPY \"S\".\"t\"\" (x\" (\"a, b\", \"c\"\"),\", d) FROM stdin",
                Some("\"S\".\"t\"\" (x\" \"a, b\"|\"c\"\"),\"|d"),
            ),
            (
                b"COPY a.b (\"\xfc\", x) FROM stdin",
                Some("a.b \"\u{fffd}\"|x"),
            ),
            (b"COPY a.\"b\xfc\" (x) FROM stdin", None),
            (b"COPY a.b\xfc (x) FROM stdin", None),
            (b"COPY a.b (x) FROM stdin WITH csv", None),
            (b"COPY a.b (x FROM stdin", None),
            (b"COPY b (x) FROM stdin", None),
            (b"COPY (SELECT 1) TO stdout", None),
        ] {
            let shown = String::from_utf8_lossy(statement);
            assert_eq!(read(statement).as_deref(), want, "{shown}");
        }
    }

    proptest! {
        #[test]
        fn any_header(schema in "[^\0]{1,6}", name in "[^\0]{1,6}", columns in proptest::collection::vec("[^\0]{1,6}|[(),\" ]{1,6}", 0..5)) {
            let table = TableName { schema, name };
            let columns: Vec<String> = columns.iter().map(|column| crate::base::names::quoted(column)).collect();
            let list = if columns.is_empty() { String::new() } else { format!("({})", columns.join(", ")) };
            let statement = format!("COPY {} {list} FROM stdin", table.pattern());
            let read = CopyHeader::read(statement.as_bytes());
            let columns: Vec<Vec<u8>> = columns.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(read, Some(CopyHeader { table, columns }));
        }
    }
}
