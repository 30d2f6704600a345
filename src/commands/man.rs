//! `pgseal man`: the manual, one page for each verb, made of what `--help` tells.

use crate::base::error::{Code, Error, Result};
use crate::base::version::PGSEAL;
use crate::config::grammar;
use crate::config::pages;
use crate::report::print::Answer;
use clap::Command;
use clap_mangen::Man;

pub(crate) fn run(args: &pages::Man) -> Result<Answer> {
    let mut command = grammar::command()
        .disable_help_subcommand(true)
        .subcommand_help_heading("COMMANDS")
        .override_usage("pgseal [OPTIONS] COMMAND")
        // Not with the commit: a page is of a version.
        .long_version(PGSEAL);
    command.build();
    let page = match &args.verb {
        None => {
            let page = page(command)?;
            page.replace("\n.SH EXTRA\nExit codes: ", "\n.SH \"EXIT STATUS\"\n")
        }
        Some(verb) => {
            let of_verb = command.find_subcommand(verb).cloned();
            let of_verb = of_verb.filter(|verb| !verb.is_hide_set()).ok_or_else(|| {
                Error::new(Code::Usage, format!("there is no verb `{verb}`"))
                    .hint("See `pgseal --help`.")
            })?;
            let page = page(of_verb)?;
            let page = page.replace("\n.SH EXTRA\nExample: ", "\n.SH EXAMPLE\n");
            format!("{page}.SH \"SEE ALSO\"\npgseal(1)\n")
        }
    };
    Ok(Answer::yes(page))
}

fn page(command: Command) -> Result<String> {
    let mut page = Vec::new();
    Man::new(command)
        .source(format!("pgseal {PGSEAL}"))
        .manual("pgseal")
        .render(&mut page)
        .map_err(|err| Error::new(Code::Output, format!("cannot make the page: {err}")))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
