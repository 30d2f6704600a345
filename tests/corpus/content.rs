//! The rows of a backup's tables, compared by the names of their columns.

use crate::support::cluster;
use serde_json::Value;

/// Per table: how many rows, and a hash of them whatever their order and that of the columns. Per
/// sequence: where it stands. Which partition a row is in is compared but for enumerations, which
/// hash by a number that a restore does not keep: there the root is compared, with all below it.
const QUERY: &str = r#"
SELECT CASE CASE WHEN hashed.found AND c.relkind = 'r' THEN 'h' ELSE c.relkind END
  WHEN 'h' THEN format('SELECT %L', i.identity)
  WHEN 'S' THEN format('SELECT %L, last_value, is_called FROM %s', i.identity, i.identity)
  ELSE format('SELECT %L, count(*), md5(coalesce(string_agg(r, E''\n'' ORDER BY r COLLATE "C"), '''')) FROM (
    SELECT ROW(%s)::text AS r FROM %s %s) AS t', i.identity || ' ' || coalesce(a.names, ''), coalesce(a.names, ''),
    CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY' END, i.identity)
  END
FROM json_array_elements(:'tables'::json) AS t(item)
JOIN pg_namespace n ON n.nspname::text = item ->> 'schema'
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname::text = item ->> 'name'
CROSS JOIN LATERAL pg_identify_object('pg_class'::regclass, c.oid, 0) AS i
CROSS JOIN LATERAL (
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute
  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS a(names)
CROSS JOIN LATERAL (
  SELECT count(*) > 0 FROM pg_partition_ancestors(c.oid) AS p(root)
  JOIN pg_partitioned_table t ON t.partrelid = p.root AND t.partstrat = 'h'
  JOIN pg_attribute k ON k.attrelid = p.root AND k.attnum = ANY (t.partattrs)
  JOIN pg_type y ON y.oid = k.atttypid AND y.typtype = 'e') AS hashed(found)
ORDER BY i.identity \gexec
"#;

/// Of every relation that the manifest names.
pub fn content(db: &str, manifest: &Value) -> String {
    let tables = manifest["tables"].to_string().replace('\'', "''");
    // In a script a backslash of the value is psql's.
    let tables = tables.replace('\\', "\\\\");
    cluster().sql(db, &format!("\\set tables '{tables}'\n{QUERY}"))
}
