//! pgseal: a sealed backup of a narrow set of PostgreSQL tables, just before a risky write.
//!
//! A map for the newcomer. Data flows one way:
//!
//! ```text
//! cli → config → plan → pipeline → artifact → envelope, manifest → render
//!
//!  pg_dump ──pipe──▶ tap ──pipe──▶ gpg ──pipe──▶ hasher ──▶ .partial ──▶ fsync ──▶ rename ──▶ manifest
//!                    │ plaintext hash, rows a table, trailer    │ ciphertext hash, size, framing
//!                    └──────────── whole? ──────────────────────┘ only then the final name
//! ```
//!
//! | room | is for |
//! |---|---|
//! | [`cli`], [`names`], [`conninfo`], [`compression`] | what may be typed: one strict parser each |
//! | [`config`] | flags, environment, config file, dotenv → what is meant |
//! | [`tools`], [`spec`] | which program; a command as data, with one argv |
//! | [`pg`], [`gnupg`] | what the two worlds' commands, answers and streams look like: data only |
//! | [`pipeline`], [`watch`] | the only room that starts processes; what may stop them |
//! | [`inspect`], [`prepare`], [`plan`] | questions to this host; what will be done |
//! | [`seal`], [`store`] | the stream and its judges; files that are whole or not there |
//! | [`verify`], [`secret`] | what can be proved of an artifact; a passphrase by descriptor |
//! | [`patient`], [`random`] | reading what may never come; random bytes |
//! | [`retention`] | which runs are kept |
//! | [`envelope`], [`manifest`], [`record`] | what is returned and what is stored |
//! | [`restore`] | back into a database, from a stream that is taken for hostile |
//! | [`scratch`] | throw-away homes and clusters that are removed whatever happens |
//! | [`checks`] | the ten rows of a readiness report |
//! | [`commands`] | one file a verb |
//! | [`report`], [`render`], [`error`], [`exit`] | what was found; how it is said; the codes |

// The map is for who reads the source, and all rooms are private.
#![allow(rustdoc::private_intra_doc_links)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod checks;
mod cli;
mod commands;
mod compression;
mod config;
mod conninfo;
mod deflate;
mod envelope;
mod error;
mod exit;
mod gnupg;
mod inspect;
mod manifest;
mod names;
mod patient;
mod pg;
mod pipeline;
mod plan;
mod prepare;
mod random;
mod record;
mod render;
mod report;
mod restore;
mod retention;
mod scratch;
mod seal;
mod secret;
mod spec;
mod store;
mod tools;
mod verify;
mod watch;

use clap::Parser;
use cli::{Cli, Command};
use commands::Answer;
use config::{Config, Env};
use error::{Code, Error, Result};
use exit::Exit;
use render::progress::ProgressLine;
use std::ffi::OsString;
use std::process::ExitCode;
use watch::Watch;

/// Runs one command line in one environment, prints what it has to say, returns its exit code.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    vars: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let ours = || args.iter().take_while(|arg| *arg != "--");
    let asked_json = ours().any(|arg| arg == "--json");
    let parsed = Cli::try_parse_from(&args);
    let asked_guard = match &parsed {
        Ok(cli) => matches!(cli.command, Command::Guard(_)),
        Err(_) => commands::is_guard(ours()),
    };
    let exit = match parsed {
        Err(err) => render::usage(&err, asked_json),
        Ok(cli) => match dispatch(&cli, Env::new(vars)) {
            Ok(answer) => render::answer(&answer, cli.settings.json),
            Err(error) => render::error(&error, cli.settings.json),
        },
    };
    // Whatever of our own kept guard's COMMAND from running has one code that is not COMMAND's.
    let exit = match exit {
        Exit::Yes => exit,
        _ if asked_guard => Exit::NotRun,
        exit => exit,
    };
    ExitCode::from(exit.code())
}

fn dispatch(cli: &Cli, env: Env) -> Result<Answer> {
    let watch = Watch::install()
        .map_err(|err| Error::new(Code::StageFailed, format!("cannot take signals: {err}")))?;
    let json = cli.settings.json;
    let (config, broken) = Config::survey(&cli.settings, env)?;
    // What reports on this host must survive a setting that is wrong; what acts stops.
    let reports = matches!(cli.command, Command::Readiness(_) | Command::Preflight);
    if let Some(first) = broken.first().filter(|_| !reports) {
        return Err(first.error.clone());
    }
    let watch = watch.with_limit(config.timeout);
    match &cli.command {
        Command::Backup(args) => {
            let mut line = ProgressLine::new();
            commands::backup::run(args, &config, &watch, &mut |progress, estimate| {
                line.show(progress, estimate);
            })
        }
        Command::ProveMechanism(args) => {
            commands::prove_mechanism::run(args, &config, &watch, json)
        }
        Command::Verify(args) => commands::verify::run(args, &config, &watch, json),
        Command::Guard(args) => {
            let mut line = ProgressLine::new();
            let ready =
                commands::guard::prepare(args, &config, &watch, &mut |progress, estimate| {
                    line.show(progress, estimate);
                })?;
            drop(line);
            render::notes(&ready.notes);
            Err(ready.hand_over(&args.command, &config.env, &watch))
        }
        Command::Restore(args) => {
            commands::restore::run(args, &cli.settings, &config, &watch, json)
        }
        Command::ProveRestore(args) => commands::prove_restore::run(args, &config, &watch, json),
        Command::ProveBackup(args) => commands::prove_backup::run(args, &config, &watch, json),
        Command::List => commands::list::run(&config, json),
        Command::Prune(args) => commands::prune::run(args, &config, &watch, json),
        Command::Sign(args) => commands::sign::run(args, &config, &watch, json),
        Command::OperatorPackage(args) => Ok(commands::operator_package::run(args, &config)),
        Command::Readiness(args) => commands::readiness::run(args, &config, &broken, &watch, json),
        Command::Preflight => commands::readiness::preflight(&config, &broken, &watch, json),
    }
}
