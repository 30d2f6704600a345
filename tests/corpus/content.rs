//! The rows of a backup's tables, compared by the names of their columns.

use crate::support::cluster;
use serde_json::Value;

/// Per table: how many rows, and a hash of them whatever their order and that of the columns. Per
/// sequence: where it stands.
const QUERY: &str = r#"
SELECT CASE c.relkind
  WHEN 'S' THEN format('SELECT %L, last_value, is_called FROM %s', i.identity, i.identity)
  ELSE format('SELECT %L, count(*), md5(coalesce(string_agg(r, E''\n'' ORDER BY r COLLATE "C"), '''')) FROM (
    SELECT ROW(%s)::text AS r FROM ONLY %s) AS t', i.identity || ' ' || coalesce(a.names, ''), coalesce(a.names, ''), i.identity)
  END
FROM json_array_elements(:'tables'::json) AS t(item)
JOIN pg_namespace n ON n.nspname::text = item ->> 'schema'
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname::text = item ->> 'name'
CROSS JOIN LATERAL pg_identify_object('pg_class'::regclass, c.oid, 0) AS i
CROSS JOIN LATERAL (
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute
  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS a(names)
ORDER BY i.identity \gexec
"#;

/// Of every relation that the manifest names.
pub fn content(db: &str, manifest: &Value) -> String {
    let tables = manifest["tables"].to_string().replace('\'', "''");
    // In a script a backslash of the value is psql's.
    let tables = tables.replace('\\', "\\\\");
    cluster().sql(db, &format!("\\set tables '{tables}'\n{QUERY}"))
}
