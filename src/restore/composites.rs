//! Values of composite types: text that lists their columns' values by place and names none, so
//! that another order of columns gives them another meaning, and no text differs.

use crate::base::error::{Code, Error};
use crate::base::names::literal;
use crate::process::flow::StreamError;
use crate::store::manifest::Manifest;

/// An expression that tells the manifest's composite types whose columns stand otherwise in the
/// target than they did in the source, by their numbers from 1.
pub(crate) fn moved(manifest: &Manifest) -> String {
    let sealed = serde_json::json!(manifest.composites).to_string();
    let encoding = manifest.plaintext.encoding;
    let sealed = if encoding.spells_names_as_utf8(&manifest.server.encoding) {
        literal(&sealed)
    } else {
        unicode(&sealed)
    };
    // Temporary tables and types shadow others, functions and operators nothing.
    format!(
        "(SELECT coalesce(string_agg(w.at::pg_catalog.text, ' ' ORDER BY w.at), '')
 FROM json_array_elements({sealed}::pg_catalog.json) WITH ORDINALITY AS w(item, at)
 WHERE ARRAY(SELECT json_array_elements_text(w.item->'columns')) <> ARRAY(
  SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.typrelid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname::pg_catalog.text = w.item->>'schema' AND t.typname::pg_catalog.text = w.item->>'name'
  AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum))"
    )
}

/// A string as SQL quotes it in ASCII, whatever the encoding of the session.
fn unicode(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '\\' => "\\\\".into(),
        c if c.is_ascii() => c.to_string(),
        c => format!("\\+{:06x}", u32::from(c)),
    });
    format!("U&{}", literal(&escaped.collect::<String>()))
}

/// Refuses values of the types that were told: they would mean something else.
pub(crate) fn check(told: Option<&str>, manifest: &Manifest) -> Result<(), StreamError> {
    if told == Some("") {
        return Ok(());
    }
    let numbers = told.unwrap_or_default().split(' ');
    let named = numbers.filter_map(|number| {
        let at = number.parse::<usize>().ok()?.checked_sub(1)?;
        Some(manifest.composites.get(at)?.name.to_string())
    });
    let types = match &named.collect::<Vec<_>>()[..] {
        [] => "composite types".into(),
        named => named.join(", "),
    };
    let what = format!(
        "values of {types} would be read in another order: the columns stand otherwise in the target than in the source"
    );
    Err(StreamError::Rejected(Error::new(Code::NotVerified, what).hint(
        "Such a value is text that names no column. Where the target has the type already, make it there \
         as it is in the source. Of a child table whose columns stand otherwise than its parents' say, \
         pg_dump makes another order: keep its row in no column, or give the child that order.",
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_in_ascii() {
        assert_eq!(
            unicode("a'\\ö水🦭"),
            "U&'a''\\\\\\+0000f6\\+006c34\\+01f9ad'"
        );
    }
}
