//! Live tables beside a backup: what a write did is told, and taken back, or it is said beforehand
//! why not.

// How many were tried is told.
#![allow(clippy::print_stdout)]

mod apply;
mod beside;
mod cost;
pub mod counts;
mod damage;
mod encodings;
mod foreseen;
mod generator;
mod kinds;
mod later;
mod memory;
mod oracle;
mod page;
mod random;
mod reasons;
mod refused;
mod rights;
mod schemas;
mod stopped;
mod structure;
mod unfit;

use crate::restore::forge::secret;
use crate::support::{Pgseal, Test};
use serde_json::Value;

/// Of the run named `run`, with the secret key at hand.
pub fn diff(test: &Test) -> Pgseal<'_> {
    let diff = test.pgseal("diff").arg("run");
    diff.env("GNUPGHOME", secret())
}

/// Backs up these tables as the run named `run`.
pub fn backup(test: &Test, tables: &[&str]) {
    test.backup(tables).arg("--run-id=run").run().exits(0);
}

/// The same, its envelope kept in `kept.json`.
pub fn backup_kept(test: &Test, tables: &[&str]) {
    let ran = test.backup(tables).arg("--run-id=run").run().exits(0);
    test.write("kept.json", &ran.stdout);
}

/// Of the run named `run`, proved by the envelope that was kept.
pub fn undo(test: &Test) -> Pgseal<'_> {
    undo_of(test, "run").arg("--envelope=kept.json")
}

pub fn undo_of<'t>(test: &'t Test, run_id: &str) -> Pgseal<'t> {
    test.pgseal("undo").arg(run_id).env("GNUPGHOME", secret())
}

/// All rows of these tables, as text.
pub fn rows(test: &Test, tables: &[&str]) -> String {
    let rows = tables
        .iter()
        .map(|table| format!("SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t;"));
    test.sql(&rows.collect::<String>())
}

/// The table of this name in a report.
pub fn table<'v>(told: &'v Value, name: &str) -> &'v Value {
    let mut tables = told["tables"].as_array().unwrap().iter();
    tables.find(|table| table["table"] == name).unwrap()
}

/// A text of each item of a list.
pub fn texts<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item[key].as_str().unwrap()).collect()
}

/// All that was written since the backup, at once.
pub fn apply(test: &Test) -> Pgseal<'_> {
    undo(test).args(["--apply", "--later=overwrite"])
}
