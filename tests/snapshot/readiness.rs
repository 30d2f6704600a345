//! `readiness` and `preflight`, where all is well and where it is not.

use super::{FILTERS, compare_filtered};
use crate::readiness::Host;
use crate::support::Ran;

/// A piece of evidence a line: where a line is broken depends on the length of paths and versions.
fn compare_unbroken(name: &str, ran: &Ran, indent: &str) {
    let mut stderr = ran.stderr.lines();
    let silent = stderr.all(|line| line.starts_with("run: "));
    ran.check(silent, "standard error must be empty");
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
            None if searched && !line.is_empty() => text += &format!(" {line}"),
            None => text += &format!("\n{line}"),
        }
        searched &= !line.is_empty();
        searched |= line.starts_with("a canary passphrase was searched for");
    }
    // Where a line was cut depends on it as well.
    let cut = (r"(?m)^(\w+ +READY +\S+).* (\.\.\.|…)$", "$1 [CUT]");
    compare_filtered(name, &text, &[&[cut], FILTERS].concat());
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
    let all = host.run(&["readiness", "--verbose"]);
    compare_unbroken("readiness-verbose", &all, &table);
}

/// As it is filed.
#[test]
fn snapshot_readiness_as_markdown() {
    let host = Host::ready();
    let markdown = host.run(&["readiness", "--format=markdown"]).exits(0);
    let of_this_host = [
        (r"(?m)^- host: .*", "- host: [HOST]"),
        (r"\buid \d+", "uid [N]"),
        (r"\b(gpg|libgcrypt|pgseal) \d[\d.]+", "$1 [VERSION]"),
        (r"(?m)^(\| database \| READY \|).*", "$1 [CUT] |"),
        (r"\\`t\d+\\`", "[DB]"),
    ];
    let filters = [FILTERS, &of_this_host].concat();
    compare_filtered("readiness-markdown", &markdown.stdout, &filters);
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
