-- What a restore must know of its target, in a transaction of pg/session.rs: read only, pg_catalog only.
-- psql variables: tables, a JSON list of {"schema", "name"}; references, one of {"kind", "name", "needed_by"};
-- lc_monetary, a locale; HOST and PORT, which psql sets itself; no_locale, whether the server's host lacks it.
SET LOCAL statement_timeout = '60s';
-- The names of all relations are looked up by hash only where they fit in memory.
SET LOCAL work_mem = '64MB';
-- References are named as pg/closure/answer.sql names them. To look a name up by to_regclass and the like is
-- an error where its schema, or a type of its arguments, is not there.
WITH relation(name) AS (
  SELECT (pg_identify_object('pg_class'::regclass, oid, 0)).identity FROM pg_class
)
SELECT json_build_object(
  'version', current_setting('server_version'),
  'version_num', current_setting('server_version_num')::int,
  'database', current_database(),
  'encoding', current_setting('server_encoding'),
  'server_started', date_part('epoch', pg_postmaster_start_time())::text,
  'lock_table', json_build_object(
    'max_locks_per_transaction', current_setting('max_locks_per_transaction')::int,
    'transactions', current_setting('max_connections')::int
      + current_setting('max_prepared_transactions')::int),
  'temporary', has_database_privilege(current_database(), 'TEMPORARY'),
  'options', current_setting('pgseal.options', true),
  'user', current_user,
  'host', :'HOST',
  'port', :'PORT',
  'system_identifier', CASE
    WHEN has_function_privilege('pg_control_system()', 'EXECUTE')
    THEN (SELECT system_identifier::text FROM pg_control_system()) END,
  'existing', (
    SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname) ORDER BY t.ord), '[]')
    FROM json_array_elements(:'tables'::json) WITH ORDINALITY AS t(item, ord)
    JOIN pg_namespace n ON n.nspname::text = t.item->>'schema'
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname::text = t.item->>'name'),
  'sequences', (
    SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname)), '[]')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S'),
  'settings', (SELECT json_agg(name) FROM pg_settings),
  -- what others will get on every table and sequence that this role creates
  'default_privileges', (
    SELECT coalesce(json_agg(json_build_object('kind', x.kind, 'schema', x.schema, 'grantee', x.grantee,
      'privileges', x.privileges) ORDER BY x.kind, x.schema, x.grantee), '[]')
    FROM (
      SELECT CASE d.defaclobjtype WHEN 'r' THEN 'table' ELSE 'sequence' END, n.nspname,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END,
        string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
      FROM pg_default_acl d CROSS JOIN aclexplode(d.defaclacl) a
      LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
      WHERE d.defaclrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)
        AND d.defaclobjtype IN ('r', 'S') AND a.grantee <> d.defaclrole
        AND (n.oid IS NULL OR n.nspname::text IN (
          SELECT item->>'schema' FROM json_array_elements(:'tables'::json) AS t(item)))
      GROUP BY 1, 2, 3) AS x(kind, schema, grantee, privileges)),
  -- to own for another takes SET, which MEMBER was before version 16
  'others', (
    SELECT coalesce(json_agg(item->>'kind' = 'role' AND item->>'needed_by' LIKE 'owner of %' AND EXISTS (
        SELECT FROM pg_roles WHERE quote_ident(rolname) = item->>'name' AND NOT pg_has_role(oid,
          CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END))
      ORDER BY ord), '[]')
    FROM json_array_elements(:'references'::json) WITH ORDINALITY AS t(item, ord)),
  'references', (
    SELECT coalesce(json_agg(CASE item->>'kind'
      WHEN 'role' THEN EXISTS (SELECT FROM pg_roles WHERE quote_ident(rolname) = item->>'name')
      WHEN 'tablespace' THEN EXISTS (SELECT FROM pg_tablespace WHERE quote_ident(spcname) = item->>'name')
      WHEN 'extension' THEN
        EXISTS (SELECT FROM pg_available_extensions WHERE quote_ident(name) = item->>'name')
      WHEN 'locale' THEN item->>'name' = :'lc_monetary' AND :'no_locale' = 'false'
      WHEN 'foreign_key' THEN item->>'name' IN (SELECT name FROM relation)
      WHEN 'table' THEN item->>'name' IN (SELECT name FROM relation)
      WHEN 'partitioned_table' THEN item->>'name' IN (SELECT name FROM relation)
      WHEN 'view' THEN item->>'name' IN (SELECT name FROM relation)
      WHEN 'materialized_view' THEN item->>'name' IN (SELECT name FROM relation)
      WHEN 'foreign_table' THEN item->>'name' IN (SELECT name FROM relation)
      WHEN 'sequence' THEN item->>'name' IN (SELECT name FROM relation)
      WHEN 'schema' THEN item->>'name' IN (SELECT quote_ident(nspname) FROM pg_namespace)
      WHEN 'collation' THEN item->>'name' IN (
        SELECT (pg_identify_object('pg_collation'::regclass, oid, 0)).identity FROM pg_collation)
      WHEN 'type' THEN item->>'name' IN (
        SELECT (pg_identify_object('pg_type'::regclass, oid, 0)).identity FROM pg_type)
      WHEN 'function' THEN item->>'name' IN (
        SELECT (pg_identify_object('pg_proc'::regclass, oid, 0)).identity FROM pg_proc)
      WHEN 'search_path' THEN false -- it is empty in every restore
      END ORDER BY ord), '[]')
    FROM json_array_elements(:'references'::json) WITH ORDINALITY AS t(item, ord))
);
