//! pgseal: a sealed backup of a narrow set of PostgreSQL tables, just before a risky write.
//!
//! Thirteen rooms on eight floors. A room imports only from the floors below it (`tests/tidy.rs` holds
//! every import against this table), so whoever reads from the bottom up never looks ahead.
//!
//! | floor | room | is for |
//! |---|---|---|
//! | 8 | [`commands`] | one verb a file: arguments in, the rooms in order, a report out |
//! | 7 | [`restore`] | into a database: target, transaction, omitted statements; the throw-away cluster |
//! | 7 | [`undo`] | a backup's rows beside the live ones: what changed since, and back to what it was |
//! | 6 | [`readiness`] | the ten rows of the audit, and the proof of the encryption mechanism |
//! | 6 | [`verify`] | what can be proved of an artifact: files, ciphertext, content, origin |
//! | 5 | [`backup`] | gathered facts, the plan, the encrypted dump and prelude, the manifest |
//! | 5 | [`report`] | every printed struct with its text beside it; the only room that prints |
//! | 4 | [`config`] | command line, environment, config file, dotenv: what the user means |
//! | 4 | [`store`] | files that are whole or not there; manifests, runs, retention |
//! | 3 | [`pg`] | PostgreSQL: argv of its tools, conninfo, catalog, the plain dump as it passes |
//! | 3 | [`gnupg`] | GnuPG: argv, key listing, status protocol, OpenPGP packets, keyrings |
//! | 2 | [`process`] | the only room that starts processes; signals and limits |
//! | 1 | [`base`] | names, errors, text, versions, threads, random bytes |
//!
//! A backup is one stream and one pass:
//!
//! ```text
//!  pg_dump ──pipe──▶ tap ──pipe──▶ gpg ──pipe──▶ sink ──▶ .partial ──▶ fsync ──▶ rename ──▶ manifest
//!                    │ plaintext hash, rows a table, trailer   │ ciphertext hash, size, framing
//!                    └──────────── whole? ─────────────────────┘ only then the final name
//! ```

// The map is for who reads the source, and all rooms are private.
#![allow(rustdoc::private_intra_doc_links)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod backup;
mod base;
mod commands;
mod config;
mod gnupg;
mod pg;
mod process;
mod readiness;
mod report;
mod restore;
mod store;
mod undo;
mod verify;

use base::env::Env;
use base::error::{Code, Error, Result};
use base::exit::Exit;
use base::threads::caught;
use config::cli::{Cli, Command};
use config::grammar;
use config::guard;
use config::settings::{Broken, Config};
use process::announce::announce_to;
use process::cancel::Cancel;
use process::foreground;
use report::print::{self, Answer, Form, Talk};
use report::progress::ProgressLine;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one command line in one environment, prints what it has to say, returns its exit code.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    vars: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let ours = || args.iter().take_while(|arg| *arg != "--");
    let form = |json: bool| if json { Form::Json } else { Form::Text };
    let asked = form(ours().any(|arg| arg == "--json"));
    let parsed = grammar::parse(&args);
    let refuses_with = match &parsed {
        Ok(cli) => match &cli.command {
            Command::Guard(guard) => Some(guard.refuse_exit),
            _ => None,
        },
        Err(_) => guard::refuses_with(ours()),
    };
    let env = Env::new(vars);
    let exit = caught(|| match parsed {
        Err(err) => print::usage(&err, asked),
        Ok(cli) => match dispatch(&cli, env) {
            Ok(answer) => print::answer(&answer, form(cli.settings.json), talk(&cli)),
            Err(error) => print::error(&error, form(cli.settings.json)),
        },
    })
    .unwrap_or_else(|bug| print::error(&bug, asked));
    // Whatever of our own kept guard's COMMAND from running has one code that is not COMMAND's.
    let exit = match (exit, refuses_with) {
        (Exit::Yes | Exit::Command(_) | Exit::CommandKilled(_), _) | (_, None) => exit,
        (_, Some(status)) => Exit::NotRun(status),
    };
    if let Exit::CommandKilled(signal) = exit {
        foreground::end_by(signal);
    }
    ExitCode::from(exit.code())
}

fn talk(cli: &Cli) -> Talk {
    if cli.settings.quiet {
        Talk::Nothing
    } else if cli.settings.verbose {
        Talk::Verbose
    } else {
        Talk::All
    }
}

fn dispatch(cli: &Cli, env: Env) -> Result<Answer> {
    if talk(cli) == Talk::Verbose {
        announce_to(print::started);
    }
    let cancel = Cancel::install()
        .map_err(|err| Error::new(Code::StageFailed, format!("cannot take signals: {err}")))?;
    let (config, broken) = Config::load(&cli.settings, env)?;
    // What reports on this host, or uses no setting, must survive one that is wrong; what acts stops.
    let reports = matches!(
        cli.command,
        Command::Readiness(_) | Command::Preflight | Command::Man(_) | Command::Completions(_)
    );
    let connects = cli.command.connects();
    let mut stops = broken.iter().filter(|one| connects || one.key != "dbname");
    if let Some(first) = stops.next().filter(|_| !reports) {
        return Err(first.error.clone().given(&config.given));
    }
    // At once, since what goes wrong later may be due to it. A report has them as evidence.
    if connects && !reports {
        print::notes(&print::warnings(&config.connection.passed_over), talk(cli));
    }
    let cancel = cancel.with_limit(config.timeout);
    act(cli, &config, &broken, &cancel).map_err(|error| error.given(&config.given))
}

fn act(cli: &Cli, config: &Config, broken: &[Broken], cancel: &Cancel) -> Result<Answer> {
    let line = ProgressLine::new(talk(cli));
    let meter = &line.meter;
    match &cli.command {
        Command::Backup(args) => commands::backup::run(args, config, cancel, meter),
        Command::ProveMechanism(args) => commands::prove_mechanism::run(args, config, cancel),
        Command::Verify(args) => commands::verify::run(args, config, cancel, meter),
        Command::Guard(args) => {
            let ready = commands::guard::prepare(args, config, cancel, meter)?;
            drop(line);
            print::notes(&ready.notes, talk(cli));
            ready.run(args.after, config, cancel)
        }
        Command::Restore(args) => {
            commands::restore::run(args, &cli.settings, config, cancel, meter)
        }
        Command::Diff(args) => commands::diff::run(args, &cli.settings, config, cancel, meter),
        Command::Undo(args) => commands::undo::run(args, &cli.settings, config, cancel, meter),
        Command::ProveRestore(args) => commands::prove_restore::run(args, config, cancel, meter),
        Command::ProveBackup(args) => commands::prove_backup::run(args, config, cancel, meter),
        Command::List => commands::list::run(config),
        Command::Prune(args) => commands::prune::run(args, config, cancel),
        Command::Sign(args) => commands::sign::run(args, config, cancel),
        Command::OperatorPackage(args) => Ok(commands::operator_package::run(args, config)),
        Command::Readiness(args) => {
            commands::readiness::run(args, &cli.settings, config, broken, cancel)
        }
        Command::Preflight => commands::readiness::preflight(config, broken, cancel),
        Command::Man(args) => commands::man::run(args),
        Command::Completions(args) => Ok(commands::completions::run(args)),
        Command::RunIds => commands::run_ids::run(config),
    }
}
