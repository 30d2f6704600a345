//! The grammar of the command line: under each verb the settings that it uses, and an example.

use crate::base::setting::takes;
use crate::config::cli::Cli;
use clap::error::{Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, CommandFactory, FromArgMatches};
use std::ffi::OsString;

/// One for each verb.
const EXAMPLES: [&str; 15] = [
    "pgseal backup --dbname 'host=db1 dbname=shop' --table public.orders --table public.order_line",
    "pgseal prove-mechanism --like-recipient",
    "pgseal readiness --format markdown >readiness.md",
    "pgseal preflight --table public.orders",
    "pgseal operator-package --part=host >host.sh",
    "pgseal verify RUN_ID --decrypt --envelope kept.json",
    "pgseal restore RUN_ID --dbname 'host=db2 dbname=shop_new' --envelope kept.json",
    "pgseal diff RUN_ID --counts",
    "pgseal undo RUN_ID --envelope kept.json --apply",
    "pgseal prove-restore RUN_ID --envelope kept.json",
    "pgseal prove-backup --table public.orders",
    "pgseal guard --table public.orders -- psql -f migrate.sql",
    "pgseal list --store /srv/backups",
    "pgseal prune --keep-last 30 --apply",
    "pgseal sign RUN_ID --envelope kept.jsonl",
];

/// What `--dbname` is to `restore`.
const TARGET: &str = "The database to restore into, without secrets; required. PGSEAL_DBNAME and the \
    config file never name it";

/// What `--table` is to a verb that reads a backup.
const OF_THE_BACKUP: &str =
    "A table of the backup, as it was named then; repeat for more [default: all of them]";

/// Parses, and refuses a setting that the verb would pass over.
pub(crate) fn parse(args: &[OsString]) -> Result<Cli, Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(args)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|err| err.format(&mut command))?;
    // clap sees no conflict where one of the two stands before the verb.
    if cli.settings.quiet && cli.settings.verbose {
        let what = "--quiet and --verbose contradict each other";
        return Err(command.error(ErrorKind::ArgumentConflict, what));
    }
    let given =
        |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let verb = matches.subcommand_name().unwrap_or_default();
    let options = command.get_arguments().filter(given).filter_map(option);
    let unused = options.into_iter().find(|option| !takes(verb, option));
    match unused {
        None => Ok(cli),
        Some(option) => {
            let what = format!("`pgseal {verb}` does nothing with {option}");
            let of_verb = command.find_subcommand_mut(verb);
            Err(match of_verb {
                Some(verb) => verb.error(ErrorKind::UnknownArgument, what),
                None => command.error(ErrorKind::UnknownArgument, what),
            })
        }
    }
}

fn option(arg: &Arg) -> Option<String> {
    Some(format!("--{}", arg.get_long()?))
}

/// Where a setting means something else to a verb.
fn help(verb: &str, setting: &str) -> Option<&'static str> {
    match (verb, setting) {
        ("restore", "dbname") => Some(TARGET),
        ("diff" | "restore" | "undo", "tables") => Some(OF_THE_BACKUP),
        _ => None,
    }
}

/// All of it, as `--help` shows it.
pub(crate) fn command() -> clap::Command {
    let mut command = Cli::command();
    let settings = command.get_arguments().filter(|arg| arg.is_global_set());
    let settings: Vec<Arg> = settings.cloned().collect();
    let verbs = command.get_subcommands();
    let verbs: Vec<String> = verbs.map(|verb| verb.get_name().to_string()).collect();
    for verb in verbs {
        let unused = settings.iter();
        let unused = unused.filter(|arg| option(arg).is_none_or(|option| !takes(&verb, &option)));
        let example = EXAMPLES.iter().find(|example| {
            let mut words = example.split(' ');
            words.nth(1) == Some(&*verb)
        });
        let example = example.map_or(String::new(), |example| format!("Example: {example}"));
        command = command.mut_subcommand(&verb, |of_verb| {
            // In place of the one that every verb inherits.
            let hidden = unused.fold(of_verb, |of_verb, arg| of_verb.arg(arg.clone().hide(true)));
            let of_verb = hidden.after_help(example);
            let of_verb = settings.iter().fold(of_verb, |of_verb, arg| {
                match help(&verb, arg.get_id().as_str()) {
                    Some(text) => of_verb.arg(arg.clone().help(text)),
                    None => of_verb,
                }
            });
            match &*verb {
                "restore" => of_verb
                    .override_usage("pgseal restore [OPTIONS] --dbname <CONNINFO> <RUN_ID|PATH>"),
                _ => of_verb,
            }
        });
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    fn parsed(line: &str) -> Result<Cli, Error> {
        parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn each_verb_has_an_example_that_parses() {
        let command = command();
        let verbs = command.get_subcommands();
        let verbs = verbs.filter(|verb| !verb.is_hide_set());
        let verbs = verbs.map(clap::Command::get_name);
        each(verbs, |verb| {
            let of_verb = |example: &&&str| example.split(' ').nth(1) == Some(verb);
            let example = EXAMPLES.iter().find(of_verb).unwrap();
            let words = example.replace("'host=db1 dbname=shop'", "shop");
            let words = words.replace("'host=db2 dbname=shop_new'", "shop");
            let (words, _) = words.split_once(" >").unwrap_or((&words, ""));
            assert!(
                parsed(words).is_ok(),
                "{example}: {:?}",
                parsed(words).err()
            );
        });
    }

    #[test]
    fn what_a_verb_does_not_use_is_refused_before_and_behind_it() {
        each(
            [
                "pgseal list --table public.a",
                "pgseal --table public.a list",
                "pgseal verify a --table public.a",
                "pgseal verify a --dbname x",
                "pgseal prove-mechanism --store /x",
                "pgseal prune --keep-last 1 --compress none",
                "pgseal sign a --envelope - --no-prelude",
                "pgseal operator-package --timeout 1s",
            ],
            |line| {
                let told = parsed(line).unwrap_err().to_string();
                assert!(told.contains("does nothing with --"), "{told}");
            },
        );
        each(
            [
                "pgseal --store /x list --json",
                "pgseal restore a --no-prelude --lock-wait 1s",
                "pgseal guard --table a.b -- list --table x",
                "pgseal backup --require-restorable",
            ],
            |line| {
                assert!(parsed(line).is_ok(), "{line}");
            },
        );
    }
}
