//! The only room that starts processes: commands as data, pipes between them, signals and limits.

pub(crate) mod announce;
pub(crate) mod ask;
pub(crate) mod cancel;
pub(crate) mod child;
pub(crate) mod command;
pub(crate) mod exec;
pub(crate) mod find;
pub(crate) mod flow;
pub(crate) mod foreground;
pub(crate) mod interruptible;
pub(crate) mod leader;
pub(crate) mod output;
pub(crate) mod pair;
pub(crate) mod passphrase;
pub(crate) mod pipe;
pub(crate) mod root_cause;
pub(crate) mod run;
pub(crate) mod service;
pub(crate) mod stage;
pub(crate) mod status_lines;
pub(crate) mod stderr;
pub(crate) mod supervisor;
pub(crate) mod tether;
pub(crate) mod tty;
