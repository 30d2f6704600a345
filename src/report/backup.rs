//! The summary of a backup.

use crate::base::few::{Shown, few, joined};
use crate::base::text::{TABLE, bytes, counted, padded, plain, plural, thousands};
use crate::store::manifest::{Manifest, Table};

/// What an operator wants to read after a backup; `place` says where the rows are from.
pub(crate) fn summary(manifest: &Manifest, place: &str) -> Vec<String> {
    let mut lines = vec![format!(
        "sealed run {}: {}, {} {}, {} of SQL in {} encrypted, {:.1} s",
        manifest.run_id,
        kinds(&manifest.tables),
        thousands(manifest.rows()),
        plural(&manifest.rows(), "row"),
        bytes(manifest.plaintext.size_bytes),
        bytes(manifest.envelope.size_bytes),
        manifest.timing.seconds
    )];
    lines.push(format!("  from {}", plain(place)));
    for shown in few(&manifest.tables, |a, b| a.target == b.target) {
        let (name, rows) = match shown {
            Shown::One(table) if table.stores_rows() => (table.table().to_string(), rows(&[table])),
            Shown::One(table) => (table.table().to_string(), format!("({})", table.kind)),
            Shown::Rest(rest) => {
                let all: Vec<&Table> = rest.iter().collect();
                let of = all.first().map_or("", |table| &table.target);
                let more = thousands(all.len() as u64);
                (format!("… and {more} more of {of}"), rows(&all))
            }
        };
        lines.push(format!("  {} {rows:>16}", padded(&name, TABLE)));
    }
    let recipients = manifest.recipients.iter().map(|r| {
        let expiry = r.expires_at.as_deref().unwrap_or("never");
        format!(
            "  for key {} ({}, expires {expiry})",
            r.fingerprint, r.algorithm
        )
    });
    lines.extend(recipients);
    lines.push(format!(
        "  artifact {}",
        plain(&manifest.envelope.artifact_ref)
    ));
    lines
}

/// As many as are listed: `5 tables, 1 partitioned table`.
fn kinds(tables: &[Table]) -> String {
    let mut kinds: Vec<&str> = vec!["table"];
    for table in tables {
        if !kinds.contains(&&*table.kind) {
            kinds.push(&table.kind);
        }
    }
    let told = kinds.into_iter().filter_map(|kind| {
        let count = tables.iter().filter(|table| table.kind == kind).count();
        (count > 0).then(|| counted(count, kind))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// What a dry run found, for a person; the whole of it is in its JSON.
pub(crate) struct Planned<'a> {
    pub run_id: &'a str,
    pub place: String,
    /// As configured.
    pub tables: Vec<String>,
    /// With partitions and children.
    pub relations: usize,
    pub recipients: Vec<String>,
    pub artifact: &'a str,
    pub dump: String,
    pub encrypt: String,
    /// Where a signing key is set.
    pub sign: Option<String>,
}

impl Planned<'_> {
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "plan of run {}, of which nothing is dumped or written:",
                self.run_id
            ),
            format!("  from {}", plain(&self.place)),
            format!(
                "  {}{}: {}",
                counted(self.tables.len(), "table"),
                match self.relations {
                    n if n == self.tables.len() => String::new(),
                    n => format!(" ({n} with partitions and children)"),
                },
                plain(&joined(&self.tables, ", "))
            ),
        ];
        let keys = self.recipients.iter();
        lines.extend(keys.map(|fingerprint| format!("  for key {fingerprint}")));
        lines.push(format!("  artifact {}", plain(self.artifact)));
        lines.push(format!("  dump: {}", plain(&self.dump)));
        lines.push(format!("  encrypt: {}", plain(&self.encrypt)));
        let sign = self.sign.iter();
        lines.extend(sign.map(|sign| format!("  sign: {}", plain(sign))));
        lines
    }
}

fn rows(of: &[&Table]) -> String {
    let all = of.iter().map(|table| table.rows);
    let all = all.fold(0, u64::saturating_add);
    format!("{} {}", thousands(all), plural(&all, "row"))
}
