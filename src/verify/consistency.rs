//! Whether a manifest agrees with itself and with the files that it lies beside. It may have been
//! written by anybody, so nothing in it is used before this has been asked.

use crate::base::names::{Fingerprint, TableName};
use crate::base::text::counted;
use crate::gnupg::compression::Compression;
use crate::gnupg::packet_reader::KeyId;
use crate::pg::identifier;
use crate::store::manifest::Manifest;
use crate::store::run_files::RunFile;
use crate::verify::artifact_files::ArtifactFiles;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;

/// What it says of itself, or all that is wrong with it.
pub(crate) fn consistent(manifest: &Manifest, subject: &ArtifactFiles) -> Result<String, String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, why: String| {
        if !holds {
            wrong.push(why);
        }
    };
    let run_id = subject.run_id();
    must(
        run_id.as_deref() == Some(&manifest.run_id),
        format!(
            "it is of run `{}`, not `{}`",
            manifest.run_id,
            run_id.unwrap_or_default()
        ),
    );
    let envelope = &manifest.envelope;
    let said = Path::new(&envelope.artifact_ref).file_name();
    must(
        said.and_then(|name| name.to_str()) == Some(subject.file_name()),
        format!("its artifact is `{}`", envelope.artifact_ref),
    );
    for (hash, of) in [
        (&envelope.sha256, "artifact"),
        (&manifest.plaintext.sha256, "plaintext"),
    ] {
        must(is_sha256(hash), format!("its {of}'s sha256 is {hash:?}"));
    }
    must(
        manifest.created_at.parse::<Timestamp>().is_ok(),
        format!("its created_at is {:?}", manifest.created_at),
    );
    match Compression::parse(&manifest.compression) {
        Ok(compression) => must(
            RunFile::artifact(compression).is(subject.file_name()),
            format!("{compression} makes another file name"),
        ),
        Err(why) => must(false, why),
    }
    let first = manifest.recipients.first();
    must(
        first.is_some_and(|first| first.fingerprint == envelope.gpg_fpr),
        format!(
            "its envelope's recipient {} is not its first recipient",
            envelope.gpg_fpr
        ),
    );
    for recipient in &manifest.recipients {
        for fpr in [&recipient.fingerprint, &recipient.encryption_subkey] {
            let spelt = Fingerprint::parse(fpr).is_ok_and(|parsed| parsed.as_str() == fpr);
            must(spelt, format!("{fpr:?} is not a fingerprint"));
        }
    }
    for (what, file, said) in [
        ("prelude", RunFile::Prelude, &manifest.prelude),
        ("late file", RunFile::Late, &manifest.late),
    ] {
        let Some(said) = said else { continue };
        let name = file.of(&manifest.run_id);
        must(
            said.file == name,
            format!("its {what} is {:?}, not {name}", said.file),
        );
        must(
            is_sha256(&said.sha256),
            format!("its {what}'s sha256 is {:?}", said.sha256),
        );
    }
    must(!manifest.tables.is_empty(), "it names no table".into());
    let mut seen = BTreeSet::new();
    for table in &manifest.tables {
        let name = table.table();
        must(
            TableName::parse(&table.target).is_ok(),
            format!(
                "`{name}`: its target {:?} is not a table's name",
                table.target
            ),
        );
        must(
            table.stores_rows() || (table.rows, table.bytes) == (0, 0),
            format!("`{name}`, a {}, cannot have rows", table.kind),
        );
        must(
            table.bytes >= table.rows,
            format!("`{name}`: more rows than bytes"),
        );
        must(
            seen.insert(name.clone()),
            format!("`{name}` is in it twice"),
        );
    }
    // A restore leaves out what leads beyond the tables, where it is told to.
    let beyond = ["foreign_key", "table", "partitioned_table"];
    for reference in &manifest.external_references {
        let name = identifier::relation(&reference.name).filter(|name| seen.contains(name));
        must(
            name.is_none() || !beyond.contains(&&*reference.kind),
            format!("`{}` is in it, and an external reference", reference.name),
        );
    }
    let of_tables = manifest.tables.iter().map(|table| table.bytes);
    must(
        of_tables.fold(0, u64::saturating_add) < manifest.plaintext.size_bytes,
        "its tables are larger than its plaintext".into(),
    );
    if wrong.is_empty() {
        Ok(format!(
            "schema and contents agree: {}, {}, {}",
            counted(manifest.tables.len(), "relation"),
            counted(manifest.rows(), "row"),
            counted(manifest.recipients.len(), "recipient")
        ))
    } else {
        Err(wrong.join("; "))
    }
}

fn is_sha256(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == 64 && text.bytes().all(digit)
}

/// The key ids that its ciphertexts must name, sorted; none where one of them cannot be.
pub(crate) fn key_ids(manifest: &Manifest) -> Vec<KeyId> {
    let ids = manifest.recipients.iter();
    let ids = ids.map(|recipient| KeyId::of_fingerprint(&recipient.encryption_subkey));
    let mut ids = ids.collect::<Option<Vec<_>>>().unwrap_or_default();
    ids.sort_unstable();
    ids
}
