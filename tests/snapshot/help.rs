//! `--help` of every verb.

use super::compare;
use crate::support::{Cases, Place};

/// The settings stand under every verb; they are compared once, in `help`.
#[test]
fn snapshot_help() {
    let place = Place::new();
    let help = place.pgseal("--help").run().exits(0).stdout;
    compare("help", &help);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let verbs = commands
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let settings = |help: &str| {
        let (_, settings) = help.split_once("\nSettings:\n").unwrap();
        words(settings.split("\n\nExit codes:").next().unwrap())
    };
    let mut cases = Cases::new();
    for verb in verbs {
        cases.check(verb, || {
            let own = place.pgseal(verb).arg("--help").run().exits(0).stdout;
            assert_eq!(settings(&own), settings(&help));
            let (own, _) = own.split_once("\nSettings:\n").unwrap();
            compare(&format!("help-{verb}"), own);
        });
    }
}
