//! `pgseal completions`: a script for a shell, which offers the run ids of the store too.

use crate::base::version::PGSEAL;
use crate::config::grammar;
use crate::config::pages::{Completions, Shell};
use crate::report::print::Answer;
use clap::Arg;
use clap::Command as Grammar;
use clap_complete::{generate, shells};

/// The runs of the store that is named so far on the command line, else of the one that is configured.
/// bash takes `=` for a word of its own, and hands over `~` as it is typed.
const BASH_RUN_IDS: &str = r#"_pgseal_run_ids() {
    local at value given=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            --store | --config)
                value=${COMP_WORDS[at + 1]}
                [[ $value != = ]] || value=${COMP_WORDS[at + 2]}
                given+=("${COMP_WORDS[at]}=${value/#~\//$HOME/}")
                ;;
        esac
    done
    pgseal run-ids "${given[@]}" 2>/dev/null
}

"#;

const FISH_RUN_IDS: &str = r"function __fish_pgseal_run_ids
    set -l typed (commandline -opc)
    set -l given
    for at in (seq (count $typed))
        set -l value $typed[(math $at + 1)]
        switch $typed[$at]
            case --store --config
                set -a given $typed[$at]=(string replace -r '^~/' $HOME/ -- $value)
            case '--store=*' '--config=*'
                set -a given (string replace -r '=~/' =$HOME/ -- $typed[$at])
        end
    end
    pgseal run-ids $given 2>/dev/null
end
";

/// The whole line: below a verb, `words` begins with it.
const ZSH_RUN_IDS: &str = r#"
_pgseal_run_ids() {
    local -a typed runs given
    local at
    typed=(${(Q)${(z)LBUFFER}})
    for ((at = 1; at <= $#typed; at++)); do
        case $typed[at] in
            (--store|--config) given+=("$typed[at]=${typed[at + 1]/#\~\//$HOME/}") ;;
            (--store=*|--config=*) given+=("${typed[at]/=\~\//=$HOME/}") ;;
        esac
    done
    runs=(${(f)"$(pgseal run-ids $given 2>/dev/null)"})
    compadd -V runs -a runs
    _files
}

_pgseal() {
"#;

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
    let script = BASH_RUN_IDS.to_string() + script;
    take_runs.iter().fold(script, |script, one| {
        let verb = one.verb.replace('-', "__subcmd__");
        let begin = format!("pgseal__subcmd__{verb})\n            opts=\"");
        script.replace(&begin, &format!("{begin}$(_pgseal_run_ids) "))
    })
}

/// The script has no arguments but options; files are offered as ever.
fn fish(script: &str, take_runs: &[TakesRun]) -> String {
    let verbs: Vec<&str> = take_runs.iter().map(|one| one.verb).collect();
    let verbs = verbs.join(" ");
    format!(
        "{script}{FISH_RUN_IDS}complete -c pgseal -n \"__fish_pgseal_using_subcommand {verbs}\" -k -a \"(__fish_pgseal_run_ids)\" -d run\n"
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
    script.replacen("\n_pgseal() {\n", ZSH_RUN_IDS, 1)
}
