//! The summary of a backup.

use crate::base::few::{Shown, few};
use crate::base::text::{TABLE, bytes, counted, padded, plain, plural, thousands};
use crate::store::manifest::{Manifest, Table};

/// What an operator wants to read after a backup; `place` says where the rows are from.
pub(crate) fn summary(manifest: &Manifest, place: &str) -> Vec<String> {
    let tables = manifest.stored().count();
    let mut lines = vec![format!(
        "sealed run {}: {}, {} {}, {} of SQL in {} encrypted, {:.1} s",
        manifest.run_id,
        counted(tables, "table"),
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

fn rows(of: &[&Table]) -> String {
    let all = of.iter().map(|table| table.rows);
    format!("{} rows", thousands(all.fold(0, u64::saturating_add)))
}
