-- What a restore must know of its target. Read only, pg_catalog only.
-- psql variables: tables, a JSON list of {"schema", "name"}; references, one of {"kind", "name"}.
SET search_path = pg_catalog;
SET statement_timeout = '60s';
BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT json_build_object(
  'version', current_setting('server_version'),
  'version_num', current_setting('server_version_num')::int,
  'database', current_database(),
  'user', current_user,
  'system_identifier', CASE
    WHEN has_function_privilege('pg_control_system()', 'EXECUTE')
    THEN (SELECT system_identifier::text FROM pg_control_system()) END,
  'existing', (
    SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname) ORDER BY t.ord), '[]')
    FROM json_array_elements(:'tables'::json) WITH ORDINALITY AS t(item, ord)
    JOIN pg_namespace n ON n.nspname::text = t.item->>'schema'
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname::text = t.item->>'name'),
  'references', (
    SELECT coalesce(json_agg(CASE item->>'kind'
      WHEN 'role' THEN EXISTS (SELECT FROM pg_roles WHERE quote_ident(rolname) = item->>'name')
      WHEN 'tablespace' THEN EXISTS (SELECT FROM pg_tablespace WHERE quote_ident(spcname) = item->>'name')
      WHEN 'extension' THEN
        EXISTS (SELECT FROM pg_available_extensions WHERE quote_ident(name) = item->>'name')
      WHEN 'foreign_key' THEN to_regclass(item->>'name') IS NOT NULL
      WHEN 'table' THEN to_regclass(item->>'name') IS NOT NULL
      WHEN 'view' THEN to_regclass(item->>'name') IS NOT NULL
      WHEN 'materialized_view' THEN to_regclass(item->>'name') IS NOT NULL
      WHEN 'foreign_table' THEN to_regclass(item->>'name') IS NOT NULL
      WHEN 'sequence' THEN to_regclass(item->>'name') IS NOT NULL
      WHEN 'type' THEN to_regtype(item->>'name') IS NOT NULL
      WHEN 'function' THEN to_regprocedure(item->>'name') IS NOT NULL
      END ORDER BY ord), '[]')
    FROM json_array_elements(:'references'::json) WITH ORDINALITY AS t(item, ord))
);
COMMIT;
