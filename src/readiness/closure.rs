//! What a restore of the tables into an empty database would miss.

use crate::backup::gather::HostAnswers;
use crate::backup::restorability::{Missed, Restorability, listed_as_toml};
use crate::base::few::joined;
use crate::base::hint::Hints;
use crate::pg::catalog::Catalog;
use crate::pg::closure::{Closure, Lack};
use crate::readiness::audit::{Host, first_above, refusal, unasked};
use crate::readiness::database::asked;
use crate::report::matrix::{Evidence, Finding};

/// Of the tables that are there.
pub(crate) fn closure(host: &Host, answers: &HostAnswers) -> Finding {
    if let Err(error) = host.refused("dbname").and(host.config.tables.clone()) {
        let why = format!("there is nothing to ask for: {}", error.message);
        return Finding::unknown(why).hint(first_above());
    }
    if let Err(error) = host.refused("known_external") {
        return refusal(&error);
    }
    let closure = match &answers.closure {
        Ok(closure) => closure,
        Err(error) => return unasked(error),
    };
    if !closure.missing.is_empty() {
        let missing: Vec<String> = closure.missing.iter().map(ToString::to_string).collect();
        let why = format!("not there to be asked: {}", missing.join(", "));
        return Finding::unknown(why).hint(first_above());
    }
    let newer = answers.fitting.as_ref().ok();
    let newer = newer.and_then(|fitting| fitting.newer.as_ref());
    let found = Restorability::foreseen(host.config, closure, newer);
    let missed: Vec<&Missed> = found.unacknowledged().collect();
    let finding = match (&missed[..], asked(host)) {
        ([], Some(spec)) => {
            let beyond = match found.acknowledged.len() {
                0 => "what the cluster has".to_string(),
                n => format!("what the cluster has and {n} acknowledged external references"),
            };
            let answer = format!("a restore into an empty database misses nothing beyond {beyond}");
            Finding::ready(Evidence::run(&spec, answer))
        }
        ([], None) => Finding::unknown("psql is gone"),
        _ => Finding::failed(would_miss(&missed)).hint(known_by_name(host, &found)),
    };
    let finding = match (&missed[..], &found.stale[..]) {
        ([], [_, ..]) => finding.hint(format!(
            "Take out of known_external, in {}: {}",
            host.config_file().display(),
            found.stale.join(", ")
        )),
        _ => finding,
    };
    let psql = answers.catalog.as_ref().ok();
    let psql = psql.and_then(Catalog::psql_warning);
    finding
        .with_all(evidence(host, closure, &found))
        .with_all(psql.map(Evidence::warning))
}

/// Each with what needs it, in groups by what it means.
fn would_miss(missed: &[&Missed]) -> String {
    let group = |lack: Lack, what: &str| {
        let items = missed.iter().filter(|missed| missed.lack == lack);
        let items: Vec<String> = items
            .map(|missed| {
                let by = missed.needed_by.iter().filter(|by| !by.is_empty());
                let by: Vec<String> = by.cloned().collect();
                match by[..] {
                    [] => missed.what.clone(),
                    _ => format!("{} ({})", missed.what, joined(&by, ", ")),
                }
            })
            .collect();
        (!items.is_empty()).then(|| format!("{what}: {}", items.join("; ")))
    };
    let groups = [
        group(Lack::Needed, "a restore will need"),
        group(Lack::Lost, "a restore cannot bring back"),
        group(Lack::InRows, "what rows name is not looked up"),
    ];
    let groups: Vec<String> = groups.into_iter().flatten().collect();
    groups.join("; ")
}

fn known_by_name(host: &Host, found: &Restorability) -> Hints {
    let missed = found.unacknowledged().map(|missed| &*missed.what);
    let known = found.acknowledged.iter().map(String::as_str);
    let stops = if host.config.restorable.required {
        "It stops every backup: require_restorable is set."
    } else {
        "It does not stop a backup."
    };
    let all = listed_as_toml(known.chain(missed));
    let mend = if found.unacknowledged().all(Missed::is_option) {
        "Use a pg_dump of the server's version, or acknowledge what its restore needs."
    } else {
        "Back up the tables that these belong to as well, or acknowledge all of it."
    };
    Hints::from(format!("{mend} {stops}")).then(host.set(
        "scope",
        "To acknowledge it",
        &format!("known_external = [{all}]"),
    ))
}

fn evidence(host: &Host, closure: &Closure, found: &Restorability) -> Vec<Evidence> {
    let listed = |items: Vec<String>| match &items[..] {
        [] => "nothing".to_string(),
        _ => items.join(", "),
    };
    let needed = closure.objects.iter();
    let needed = needed.map(|n| format!("{} {}", n.kind, n.name)).collect();
    let of_host = found.missed(Lack::OfHost);
    let of_host = of_host.map(|missed| missed.what.clone()).collect();
    let mut evidence = vec![
        Evidence::read("pg_depend", format!("needed first: {}", listed(needed))),
        Evidence::read(
            "pg_depend",
            format!("needed of the cluster or host: {}", listed(of_host)),
        ),
    ];
    if !found.acknowledged.is_empty() {
        let known = format!("acknowledged: {}", found.acknowledged.join(", "));
        let source = format!("{} known_external", host.config_file().display());
        evidence.push(Evidence::read(source, known));
    }
    evidence.extend(found.stale.iter().map(|what| {
        Evidence::warning(format!(
            "known_external names {what}, which no restore would miss"
        ))
    }));
    evidence.extend(found.opaque.iter().map(|name| {
        Evidence::warning(format!(
            "the body of {name} is text: what it names is found by that text alone"
        ))
    }));
    evidence.extend(found.passed_over.iter().map(|what| {
        Evidence::warning(format!(
            "the text of a body names {what}, which is passed over: it needs what is not there \
             before the tables, or is not written in a trusted language"
        ))
    }));
    evidence
}
