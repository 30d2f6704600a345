//! A run that is complete, and what is known of it beside its files.

use crate::backup::restorability::Restorability;
use crate::base::error::{Code, Error, Result};
use crate::base::names::TableName;
use crate::gnupg::signer::Signer;
use crate::pg::connection::Connection;
use crate::pg::mark::Mark;
use crate::pg::place::Place;
use crate::report::backup::summary;
use crate::report::print;
use crate::store::manifest::Manifest;

/// A finished run, and what the operator should be warned of.
pub(crate) struct FinishedBackup {
    pub manifest: Manifest,
    /// Where the rows are from.
    pub place: Place,
    /// As configured.
    pub targets: Vec<TableName>,
    pub connection: Connection,
    /// None where manifests are not signed.
    pub signer: Option<Signer>,
    pub warnings: Vec<String>,
    pub restorability: Restorability,
}

impl FinishedBackup {
    /// Warnings, the summary for an operator, and what a restore would miss.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = print::warnings(&self.warnings);
        notes.extend(summary(&self.manifest, &self.place.to_string()));
        let whole = "external_references in the manifest lists all";
        notes.extend(self.restorability.notes(whole));
        notes
    }

    /// The mark before the dump.
    pub(crate) fn since(&self) -> Result<&Mark> {
        let none = || Error::new(Code::NotVerified, "the manifest has no mark");
        self.manifest.mark.as_ref().ok_or_else(none)
    }

    /// Rows of a target, with those of its partitions and children.
    pub(crate) fn rows(&self, target: &TableName) -> u64 {
        let name = target.to_string();
        let tables = self.manifest.tables.iter();
        let its = tables.filter(|table| table.target == name);
        its.map(|table| table.rows).sum()
    }

    pub(crate) fn kept(&self) -> String {
        format!(
            "the backup is kept: `{}`",
            self.manifest.envelope.artifact_ref
        )
    }
}
