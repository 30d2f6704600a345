//! The prelude: what the tables need around them, as one SQL file that is run once before their
//! dump, and that leaves alone what exists.
//!
//! Its text is pg_dump's own. The dump of everything but relations is split into its entries; those
//! that the [closure](crate::pg::closure) names are kept, with the comments and privileges that hang on
//! exactly them; each is wrapped so that it cannot fail where the object is there already.

use crate::pg::closure::{Closure, Object, PUBLIC};
pub(crate) mod extent;
pub(crate) mod late;
mod render;
mod split;

use split::{Dump, Entry};
use std::collections::{BTreeMap, BTreeSet};

/// A restore holds it in memory, and takes no larger one.
pub(crate) const LARGEST: usize = 16 * 1024 * 1024;

/// What was made of a dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prelude {
    pub sql: Vec<u8>,
    /// The [late file](late), where anything is late.
    pub late: Option<Vec<u8>>,
    /// What it should hold and the dump did not have.
    pub absent: Vec<Object>,
}

/// The prelude of tables that need nothing around them.
pub(crate) fn empty() -> Vec<u8> {
    render::render(&[], &[], &BTreeMap::new(), None)
}

/// `dump`: the output of [`pg_dump_prelude`](crate::pg::command::pg_dump_prelude).
pub(crate) fn prelude(dump: &[u8], closure: &Closure) -> Result<Prelude, String> {
    let Dump {
        settings,
        mut entries,
    } = split::split(dump)?;
    // Every database has it, and who restores may not be allowed to create another.
    entries.retain(|entry| entry.object != PUBLIC);
    let there: BTreeSet<(u32, u32)> = entries.iter().map(|entry| entry.object).collect();
    let lacking = closure.objects.iter();
    let lacking = lacking.filter(|object| !there.contains(&(object.class, object.oid)));
    for object in lacking {
        let number = entries.iter().map(|entry| entry.number).max();
        entries.extend(own(object, number.unwrap_or_default() + 1, &settings));
    }
    let late = late::Needs::new(&entries, closure);
    let kept = kept(&entries, closure);
    let there: BTreeSet<(u32, u32)> = kept.iter().map(|entry| entry.object).collect();
    let mut absent = closure.standing_alone();
    absent.retain(|object| !there.contains(&(object.class, object.oid)));
    let number = |oid: u32| {
        let entry = kept.iter().find(|entry| entry.object == (PG_TYPE, oid));
        entry.map(|entry| entry.number)
    };
    // A constraint that is written apart from its domain.
    let parents: BTreeMap<(u32, u32), u32> = closure
        .objects
        .iter()
        .filter_map(|object| Some(((object.class, object.oid), number(object.part_of?)?)))
        .collect();
    let (between, before): (Vec<&Entry>, Vec<&Entry>) =
        kept.iter().partition(|entry| late.of(entry).is_some());
    let late = render::late(&between, &parents, &late);
    let sql = render::render(&settings, &before, &parents, late.as_deref());
    Ok(Prelude { sql, late, absent })
}

/// An entry of our own, where its text is one in the dump's encoding too.
fn own<'a>(object: &'a Object, number: u32, settings: &[&[u8]]) -> Option<Entry<'a>> {
    let statements = object.sql.as_ref()?;
    let utf8 = settings.contains(&&b"SET client_encoding = 'UTF8'"[..]);
    let ascii = statements.iter().all(|statement| statement.is_ascii());
    (utf8 || ascii).then(|| Entry {
        number,
        object: (object.class, object.oid),
        hangs_on: Vec::new(),
        name: object.name.as_bytes(),
        kind: object.kind.to_uppercase(),
        schema: b"",
        statements: statements.iter().map(String::as_bytes).collect(),
    })
}

/// A prelude's SQL.
pub(crate) struct Parts<'a> {
    /// Is run before the tables' own dump.
    pub before: &'a [u8],
    /// And after it.
    pub after: &'a [u8],
    /// The SHA-256 of the late file that was made with it.
    pub late: Option<String>,
}

pub(crate) fn parts(sql: &[u8]) -> Result<Parts<'_>, String> {
    let Some(text) = sql.strip_suffix(render::END.as_bytes()) else {
        return Err("the last line of the prelude is missing".into());
    };
    // The last one: a body may hold anything. Early preludes have none.
    let after = memchr::memmem::rfind(sql, render::AFTER.as_bytes());
    let (before, after) = sql.split_at(after.unwrap_or(sql.len()));
    let last = text.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    let late = last.and_then(|line| line.strip_prefix(render::LATE.as_bytes()));
    Ok(Parts {
        before,
        after,
        late: late.map(|hash| String::from_utf8_lossy(hash).into_owned()),
    })
}

const PG_TYPE: u32 = 1247;
/// Comments, privileges and shell types are no objects of their own.
const NO_OBJECT: u32 = 0;

fn kept<'a>(entries: &'a [Entry<'a>], closure: &Closure) -> Vec<&'a Entry<'a>> {
    let wanted = closure.objects.iter();
    let wanted: BTreeSet<(u32, u32)> = wanted.map(|object| (object.class, object.oid)).collect();
    let wanted = |entry: &Entry| wanted.contains(&entry.object);
    let types = entries.iter().filter(|e| wanted(e) && e.kind == "TYPE");
    let types: BTreeSet<_> = types.map(|entry| (entry.schema, entry.name)).collect();
    let numbers: BTreeSet<u32> = entries
        .iter()
        .filter(|e| wanted(e))
        .map(|e| e.number)
        .collect();
    let keep = |entry: &&Entry| {
        let hangs =
            !entry.hangs_on.is_empty() && entry.hangs_on.iter().all(|n| numbers.contains(n));
        let shell = entry.kind == "SHELL TYPE" && types.contains(&(entry.schema, entry.name));
        wanted(entry) || (entry.object.0 == NO_OBJECT && (hangs || shell))
    };
    entries.iter().filter(keep).collect()
}

#[cfg(test)]
mod tests;
