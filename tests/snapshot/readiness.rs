//! `readiness` and `preflight`, where all is well and where it is not.

use super::compare;
use crate::readiness::Host;
use crate::support::Ran;

/// A piece of evidence a line: where a line is broken depends on the length of paths and versions.
fn compare_unbroken(name: &str, ran: &Ran, indent: &str) {
    ran.check(ran.stderr.is_empty(), "standard error must be empty");
    let mut text = format!("exit {}", ran.code());
    let mut searched = false;
    for line in ran.stdout.lines() {
        let goes_on = line
            .strip_prefix(indent)
            .filter(|rest| !rest.starts_with(' '));
        let begins = |rest: &str| {
            // A program or a file, and what it said.
            let path = rest.split(' ').next().unwrap_or_default();
            (path.starts_with('/') && path.ends_with(':'))
                || EVIDENCE.iter().any(|word| rest.starts_with(word))
        };
        match goes_on {
            Some(rest) if begins(rest) => text += &format!("\n    {rest}"),
            Some(rest) => text += &format!(" {rest}"),
            None if searched => text += &format!(" {line}"),
            None => text += &format!("\n{line}"),
        }
        searched |= line.starts_with("a canary passphrase was searched for");
    }
    compare(name, &text);
}

/// How other evidence and a hint begin.
const EVIDENCE: [&str; 6] = [
    "pg_class: ",
    "pg_depend: ",
    "this host: ",
    "pgseal ",
    "warning: ",
    "hint: ",
];

#[test]
fn snapshot_readiness() {
    let host = Host::ready();
    let table = " ".repeat(32);
    compare_unbroken("readiness", &host.run(&["readiness"]), &table);
}

#[test]
fn snapshot_readiness_without_a_key() {
    let host = Host::new();
    let table = " ".repeat(32);
    compare_unbroken("readiness-no-key", &host.run(&["readiness"]), &table);
}

#[test]
fn snapshot_preflight() {
    let host = Host::new();
    host.config("\"public.unit_version\"", "\"public.unit_versions\"");
    std::fs::remove_dir(host.path("store")).unwrap();
    compare_unbroken("preflight", &host.run(&["preflight"]), "    ");
}
