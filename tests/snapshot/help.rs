//! `--help` of every verb.

use super::compare;
use crate::support::{Cases, Place};

/// Each verb shows the settings that it uses; their texts are compared once, in `help`.
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
    let settings = |help: &str, end: &str| {
        let (_, settings) = help.split_once("\nSettings:\n").unwrap();
        let (settings, end) = settings.split_once(end).unwrap();
        let each = settings.split("\n      --").map(words);
        let each: Vec<String> = each
            .map(|one| one.trim_start_matches("--").into())
            .collect();
        (each, words(end))
    };
    let (all, _) = settings(&help, "\n\nExit codes:");
    let mut cases = Cases::new();
    for verb in verbs {
        cases.check(verb, || {
            let text = place.pgseal(verb).arg("--help").run().exits(0).stdout;
            let (used, example) = settings(&text, "\n\nExample: ");
            // To verbs that read a backup these are something else.
            let own: &[&str] = match verb {
                "restore" => &["dbname ", "table "],
                "diff" | "undo" => &["table "],
                _ => &[],
            };
            let (own_words, shared): (Vec<&String>, Vec<&String>) = used
                .iter()
                .partition(|one| own.iter().any(|setting| one.starts_with(setting)));
            let own_words: String = own_words.iter().map(|one| format!("--{one}\n")).collect();
            assert!(shared.iter().all(|one| all.contains(one)), "{used:#?}");
            let names = used.iter().filter_map(|one| one.split(' ').next());
            let names: Vec<&str> = names.collect();
            let (own, _) = text.split_once("\nSettings:\n").unwrap();
            let used = names.join(" --");
            compare(
                &format!("help-{verb}"),
                &format!("{own}\n{own_words}Settings: --{used}\n\nExample: {example}\n"),
            );
        });
    }
}
