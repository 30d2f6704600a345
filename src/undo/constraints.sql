-- What a server holds against each row that is written to a table, in a session without a search path.
-- psql reads it as it stands: __ROOT__ is the table's oid.
WITH RECURSIVE tree(oid) AS (
  SELECT __ROOT__::oid
  UNION ALL
  SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid
  JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
), member AS MATERIALIZED (
  SELECT t.oid, c.relkind, t.oid = __ROOT__ AS root, pg_get_partition_constraintdef(t.oid) AS takes,
    json_build_object('schema', n.nspname, 'name', c.relname) AS name
  FROM tree t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace
), found(kind, name, takes, by, columns, test, opaque) AS (
  -- of a partition only what is its own
  SELECT 'check', m.name, CASE WHEN NOT m.root THEN m.takes END, k.conname::text,
    (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = m.oid AND a.attnum = ANY (k.conkey)),
    pg_get_expr(k.conbin, k.conrelid),
    -- the whole row, or what a later look may answer otherwise
    0 >= ANY (k.conkey) OR EXISTS (
      SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid
      WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
        AND d.refclassid = 'pg_proc'::regclass AND p.provolatile = 'v')
  FROM member m JOIN pg_constraint k ON k.conrelid = m.oid AND k.contype = 'c'
  -- which version 17 has not
  WHERE (m.root OR k.coninhcount = 0) AND coalesce((to_jsonb(k)->>'conenforced')::boolean, true)
  UNION ALL
  SELECT 'not_null', m.name, CASE WHEN NOT m.root THEN m.takes END, a.attname::text, json_build_array(a.attname),
    format('%I IS NOT NULL', a.attname), false
  FROM member m JOIN pg_attribute a ON a.attrelid = m.oid
  WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped AND (m.root OR NOT EXISTS (
    SELECT FROM pg_attribute b WHERE b.attrelid = __ROOT__ AND b.attname = a.attname AND b.attnotnull))
  UNION ALL
  SELECT 'partition', r.name, NULL, NULL, '[]'::json, CASE r.relkind WHEN 'p' THEN (
    SELECT coalesce(string_agg(coalesce('(' || m.takes || ') IS NOT FALSE', 'true'), ' OR '), 'false')
    FROM member m WHERE m.relkind <> 'p') ELSE r.takes END, false
  FROM member r WHERE r.root AND (r.relkind = 'p' OR r.takes IS NOT NULL)
)
SELECT json_build_object('kind', kind, 'table', name, 'takes', takes, 'by', by, 'columns', coalesce(columns, '[]'),
  'test', test, 'opaque', coalesce(opaque, false))
FROM found ORDER BY kind, by, takes
