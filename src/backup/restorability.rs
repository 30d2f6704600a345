//! What a restore into an empty database would miss, said at backup and in readiness, and refused
//! where the settings ask for that.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hints;
use crate::base::text::plain;
use crate::config::scope::Restorable;
use crate::config::settings::Config;
use crate::pg::closure::{Closure, ExternalReference, Lack};
use crate::pg::server::NewerPgDump;
use std::collections::{BTreeMap, BTreeSet};

/// External references by what they mean for a restore; those that are acknowledged apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restorability {
    /// Not acknowledged, each once.
    pub missed: Vec<Missed>,
    pub acknowledged: Vec<String>,
    /// Acknowledged, and not there to be missed.
    pub stale: Vec<String>,
    /// Functions whose body is text: what it names is found by that text alone.
    pub opaque: Vec<String>,
    /// What such a text names and the backup does not bring along.
    pub passed_over: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missed {
    pub lack: Lack,
    /// Kind and name, as `known_external` spells it.
    pub what: String,
    kind: String,
    pub needed_by: Vec<String>,
}

impl Missed {
    /// An option of the restore, and nothing that is to be there.
    pub(crate) fn is_option(&self) -> bool {
        self.kind == "option"
    }
}

/// How many of a list are told.
const FIRST: usize = 5;

impl Restorability {
    /// Before a dump: with a prelude that holds all that it should, or without one.
    pub(crate) fn foreseen(
        config: &Config,
        closure: &Closure,
        newer: Option<&NewerPgDump>,
    ) -> Restorability {
        let references = if config.prelude {
            closure.external_references(&[])
        } else {
            closure.external_references(&closure.standing_alone())
        };
        Restorability::of(&config.restorable, &references, closure, newer)
    }

    /// `newer`: the pg_dump that is used, where the server may not understand what it writes.
    pub(crate) fn of(
        settings: &Restorable,
        references: &[ExternalReference],
        closure: &Closure,
        newer: Option<&NewerPgDump>,
    ) -> Restorability {
        let mut by_name: BTreeMap<(Lack, String), Missed> = BTreeMap::new();
        let option = newer.map(NewerPgDump::reference);
        for reference in references.iter().chain(&option) {
            let (lack, what) = (reference.lack(), reference.told());
            let missed = by_name.entry((lack, what.clone())).or_insert(Missed {
                lack,
                what,
                kind: reference.kind.clone(),
                needed_by: Vec::new(),
            });
            missed.needed_by.push(reference.needed_by.clone());
        }
        let missed = circles_resolved(by_name, &settings.known_external);
        let (known, missed): (Vec<Missed>, Vec<Missed>) = missed
            .into_values()
            .partition(|missed| settings.known_external.contains(&missed.what));
        let known: BTreeSet<String> = known.into_iter().map(|missed| missed.what).collect();
        let (acknowledged, stale) = settings
            .known_external
            .iter()
            .cloned()
            .partition(|what| known.contains(what));
        // What does not come along, the operator brings.
        let comes_along = |name: &str| references.iter().all(|reference| reference.name != name);
        let opaque = closure.objects.iter();
        let opaque = opaque.filter(|object| object.opaque && comes_along(&object.name));
        Restorability {
            missed,
            acknowledged,
            stale,
            opaque: opaque.map(|object| object.name.clone()).collect(),
            passed_over: closure.passed_over.clone(),
        }
    }

    pub(crate) fn missed(&self, lack: Lack) -> impl Iterator<Item = &Missed> {
        self.missed.iter().filter(move |missed| missed.lack == lack)
    }

    /// What speaks against a restore; the host's part is no backup's to bring.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = &Missed> {
        let ours = |missed: &&Missed| missed.lack != Lack::OfHost;
        self.missed.iter().filter(ours)
    }

    /// Refuses where the settings ask for a backup that comes back whole, and this would not.
    pub(crate) fn check(&self, settings: &Restorable) -> Result<()> {
        let missed: Vec<&Missed> = self.unacknowledged().collect();
        if !settings.required || missed.is_empty() {
            return Ok(());
        }
        let what = [self.needed_and_lost(WHOLE), self.in_rows(WHOLE)];
        let what: Vec<String> = what.into_iter().flatten().collect();
        let what = format!("not all would come back: {}", what.join("; "));
        let more = match missed.len() {
            0..=FIRST => "",
            _ => ", … (the whole line: `pgseal readiness`)",
        };
        let known = missed.iter().take(FIRST).map(|missed| &*missed.what);
        Err(Error::new(Code::NotRestorable, what).hint(
            Hints::from(
                "Back up the tables that these belong to as well, or acknowledge them in the config file:",
            )
            .then(format!("[scope] known_external = [{}{more}]", listed_as_toml(known))),
        ))
    }

    /// For standard error, a few lines at most. `whole`: where the whole of a long list is.
    pub(crate) fn notes(&self, whole: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.needed_and_lost(whole).into_iter().collect();
        let opaque = self.opaque.iter().map(String::as_str);
        let opaque = first(opaque, whole).map(|names| {
            format!("what the text of a function's body names is found by that text alone: {names}")
        });
        let passed_over = self.passed_over.iter().map(String::as_str);
        let passed_over = first(passed_over, WHOLE).map(|names| {
            let count = self.passed_over.len();
            format!("passed over, though such a text names them, {count}: {names}")
        });
        lines.extend(
            [self.in_rows(whole), opaque, passed_over]
                .into_iter()
                .flatten()
                .reduce(|all, one| format!("{all}; {one}"))
                .map(|known| format!("only partly known: {known}")),
        );
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for missed in self.missed(Lack::OfHost) {
            *counts.entry(&missed.kind).or_default() += 1;
        }
        let counts: Vec<String> = counts.into_iter().map(counted).collect();
        let counts = counts.join(", ");
        // That a table has an owner is no news.
        if !["", "1 role"].contains(&counts.as_str()) {
            lines.push(format!("a restore needs of its cluster or host: {counts}"));
        }
        match self.acknowledged.len() {
            0 => {}
            1 => lines.push("1 external reference is known, and not repeated".into()),
            n => lines.push(format!(
                "{n} external references are known, and not repeated"
            )),
        }
        lines.iter().map(|line| plain(line)).collect()
    }

    fn needed_and_lost(&self, whole: &str) -> Option<String> {
        let names = |lack| first(self.missed(lack).map(|missed| &*missed.what), whole);
        match (names(Lack::Needed), names(Lack::Lost)) {
            (None, None) => None,
            (Some(needed), None) => Some(format!("a restore will need: {needed}")),
            (None, Some(lost)) => Some(format!("a restore cannot bring back: {lost}")),
            (Some(needed), Some(lost)) => Some(format!(
                "a restore will need: {needed}; it cannot bring back: {lost}"
            )),
        }
    }

    fn in_rows(&self, whole: &str) -> Option<String> {
        let names = self.missed(Lack::InRows).map(|missed| &*missed.what);
        first(names, whole).map(|names| format!("what rows name is not looked up: {names}"))
    }
}

/// What the tables need and what needs them cannot be there before them: what needs it is lost too.
fn circles_resolved(
    mut missed: BTreeMap<(Lack, String), Missed>,
    known: &[String],
) -> BTreeMap<(Lack, String), Missed> {
    let lost = missed.values().filter(|missed| missed.lack == Lack::Lost);
    let lost: Vec<String> = lost.map(|missed| missed.what.clone()).collect();
    for what in lost {
        let Some(needed) = missed.get(&(Lack::Needed, what.clone())).cloned() else {
            continue;
        };
        missed.remove(&(Lack::Lost, what.clone()));
        // Who knows the one knows what comes of it, and may name that as well.
        let told = |by: &String| !known.contains(&what) || known.contains(by);
        for by in needed.needed_by.into_iter().filter(told) {
            let lost = missed.entry((Lack::Lost, by.clone())).or_insert(Missed {
                lack: Lack::Lost,
                what: by,
                kind: String::new(),
                needed_by: Vec::new(),
            });
            lost.needed_by.push(format!("needs {what}"));
        }
    }
    missed
}

/// Where a refused or dry run has the whole of a long list.
pub(crate) const WHOLE: &str = "`pgseal readiness` lists all";

/// None of none.
fn first<'a>(names: impl Iterator<Item = &'a str>, whole: &str) -> Option<String> {
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => None,
        n @ 0..=FIRST => Some(names[..n].join(", ")),
        n => Some(format!(
            "{} and {} more ({whole})",
            names[..FIRST].join(", "),
            n - FIRST
        )),
    }
}

fn counted((kind, count): (&str, usize)) -> String {
    match (kind, count) {
        (kind, 1) => format!("1 {kind}"),
        ("library", n) => format!("{n} libraries"),
        (kind, n) => format!("{n} {kind}s"),
    }
}

/// As a config file spells them: TOML's basic strings are JSON's.
pub(crate) fn listed_as_toml<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names
        .map(|name| serde_json::Value::from(name).to_string())
        .collect();
    names.join(", ")
}
