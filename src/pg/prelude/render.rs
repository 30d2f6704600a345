//! The entries as SQL that leaves alone what exists: one DO block for each thing that is created,
//! owners, privileges and comments apart, and only for what this run created.

use crate::pg::identifier;
use crate::pg::prelude::late::{self, Needs};
use crate::pg::prelude::split::Entry;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const HEAD: &str = "\
-- pgseal prelude: what the tables of this run need around them, made where it is not there yet.
-- Run it once, before the tables' own dump.
";
pub(crate) const END: &str = "-- pgseal prelude complete\n";
/// Stands before what must wait until the tables have their rows.
pub(crate) const AFTER: &str =
    "\n-- pgseal prelude: what follows is run after the tables' own dump\n";

/// Settings by which the text is read as it was written. The rest of a dump's are timeouts.
const SETTINGS: &[&str] = &[
    "SET client_encoding ",
    "SET standard_conforming_strings ",
    "SET escape_string_warning ",
    "SET check_function_bodies ",
    "SET xmloption ",
    "SELECT pg_catalog.set_config('search_path', '', false)",
];

/// Text search objects report their duplicates as a violated index.
const DUPLICATE: &str = "duplicate_schema OR duplicate_object OR duplicate_function \
                         OR duplicate_table OR unique_violation";
const NO_ROLE: &str = "undefined_object OR insufficient_privilege OR invalid_parameter_value";

/// Stands before the hash of the late file. A dollar-quoted body ends in another line.
pub(crate) const LATE: &str = "-- pgseal prelude: it has a late file, SHA-256 ";

/// `between`: the late file's text.
pub(crate) fn render(
    settings: &[&[u8]],
    kept: &[&Entry],
    parents: &BTreeMap<(u32, u32), u32>,
    between: Option<&[u8]>,
) -> Vec<u8> {
    let mut out = HEAD.as_bytes().to_vec();
    let needed = |s: &&&[u8]| SETTINGS.iter().any(|known| s.starts_with(known.as_bytes()));
    for setting in settings.iter().filter(needed) {
        out.extend([setting, &b";\n"[..]].concat());
    }
    let last = last(kept, parents);
    let (last, early): (Vec<&Entry>, Vec<&Entry>) =
        kept.iter().partition(|entry| last.contains(&entry.number));
    entries(&mut out, &early, parents);
    out.extend(AFTER.as_bytes());
    entries(&mut out, &last, parents);
    if let Some(text) = between {
        let hash = hex::encode(Sha256::digest(text));
        out.extend(format!("\n{LATE}{hash}\n").bytes());
    }
    out.extend(END.as_bytes());
    out
}

/// The late file: each entry behind a line that names the tables it needs. None of no entries.
pub(crate) fn late(
    between: &[&Entry],
    parents: &BTreeMap<(u32, u32), u32>,
    needs: &Needs,
) -> Option<Vec<u8>> {
    let mut out = late::HEAD.as_bytes().to_vec();
    for entry in between {
        let mut text = Vec::new();
        entries(&mut text, &[entry], parents);
        if let (Some(needs), false) = (needs.of(entry), text.is_empty()) {
            late::write(&mut out, needs, &text);
        }
    }
    let any = out.len() > late::HEAD.len();
    out.extend(late::END.as_bytes());
    any.then_some(out)
}

/// Constraints that are written apart from their domain, and what hangs on them. They are NOT
/// VALID: rows that are older than they are may break them.
fn last(kept: &[&Entry], parents: &BTreeMap<(u32, u32), u32>) -> BTreeSet<u32> {
    let is_late =
        |entry: &&&Entry| entry.object.0 == PG_CONSTRAINT && parents.contains_key(&entry.object);
    let mut late: BTreeSet<u32> = kept.iter().filter(is_late).map(|e| e.number).collect();
    let hang = kept
        .iter()
        .filter(|e| e.hangs_on.iter().any(|n| late.contains(n)));
    let hang: Vec<u32> = hang.map(|entry| entry.number).collect();
    late.extend(hang);
    late
}

const PG_CONSTRAINT: u32 = 2606;

fn entries(out: &mut Vec<u8>, entries: &[&Entry], parents: &BTreeMap<(u32, u32), u32>) {
    for entry in entries {
        // Set between entries, for tables only.
        let statements = entry.statements.iter();
        let statements = statements.filter(|s| !s.starts_with(b"SET default_"));
        let statements: Vec<&[u8]> = statements.copied().collect();
        match entry.hangs_on[..] {
            [] => object(out, entry, statements, parents.get(&entry.object)),
            _ => {
                let what = match entry.kind.as_str() {
                    "ACL" => [b"privileges on ", entry.name].concat(),
                    _ => label(entry),
                };
                apart(out, &what, &groups(&statements), &entry.hangs_on);
            }
        }
    }
}

fn object(out: &mut Vec<u8>, entry: &Entry, statements: Vec<&[u8]>, parent: Option<&u32>) {
    let (owners, makers): (Vec<&[u8]>, Vec<&[u8]>) =
        statements.into_iter().partition(|s| names_owner(s));
    // Of what initdb made, a dump holds no CREATE.
    if !makers
        .first()
        .is_some_and(|s| s.starts_with(b"CREATE ") || parent.is_some())
    {
        return;
    }
    let mut body = b"\nBEGIN\n".to_vec();
    if let Some(parent) = parent {
        body.extend(format!("IF {} THEN\n", made(&[*parent])).bytes());
    }
    for maker in makers {
        body.extend(execute(maker));
    }
    body.extend(mark(entry, Made::Now).bytes());
    if parent.is_some() {
        body.extend(b"END IF;\n");
    }
    let exists = "RAISE NOTICE 'pgseal: exists already, left as it is: %', ";
    body.extend(format!("EXCEPTION WHEN {DUPLICATE} THEN\n{exists}").bytes());
    body.extend([&quoted(&label(entry))[..], b";\n"].concat());
    body.extend(mark(entry, Made::Before).bytes());
    body.extend(b"END ");
    block(out, &body);
    let owners: Vec<_> = owners.into_iter().map(|owner| vec![owner]).collect();
    if !owners.is_empty() {
        let what = [b"owner of ", &label(entry)[..]].concat();
        apart(out, &what, &owners, &[entry.number]);
    }
}

/// What may fail for want of a role, each group by itself, and what to call it then.
fn apart(out: &mut Vec<u8>, what: &[u8], groups: &[Vec<&[u8]>], on: &[u32]) {
    let mut body = format!("\nBEGIN\nIF {} THEN\n", made(on)).into_bytes();
    for group in groups {
        body.extend(b"BEGIN\n");
        for statement in group {
            body.extend(execute(statement));
        }
        let left_out = "RAISE WARNING 'pgseal: left out: % (%)', ";
        body.extend(format!("EXCEPTION WHEN {NO_ROLE} THEN\n{left_out}").bytes());
        body.extend([&quoted(what)[..], b", SQLERRM;\nEND;\n"].concat());
    }
    body.extend(b"END IF;\nEND ");
    block(out, &body);
}

/// GRANTs by another role stand between SET and RESET SESSION AUTHORIZATION.
fn groups<'a>(statements: &[&'a [u8]]) -> Vec<Vec<&'a [u8]>> {
    let mut groups: Vec<Vec<&[u8]>> = Vec::new();
    let mut open = false;
    for statement in statements {
        match groups.last_mut() {
            Some(group) if open => group.push(statement),
            _ => groups.push(vec![statement]),
        }
        open = (open || statement.starts_with(b"SET SESSION AUTHORIZATION "))
            && !statement.starts_with(b"RESET SESSION AUTHORIZATION");
    }
    groups
}

fn made(entries: &[u32]) -> String {
    let one = |n: &u32| format!("pg_catalog.current_setting('pgseal.made_{n}', true) = '1'");
    let all: Vec<String> = entries.iter().map(one).collect();
    all.join(" AND ")
}

#[derive(Clone, Copy)]
enum Made {
    Now,
    Before,
}

fn mark(entry: &Entry, made: Made) -> String {
    let number = entry.number;
    let value = match made {
        Made::Now => 1,
        Made::Before => 0,
    };
    format!("PERFORM pg_catalog.set_config('pgseal.made_{number}', '{value}', false);\n")
}

fn label(entry: &Entry) -> Vec<u8> {
    [entry.kind.as_bytes(), b" ", entry.name].concat()
}

fn execute(statement: &[u8]) -> Vec<u8> {
    [b"EXECUTE ", &quoted(statement)[..], b";\n"].concat()
}

fn block(out: &mut Vec<u8>, body: &[u8]) {
    out.extend(
        [
            b"\nDO LANGUAGE plpgsql ",
            &dollar("pgseal", body)[..],
            b";\n",
        ]
        .concat(),
    );
}

fn quoted(text: &[u8]) -> Vec<u8> {
    dollar("q", text)
}

/// In dollar quotes of a tag that the text does not hold, nor ends in the beginning of.
fn dollar(word: &str, text: &[u8]) -> Vec<u8> {
    let mut tag = format!("${word}$");
    let mut n = 0;
    loop {
        let closed = [text, tag.as_bytes()].concat();
        if memchr::memmem::find(&closed, tag.as_bytes()) == Some(text.len()) {
            return [tag.as_bytes(), &closed].concat();
        }
        n += 1;
        tag = format!("${word}{n}$");
    }
}

/// `ALTER … OWNER TO role`, with nothing behind the role; a name may hold these words as well.
fn names_owner(statement: &[u8]) -> bool {
    const WORDS: &[u8] = b" OWNER TO ";
    let mut found = memchr::memmem::find_iter(statement, WORDS);
    statement.starts_with(b"ALTER ")
        && found.any(|at| {
            let role = String::from_utf8_lossy(&statement[at + WORDS.len()..]);
            identifier::identifier(&role).is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn tags_do_not_collide() {
        each(
            ["", "$", "$q", "$q$", "a $q$ b $q1", "$q$q1$q2$", "x$q1$q"],
            |text| {
                let quoted = String::from_utf8(quoted(text.as_bytes())).unwrap();
                let tag = &quoted[..quoted[1..].find('$').unwrap() + 2];
                let inside = &quoted[tag.len()..];
                assert_eq!(inside.find(tag), Some(text.len()), "{quoted}");
                assert_eq!(&inside[..text.len()], text);
            },
        );
    }

    #[test]
    fn owners_are_told_from_names() {
        each(
            [
                ("ALTER TYPE public.t OWNER TO boss", true),
                (
                    "ALTER TYPE public.t OWNER TO \"We.ird \"\"R OWNER TO x\"",
                    true,
                ),
                ("ALTER TYPE public.t SET (x = 1)", false),
                (
                    "ALTER DOMAIN public.\"a OWNER TO b\" ADD CONSTRAINT c CHECK (true)",
                    false,
                ),
                ("CREATE TYPE \"x OWNER TO y\"", false),
            ],
            |(statement, owner)| {
                assert_eq!(names_owner(statement.as_bytes()), owner, "{statement}");
            },
        );
    }
}
