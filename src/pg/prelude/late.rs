//! The late file: what can be created only behind some of the tables, and may have to be there before
//! others. Each entry stands behind a line that names the tables; a restore puts it into their dump
//! once the last of these has been created.

use crate::base::names::TableName;
use crate::pg::closure::Closure;
use crate::pg::prelude::split::Entry;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const HEAD: &str = "\
-- pgseal late: what can be made only behind some tables of this run, made where it is not there yet.
-- Each part belongs into their dump, behind the CREATE TABLE of the last table that it names.
";
pub(crate) const END: &str = "-- pgseal late complete\n";
/// Stands before what is said of a part, as JSON.
const MARKER: &str = "\n-- pgseal late: ";

/// By their numbers, the entries that are late, and the tables that each of them needs.
pub(crate) struct Needs(BTreeMap<u32, BTreeSet<TableName>>);

impl Needs {
    pub(crate) fn new(entries: &[Entry<'_>], closure: &Closure) -> Needs {
        let objects = closure.objects.iter();
        let objects = objects.filter(|object| !object.needs.is_empty());
        let objects: BTreeMap<(u32, u32), _> = objects
            .map(|object| ((object.class, object.oid), &object.needs))
            .collect();
        let mut needs: BTreeMap<u32, BTreeSet<TableName>> = BTreeMap::new();
        for entry in entries {
            if let Some(tables) = objects.get(&entry.object) {
                needs.insert(entry.number, tables.iter().cloned().collect());
                continue;
            }
            // Comments and privileges go with what they are about.
            let about = entry.hangs_on.iter().filter_map(|number| needs.get(number));
            let about: BTreeSet<TableName> = about.flatten().cloned().collect();
            if !about.is_empty() {
                needs.insert(entry.number, about);
            }
        }
        Needs(needs)
    }

    pub(crate) fn of(&self, entry: &Entry<'_>) -> Option<&BTreeSet<TableName>> {
        self.0.get(&entry.number)
    }
}

/// What the line before a part says.
#[derive(Serialize, Deserialize)]
struct Marker {
    /// The tables, as [`TableName::pattern`] spells them.
    behind: BTreeSet<String>,
    /// Of the part: what is in it may look like such a line.
    bytes: usize,
}

/// A part of a late file, to be run once all these tables are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub behind: BTreeSet<String>,
    pub sql: Vec<u8>,
}

/// Appends a part with its line.
pub(super) fn write(out: &mut Vec<u8>, needs: &BTreeSet<TableName>, sql: &[u8]) {
    let marker = serde_json::json!(Marker {
        behind: needs.iter().map(TableName::pattern).collect(),
        bytes: sql.len(),
    });
    out.extend(format!("{MARKER}{marker}\n").bytes());
    out.extend(sql);
}

/// The parts of a late file, in their order.
pub(crate) fn parts(sql: &[u8]) -> Result<Vec<Part>, String> {
    let text = sql.strip_prefix(HEAD.as_bytes());
    let text = text.and_then(|text| text.strip_suffix(END.as_bytes()));
    let mut rest = text.ok_or("the first or the last line of the late file is missing")?;
    let mut parts: Vec<Part> = Vec::new();
    while !rest.is_empty() {
        let (part, after) = part(rest).ok_or("a part of the late file does not say what it is")?;
        parts.push(part);
        rest = after;
    }
    Ok(parts)
}

fn part(text: &[u8]) -> Option<(Part, &[u8])> {
    let text = text.strip_prefix(MARKER.as_bytes())?;
    let (line, rest) = text.split_at(memchr::memchr(b'\n', text)? + 1);
    let Marker { behind, bytes } = serde_json::from_slice(line).ok()?;
    let (sql, rest) = rest.split_at_checked(bytes)?;
    let sql = sql.to_vec();
    Some((Part { behind, sql }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use proptest::prelude::*;

    #[test]
    fn parts_are_read_as_they_were_written() {
        let name = |name: &str| TableName {
            schema: "S \"p".into(),
            name: name.into(),
        };
        let sql = format!("\nSELECT $${MARKER}{{\"behind\":[],\"bytes\":1}}\n$$;\n");
        let mut file = HEAD.as_bytes().to_vec();
        write(&mut file, &[name("a"), name("é\nb")].into(), sql.as_bytes());
        write(&mut file, &[name("a")].into(), b"\nSELECT 1;\n");
        file.extend(END.bytes());
        let read = parts(&file).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].sql, sql.as_bytes());
        assert_eq!(
            read[0].behind,
            [name("a").pattern(), name("é\nb").pattern()].into()
        );
        each(
            [
                &file[1..],
                &file[..file.len() - 1],
                &file[..HEAD.len()],
                b"",
            ],
            |damaged| assert!(parts(damaged).is_err()),
        );
        let nothing = [HEAD, "\nSELECT 1;\n", END].concat();
        assert!(parts(nothing.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_late_file(
            written in proptest::collection::vec((
                proptest::collection::btree_set(("[^\0]{1,5}", "[^\0]{1,5}"), 0..3),
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..60),
                    Just([MARKER, "{\"behind\":[],\"bytes\":3}\n", END, HEAD].concat().into_bytes()),
                ]), 0..4),
            at in any::<proptest::sample::Index>(),
            byte: u8,
        ) {
            let mut file = HEAD.as_bytes().to_vec();
            let mut want = Vec::new();
            for (tables, sql) in written {
                let tables = tables.into_iter().map(|(schema, name)| TableName { schema, name }).collect();
                write(&mut file, &tables, &sql);
                want.push(Part { behind: tables.iter().map(TableName::pattern).collect(), sql });
            }
            file.extend(END.bytes());
            prop_assert_eq!(parts(&file), Ok(want));
            prop_assert!(parts(&file[..at.index(file.len())]).is_err());
            // Damage is for the hash to find, and must not bring anything down.
            let at = at.index(file.len());
            file[at] = byte;
            let _ = parts(&file);
        }
    }
}
