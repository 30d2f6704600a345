//! `pgseal completions`: a script for a shell, which offers the run ids of the store too.

use crate::base::version::PGSEAL;
use crate::config::grammar;
use crate::config::pages::{Completions, Shell};
use crate::report::print::Answer;
use clap::Arg;
use clap::Command as Grammar;
use clap_complete::{generate, shells};

/// Of the store as it is configured: another one on the command line is not looked at.
const RUN_IDS: &str = "pgseal run-ids 2>/dev/null";

pub(crate) fn run(args: &Completions) -> Answer {
    let all = grammar::command();
    let settings: Vec<&Arg> = all.get_arguments().collect();
    let mut command = shown(&all, &[]).version(PGSEAL);
    for verb in all.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        command = command.subcommand(shown(verb, &settings));
    }
    let mut script = Vec::new();
    match args.shell {
        Shell::Bash => generate(shells::Bash, &mut command, "pgseal", &mut script),
        Shell::Fish => generate(shells::Fish, &mut command, "pgseal", &mut script),
        Shell::Zsh => generate(shells::Zsh, &mut command, "pgseal", &mut script),
    }
    let script = String::from_utf8_lossy(&script);
    let take_runs: Vec<TakesRun> = command.get_subcommands().filter_map(takes_run).collect();
    Answer::yes(match args.shell {
        Shell::Bash => bash(&script, &take_runs),
        Shell::Fish => fish(&script, &take_runs),
        Shell::Zsh => zsh(&script, &take_runs),
    })
}

/// A verb, and its argument that names a run.
struct TakesRun<'a> {
    verb: &'a str,
    arg: &'a str,
}

fn takes_run(verb: &Grammar) -> Option<TakesRun<'_>> {
    let is_run = |arg: &&Arg| {
        let names = arg.get_value_names().unwrap_or_default();
        names.iter().any(|name| name.starts_with("RUN_ID"))
    };
    Some(TakesRun {
        verb: verb.get_name(),
        arg: verb.get_positionals().find(is_run)?.get_id().as_str(),
    })
}

/// Only what `--help` shows: the scripts would offer what is hidden too. A verb hides the settings that
/// it does not use behind arguments of its own.
fn shown(command: &Grammar, settings: &[&Arg]) -> Grammar {
    let own = |setting: &&&Arg| {
        let mut own = command.get_arguments();
        own.any(|arg| arg.get_id() == setting.get_id())
    };
    let inherited = settings.iter().filter(|setting| !own(setting)).copied();
    let args = command.get_arguments().chain(inherited);
    let args = args.filter(|arg| !arg.is_hide_set());
    Grammar::new(command.get_name().to_string())
        .about(command.get_about().cloned().unwrap_or_default())
        .args(args.map(|arg| arg.clone().global(false)))
}

/// Beside the options, which the script offers where an argument can stand.
fn bash(script: &str, take_runs: &[TakesRun]) -> String {
    take_runs.iter().fold(script.to_string(), |script, one| {
        let verb = one.verb.replace('-', "__subcmd__");
        let begin = format!("pgseal__subcmd__{verb})\n            opts=\"");
        script.replace(&begin, &format!("{begin}$({RUN_IDS}) "))
    })
}

/// The script has no arguments but options; files are offered as ever.
fn fish(script: &str, take_runs: &[TakesRun]) -> String {
    let verbs: Vec<&str> = take_runs.iter().map(|one| one.verb).collect();
    let verbs = verbs.join(" ");
    format!(
        "{script}complete -c pgseal -n \"__fish_pgseal_using_subcommand {verbs}\" -k -a \"({RUN_IDS})\" -d run\n"
    )
}

fn zsh(script: &str, take_runs: &[TakesRun]) -> String {
    let lines = script.lines().map(|line| {
        let names_run = take_runs.iter().any(|one| {
            let spec = line.trim_start_matches(['\'', '*', ':']);
            spec.starts_with(&format!("{} -- ", one.arg))
        });
        match line.rsplit_once(":_default'") {
            Some((spec, rest)) if names_run => format!("{spec}:_pgseal_run_ids'{rest}\n"),
            _ => format!("{line}\n"),
        }
    });
    let script: String = lines.collect();
    let offer = format!(
        "\n_pgseal_run_ids() {{\n    local -a runs\n    runs=(${{(f)\"$({RUN_IDS})\"}})\n    \
         compadd -V runs -a runs\n    _files\n}}\n\n_pgseal() {{\n"
    );
    script.replacen("\n_pgseal() {\n", &offer, 1)
}
