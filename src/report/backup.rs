//! The summary of a backup.

use crate::base::text::{TABLE, bytes, counted, padded, plain, plural, thousands};
use crate::store::manifest::Manifest;

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
    for table in &manifest.tables {
        let rows = match table.kind.as_str() {
            "table" => format!("{} {}", thousands(table.rows), plural(&table.rows, "row")),
            kind => format!("({kind})"),
        };
        let table = padded(&table.table().to_string(), TABLE);
        lines.push(format!("  {table} {rows:>16}"));
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
