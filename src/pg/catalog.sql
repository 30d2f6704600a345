-- What the server, the role and the catalog say of the target tables, in a transaction of
-- session.rs: read only, pg_catalog only (information_schema hides what the role may not see), and no size functions: those wait
-- behind an exclusive lock, relpages does not.
-- psql variables: targets, a JSON list of {"schema", "name"}; lock_timeout and
-- statement_timeout, in milliseconds; HOST and PORT, which psql sets itself; mark, by mark.sql.
SET LOCAL lock_timeout = :lock_timeout;
SET LOCAL statement_timeout = :statement_timeout;
WITH RECURSIVE target AS (
  SELECT t.ord::int AS ord, t.item->>'schema' AS schema, t.item->>'name' AS name
  FROM jsonb_array_elements(:'targets'::jsonb) WITH ORDINALITY AS t(item, ord)
), found AS (
  SELECT target.ord, n.oid AS nsp, c.oid AS rel
  FROM target
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname::text = target.schema
  -- A longer name would be cut to fit, and find another table.
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = target.name::name
    AND octet_length(target.name) < 64
), tree(ord, rel) AS (
  SELECT ord, rel FROM found WHERE rel IS NOT NULL
  UNION
  SELECT tree.ord, i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.rel
), part(ord, rel) AS (
  -- a child of two targets is the first one's; one that is a target itself is told with each
  SELECT min(ord), rel FROM tree GROUP BY rel
  UNION
  SELECT ord, rel FROM tree WHERE rel IN (SELECT rel FROM found)
), held(typ) AS (
  -- the types of the columns, and what these are made of: elements, base types, bounds, columns
  SELECT a.atttypid FROM part
  JOIN pg_catalog.pg_attribute a ON a.attrelid = part.rel AND a.attnum > 0
  WHERE a.atttypid >= 16384
  UNION
  SELECT made.typ FROM held
  JOIN pg_catalog.pg_type t ON t.oid = held.typ
  CROSS JOIN LATERAL (
    SELECT t.typelem UNION ALL SELECT t.typbasetype
    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r
      -- which version 13 has not
      WHERE t.oid::text IN (r.rngtypid::text, pg_catalog.to_jsonb(r)->>'rngmultitypid')
    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = t.typrelid AND a.attnum > 0
  ) AS made(typ)
  WHERE made.typ >= 16384
)
SELECT pg_catalog.json_build_object(
  'session', pg_catalog.json_build_object(
    'default_transaction_read_only', pg_catalog.current_setting('default_transaction_read_only'),
    'transaction_read_only', pg_catalog.current_setting('transaction_read_only'),
    'transaction_id', pg_catalog.txid_current_if_assigned()::text,
    'options', pg_catalog.current_setting('pgseal.options', true),
    'passes_over_damage', (
      SELECT coalesce(pg_catalog.json_agg(name), '[]')
      FROM pg_catalog.unnest(ARRAY['zero_damaged_pages', 'ignore_checksum_failure']) AS name
      WHERE pg_catalog.current_setting(name) = 'on'),
    'user', current_user,
    'host', :'HOST',
    'port', :'PORT',
    'psql', :VERSION_NUM,
    'replay', CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.json_build_object(
      'last_transaction', pg_catalog.to_char(
        pg_catalog.pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      'paused', pg_catalog.pg_is_wal_replay_paused()) END
  ),
  'mark', :'mark'::json,
  'server', (
    SELECT pg_catalog.json_build_object(
      'version', pg_catalog.current_setting('server_version'),
      'version_num', pg_catalog.current_setting('server_version_num')::int,
      'database', d.datname,
      'system_identifier', CASE
        WHEN pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
        THEN (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) END,
      'encoding', pg_catalog.pg_encoding_to_char(d.encoding),
      'superuser', pg_catalog.pg_get_userbyid(10),
      'lc_collate', d.datcollate,
      'lc_ctype', d.datctype,
      'lc_monetary', pg_catalog.current_setting('lc_monetary'),
      'lock_table', pg_catalog.json_build_object(
        'max_locks_per_transaction', pg_catalog.current_setting('max_locks_per_transaction')::int,
        'transactions', pg_catalog.current_setting('max_connections')::int
          + pg_catalog.current_setting('max_prepared_transactions')::int))
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
  ),
  'targets', (
    SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'schema_exists', found.nsp IS NOT NULL,
      'oid', found.rel::bigint) ORDER BY found.ord), '[]')
    FROM found
  ),
  'composites', (
    SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'schema', n.nspname, 'name', t.typname, 'columns', ARRAY(
        SELECT a.attname::text FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
      ) ORDER BY n.nspname, t.typname), '[]')
    FROM held
    JOIN pg_catalog.pg_type t ON t.oid = held.typ AND t.typrelid <> 0
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  ),
  'relations', (
    SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'target', part.ord - 1,
      'oid', c.oid::bigint,
      'schema', n.nspname,
      'name', c.relname,
      'kind', c.relkind,
      'temporary', c.relpersistence = 't',
      'usage', pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
      'select', pg_catalog.has_table_privilege(c.oid, 'SELECT'),
      'row_security', pg_catalog.row_security_active(c.oid),
      'row_security_forced', c.relforcerowsecurity,
      'owner', pg_catalog.pg_get_userbyid(c.relowner),
      'schema_owner', pg_catalog.pg_get_userbyid(coalesce(
        -- pg_database_owner, as whom nobody can connect
        (SELECT db.datdba FROM pg_catalog.pg_database db WHERE n.nspowner = 6171
          AND db.datname = pg_catalog.current_database()), n.nspowner)),
      'extension', (
        SELECT e.extname FROM pg_catalog.pg_depend x
        JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
        WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = c.oid
          AND x.refclassid = 'pg_catalog.pg_extension'::regclass AND x.deptype = 'e' LIMIT 1),
      -- those that it owns, and those that nobody owns and a default of it names
      'unreadable_sequences', (
        SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
          'schema', sn.nspname, 'name', s.relname,
          'usage', pg_catalog.has_schema_privilege(sn.oid, 'USAGE'),
          'select', pg_catalog.has_table_privilege(s.oid, 'SELECT'),
          'owner', pg_catalog.pg_get_userbyid(s.relowner),
          'schema_owner', pg_catalog.pg_get_userbyid(coalesce(
            (SELECT db.datdba FROM pg_catalog.pg_database db WHERE sn.nspowner = 6171
              AND db.datname = pg_catalog.current_database()), sn.nspowner)))
          ORDER BY sn.nspname, s.relname), '[]')
        FROM (
          SELECT x.objid FROM pg_catalog.pg_depend x
          WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.deptype IN ('a', 'i')
            AND x.refclassid = 'pg_catalog.pg_class'::regclass AND x.refobjid = c.oid
            AND x.refobjsubid > 0
          UNION
          -- OFFSET 0 keeps each step apart: else all defaults of the database are read for each table
          SELECT x.refobjid
          FROM (SELECT d.oid FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid OFFSET 0) d
          CROSS JOIN LATERAL (
            SELECT x.refobjid FROM pg_catalog.pg_depend x
            WHERE x.classid = 'pg_catalog.pg_attrdef'::regclass AND x.objid = d.oid
              AND x.refclassid = 'pg_catalog.pg_class'::regclass OFFSET 0) x
          WHERE NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend o
            WHERE o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = x.refobjid
              AND o.refclassid = 'pg_catalog.pg_class'::regclass AND o.deptype IN ('a', 'i'))
        ) AS q(oid)
        JOIN pg_catalog.pg_class s ON s.oid = q.oid AND s.relkind = 'S'
        JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
        WHERE NOT (pg_catalog.has_table_privilege(s.oid, 'SELECT')
          AND pg_catalog.has_schema_privilege(sn.oid, 'USAGE'))),
      -- each takes a lock where it is created: the table, its TOAST table with its index, indexes, sequences
      'locks', 1 + CASE WHEN c.reltoastrelid <> 0 THEN 2 ELSE 0 END
        + (SELECT count(*) FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid)
        + (SELECT count(*) FROM pg_catalog.pg_depend x
          JOIN pg_catalog.pg_class s ON s.oid = x.objid AND s.relkind = 'S'
          WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.deptype IN ('a', 'i')
            AND x.refclassid = 'pg_catalog.pg_class'::regclass AND x.refobjid = c.oid
            AND x.refobjsubid > 0),
      'rows_estimate', greatest(c.reltuples, 0)::bigint,
      'bytes_estimate', (greatest(c.relpages, 0)::bigint + coalesce((
          SELECT greatest(t.relpages, 0) FROM pg_catalog.pg_class t WHERE t.oid = c.reltoastrelid
        ), 0)::bigint) * pg_catalog.current_setting('block_size')::bigint
      ) ORDER BY part.ord, c.oid <> found.rel, n.nspname, c.relname, c.oid), '[]')
    FROM part
    JOIN found ON found.ord = part.ord
    JOIN pg_catalog.pg_class c ON c.oid = part.rel
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  )
);
