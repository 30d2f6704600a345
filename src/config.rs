//! Command line, environment, config file and dotenv: what the user means.

pub(crate) mod cli;
pub(crate) mod condition;
pub(crate) mod connection;
pub(crate) mod dotenv;
pub(crate) mod file;
pub(crate) mod flags;
pub(crate) mod given;
pub(crate) mod grammar;
pub(crate) mod guard;
pub(crate) mod operator;
pub(crate) mod pages;
pub(crate) mod recipients;
pub(crate) mod scope;
pub(crate) mod settings;
pub(crate) mod signing;
pub(crate) mod trusted;
pub(crate) mod undo;
